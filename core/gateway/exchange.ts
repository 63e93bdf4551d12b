import { byteLength } from "./chunk.ts";
import type { BodyReader } from "./body_reader.ts";
import { isThenable } from "./body_reader.ts";
import type { BodyStream, StreamOwner } from "./body_stream.ts";
import { earlyHints } from "./early_hints.ts";
import { describeError, isTold } from "./error.ts";
import { ConsoleErrors } from "./errors.ts";
import type { Head, Heads } from "./head.ts";
import { BodyInput } from "./input.ts";
import type { Making } from "./environ.ts";
import type { EnvironSettings, Scope } from "./variables.ts";
import type { EarlyHints, Environ, ErrorStream, HeaderList, ResponseFinished, ServerInfo, Status } from "./types.ts";

/** A request and its answer, as the server sees them when the response is over. */
export interface Exchange {
  readonly request: Request;
  /** The object that the application saw. */
  readonly environ: Environ;
  /** What it is made from, if it is made lazily. */
  readonly making: Making | null;
  /** Where the path begins in the request's URL. */
  readonly pathStart: number;
  /** As sent; null if nothing was. */
  readonly status: Status | null;
  /** Its number; 0 if nothing was. */
  readonly statusCode: number;
  readonly headers: HeaderList | null;
  /** Bytes of the body that the transport was given. */
  readonly bytes: number;
  /** null if there was none. A disconnect is none. */
  readonly error: unknown;
  /** The client went before the response was complete. */
  readonly aborted: boolean;
  /** What the platform passed beside the request. */
  readonly platform: unknown;
  /** When it came, on the gateway's clock; 0 if it has none. */
  readonly since: number;
}

/** What the requests of one gateway have in common. */
export interface Gateway {
  readonly environ: EnvironSettings;
  readonly heads: Heads;
  /** null means a console of its own for each request. */
  readonly errors: ErrorStream | null;
  /** Where such a console prints; null means console.error. */
  readonly print: ((lines: string, request: Request | null) => void) | null;
  readonly onError: ((error: unknown, environ: Environ) => void) | null;
  readonly streaming: ((exchange: Exchange, response: Response) => void) | null;
  readonly finished: ((exchange: Exchange) => void) | null;
  readonly clock: (() => number) | null;
  /** Its Responses go to the native server as they are. */
  readonly isLast: boolean;
  readonly Response: typeof Response;
  readonly serverInfo: (request: Request, argument: unknown, context: unknown) => ServerInfo;
}

/** How a platform delivers requests and takes answers; the same for all requests that come the same way. */
export interface Mode {
  /** The URL is the client's raw text. */
  readonly isRaw: boolean;
  /** The server may know the request-target as it came; Deno's and Bun's own do not. */
  readonly knowsTarget: boolean;
  /** The native server itself called: it writes the Content-Length of a body that it sees whole. */
  readonly isNative: boolean;
  readonly hasReason: boolean;
  /** A Response is made fastest as the copy of one. */
  readonly copies: boolean;
}

/**
 * One call of the application: the state that SPEC Appendix B.2 describes, and what environ is made from.
 *
 * A call is open until it is committed (its Response exists), then until it is over (the body is sent, or never will be).
 */
export class Call implements Exchange, Scope, StreamOwner {
  readonly gateway: Gateway;
  readonly request: Request;
  readonly mode: Mode;
  readonly pathStart: number;
  environ: Environ = null as unknown as Environ;
  making: Making | null = null;
  /** Set first thing in startResponse. */
  isStarted = false;
  /** Valid status and headers in force; null before startResponse, and after it threw. */
  head: Head | null = null;
  isCommitted = false;
  /** The application returned, or its promise settled. */
  hasReturned = false;
  isOver = false;
  aborted = false;
  abortReason: unknown = null;
  error: unknown = null;
  /** What was sent. */
  sentHead: Head | null = null;
  /** An Array body as it was handed over whole: its bytes are counted if somebody asks. */
  payload: string | Uint8Array | null = null;
  /** The Response that the first write() made, before the application returned. */
  early: Response | null = null;
  onEarly: ((response: Response) => void) | null = null;
  since = 0;
  stream: BodyStream | null = null;
  reader: BodyReader | null = null;
  #streamed = 0;
  #info: ServerInfo | null = null;
  #input: BodyInput | null = null;
  #inputFailure: { readonly error: unknown } | null = null;
  #errors: ErrorStream | null = null;
  #controller: AbortController | null = null;
  #isWaiting = false;
  #finishers: ResponseFinished[] | null = null;

  readonly #argument: unknown;
  readonly #context: unknown;

  // Six in a row, since an object to hold them would be made for every request.
  constructor(gateway: Gateway, mode: Mode, request: Request, pathStart: number, argument: unknown, context: unknown) {
    this.gateway = gateway;
    this.mode = mode;
    this.request = request;
    this.pathStart = pathStart;
    this.#argument = argument;
    this.#context = context;
  }

  // What environ is made from.

  get settings(): EnvironSettings {
    return this.gateway.environ;
  }
  get isRaw(): boolean {
    return this.mode.isRaw;
  }
  get info(): ServerInfo {
    return this.#info ??= this.gateway.serverInfo(this.request, this.#argument, this.#context);
  }
  get target(): string | undefined {
    return this.mode.knowsTarget ? this.info.requestTarget : undefined;
  }
  get input(): BodyInput {
    return this.#input ??= new BodyInput(this.request, (error) => {
      this.#inputFailure = { error };
      this.#abort(error);
    });
  }
  get errors(): ErrorStream {
    return this.gateway.errors ?? (this.#errors ??= new ConsoleErrors(this.gateway.print, this.request));
  }
  get finishers(): ResponseFinished[] {
    return this.#finishers ??= [];
  }
  get earlyHints(): EarlyHints | undefined {
    const send = this.info.earlyHints;
    return send === undefined ? undefined : earlyHints(send, this);
  }

  /** Aborts when the client is gone before the response is over, and never after that, as Deno's own signal does (SPEC X-1). */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.aborted) this.#controller.abort(this.abortReason);
      else if (this.#isWaiting) this.#watch();
    }
    return this.#controller.signal;
  }

  /**
   * The application goes on after a turn of the loop. Only then can a client leave unnoticed: so a signal that comes with a copy of
   * environ costs an application that answers at once no look at the request's own, which is dear, and prints a warning on Deno.
   */
  waiting(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    if (this.#controller !== null) this.#watch();
  }

  /** Nobody but the native server reads the body. */
  get isSentDirectly(): boolean {
    return this.gateway.isLast && this.mode.isNative;
  }

  // What the server is told.

  get status(): Status | null {
    return this.sentHead?.status ?? null;
  }
  get statusCode(): number {
    return this.sentHead === null ? 0 : this.sentHead.code;
  }
  get headers(): HeaderList | null {
    return this.sentHead?.headers ?? null;
  }
  get platform(): unknown {
    return this.#argument;
  }
  get bytes(): number {
    if (this.payload === null) return this.#streamed;
    return this.request.method === "HEAD" ? 0 : byteLength(this.payload);
  }

  // What happens.

  sent(bytes: number): void {
    this.#streamed += bytes;
  }

  /** The native servers print what breaks a body, whatever it is: with the stack once more, every error would be in the log twice. */
  breakage(error: unknown): unknown {
    return this.mode.isNative ? "The response was broken off for the error logged above" : error;
  }

  /** The client is gone. The signal comes first: an application that waits for an event can only be woken by it (SPEC K-7). */
  disconnected(reason: unknown): void | Promise<void> {
    if (this.isOver) return;
    this.#abort(new DOMException("The client has closed the connection", "AbortError"));
    if (!this.isCommitted) return;
    const fault = isTransportFault(reason) ? reason : null;
    if (fault !== null) this.log(fault);
    return this.over(fault);
  }

  /** The end, whatever it is. Closes the body, tells the server, then runs the callbacks of `tsgi.response_finished`; once. */
  over(error: unknown): void | Promise<void> {
    if (this.isOver) return;
    this.isOver = true;
    this.error = error;
    this.stream?.drop(this.abortReason);
    const closed = this.reader?.close((fault) => this.log(fault));
    this.gateway.finished?.(this);
    const isQuiet = this.#finishers === null || this.#finishers.length === 0;
    if (closed === undefined && isQuiet) return this.#flush();
    const finished = this.#finish(closed);
    this.#info?.waitUntil?.(finished);
    return finished;
  }

  /** Whether an error is what reading a body that was cut short throws, or what an aborted signal gives its reason to (SPEC R-4). */
  isDisconnect(error: unknown): boolean {
    if (!this.aborted) return false;
    const cause = error instanceof Error ? error.cause : undefined;
    return [this.abortReason, this.#inputFailure?.error].some((known) => known !== undefined && (known === error || known === cause));
  }

  log(error: unknown): void {
    if (!isTold(error)) this.warn(`Error handling request ${this.#line()}\n${textOf(error)}`);
    try {
      this.gateway.onError?.(error, this.environ);
    } catch {
      // The error itself is in the log already.
    }
  }

  warn(text: string): void {
    try {
      // Not through the request's own console: an unfinished line of the application would run into this one.
      const errors = this.gateway.errors ?? new ConsoleErrors(this.gateway.print, this.request);
      errors.write(`${text}\n`);
      void errors.flush();
    } catch {
      // There is nobody left to tell (SPEC R-6).
    }
  }

  #abort(reason: unknown): void {
    if (this.aborted || this.isOver) return;
    this.aborted = true;
    this.abortReason = reason;
    this.#controller?.abort(reason);
  }

  #watch(): void {
    const native: AbortSignal | undefined = this.isOver ? undefined : this.request.signal;
    if (native === undefined) return;
    if (native.aborted) void this.disconnected(native.reason);
    else native.addEventListener("abort", () => void this.disconnected(undefined), { once: true });
  }

  /** Synchronous up to the first promise: on Deno and Bun the request is gone as soon as the Response has been returned. */
  async #finish(closed: void | Promise<void>): Promise<void> {
    if (closed !== undefined) await closed;
    const status = this.head?.status ?? null;
    const headers = this.head?.headers ?? null;
    for (let finisher = this.#finishers?.pop(); finisher !== undefined; finisher = this.#finishers?.pop()) {
      try {
        const result: unknown = finisher(this.environ, status, headers, this.error);
        if (isThenable(result)) await result;
      } catch (error) {
        this.log(error);
      }
    }
    this.#flush();
  }

  #flush(): void {
    try {
      void this.#errors?.flush();
    } catch {
      // A console that fails can't be told so.
    }
  }

  #line(): string {
    try {
      return `${this.environ.REQUEST_METHOD} ${this.environ.REQUEST_URI}`;
    } catch {
      // An application can do anything to its environ.
      return this.request.method;
    }
  }
}

function textOf(error: unknown): string {
  try {
    return describeError(error);
  } catch {
    // Getters that throw.
    return "An error that cannot be shown";
  }
}

/**
 * Deno cancels a body with a string, Bun with an AbortError or nothing, when the client is gone. Another error is the transport's own.
 */
function isTransportFault(reason: unknown): boolean {
  if (!(reason instanceof Error) || reason.name === "AbortError") return false;
  const code = "code" in reason ? String(reason.code) : "";
  return !["ECONNRESET", "EPIPE", "ECONNABORTED", "ERR_STREAM_PREMATURE_CLOSE", "ERR_STREAM_DESTROYED"].includes(code);
}
