/**
 * Python's WSGI: {@linkcode wrapWsgi} makes an application of a Flask or Django app, or of any other WSGI callable, unchanged.
 *
 * @module
 */
import process from "node:process";
import { markTold } from "../core/gateway/error.ts";
import type { App, Body, Environ, HeaderList, StartResponse, Status } from "../core/gateway/types.ts";
import { refuse } from "./cgi_exchange.ts";
import { isHopByHop } from "../core/gateway/hop_by_hop.ts";
import type { Frame, PythonConnection } from "./python_connection.ts";
import type { PythonLevel } from "./python_pool.ts";
import { PythonPool, PythonUnavailable } from "./python_pool.ts";
import type { Occupant, Place } from "./python_process.ts";
import type { PythonRequest } from "./python_request.ts";
import { pythonRequest, sendBody } from "./python_request.ts";

export interface WrapWsgiOptions {
  /** Python processes, each of which answers `threads` requests at a time: 1, unless given. */
  readonly processes?: number;
  /** Threads of each process: 1, unless given. The application has to be safe for them. */
  readonly threads?: number;
  /** The program, looked for in PATH: `python3`, unless given. That of a virtual environment is `.venv/bin/python`. */
  readonly python?: string;
  /** Folders in which modules are looked for before all others. */
  readonly path?: readonly string[];
  /** Where the processes run, and modules are looked for: the current directory, unless given. */
  readonly cwd?: string;
  /** Their environment: that of this process, unless given. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds of silence in a request after which a process is killed and replaced: 30,000, unless given; 0 for never. */
  readonly timeout?: number;
  /** Milliseconds that loading the application may take: 60,000, unless given; 0 for as long as it likes. */
  readonly bootTimeout?: number;
  /** Requests after which a process is replaced, by one that is ready: 0, unless given, which is never. */
  readonly maxRequests?: number;
  /** Up to so many requests more, by chance, so that not all processes are replaced at once. */
  readonly maxRequestsJitter?: number;
  /** Takes what is to be told and belongs to no request: standard error has it, unless given. */
  readonly log?: (level: "info" | "warning" | "error" | "critical", text: string) => void;
}

/** A WSGI application, to be mounted, and what a worker awaits for it. */
export interface WsgiApp extends App {
  /** Starts the processes; resolves when all are ready. Rejects with an AppLoadError that says why one is not. */
  startup(): Promise<void>;
  /** Ends them. */
  shutdown(): Promise<void>;
}

/**
 * Makes an application of a WSGI callable, named as gunicorn names it: `myproject.wsgi`, `app:app`, `app:create_app("test")`. Python
 * processes of one's own serve it, over a unix socket in a folder that nobody else may enter; they need Python 3.9 or newer and nothing
 * besides. Bodies go through as they come, both ways.
 *
 * What it is called with is PEP 3333's environ, SCRIPT_NAME that of the mount. An exception is an error here, with Python's traceback. A
 * process that is silent for `timeout` makes a 504 and is replaced, one that ends while it answers a 502; what had begun breaks off. When
 * no process can be started it is 503. Standard error goes to `tsgi.errors` of the request, where there is only one.
 *
 * The processes start with `startup`, which is to be exported, or else with the first request; they end with `shutdown`, and whenever this
 * process does.
 *
 * Not for what can only be run in Python's asyncio (ASGI). Throws RangeError for options that are no counts.
 *
 * @example
 * ```ts
 * const django = wrapWsgi("myproject.wsgi", { processes: 2 });
 * export const { startup, shutdown } = django;
 * export default dispatcher(django, { "/new": application });
 * ```
 */
export function wrapWsgi(app: string, options: WrapWsgiOptions = {}): WsgiApp {
  const { processes = 1, threads = 1, timeout = 30_000, bootTimeout = 60_000, maxRequests = 0, maxRequestsJitter = 0 } = options;
  for (const [name, value, least] of [["processes", processes, 1], ["threads", threads, 1], ["timeout", timeout, 0], ["bootTimeout", bootTimeout, 0], ["maxRequests", maxRequests, 0], ["maxRequestsJitter", maxRequestsJitter, 0]] as const) {
    if (!Number.isInteger(value) || value < least) throw new RangeError(`Cannot use ${name}: expected a whole number >= ${least}, got ${value}`);
  }
  const { python = "python3", path = [], cwd = process.cwd(), env = process.env, log = tell } = options;
  const multiprocess = processes > 1;
  const pool = new PythonPool({ app, processes, threads, python, path, cwd, env, timeout, bootTimeout, maxRequests, maxRequestsJitter, multiprocess, log });
  const application: App = async (environ, startResponse) => {
    const made = pythonRequest(environ);
    if (made === null) return refuse(startResponse, "400 Bad Request");
    const { head, way } = made;
    let place: Place;
    try {
      const request = `${environ.REQUEST_METHOD} ${environ.REQUEST_URI.replace(/\?.*/s, "")}`;
      place = await pool.acquire({ request, head, isBare: way === "none", environ });
    } catch (error) {
      if (!(error instanceof PythonUnavailable)) throw error;
      environ["tsgi.errors"].write(`${error.message}\n`);
      return refuse(startResponse, "503 Service Unavailable");
    }
    return await new WsgiExchange(place, environ, startResponse).run(way);
  };
  return Object.assign(application, { startup: () => pool.start(), shutdown: () => pool.stop() });
}

function tell(level: PythonLevel, text: string): void {
  if (level !== "info") process.stderr.write(`${text}\n`);
}

/** What Python threw. A log shows the message whole, and of a stack what it knows as frames: the traceback is in both. */
class PythonError extends Error {
  constructor({ reason, stack }: { readonly reason: string; readonly stack: string }) {
    const end = reason.indexOf(": ");
    const trace = stack.endsWith(reason) ? stack.slice(0, -reason.length).trimEnd() : stack;
    super([end < 0 ? "" : reason.slice(end + 2), ...(trace === "" ? [] : [trace])].join("\n"));
    this.name = end < 0 ? reason : reason.slice(0, end);
    this.stack = `${reason}\n${stack}`;
  }
}

class WsgiExchange implements Occupant {
  readonly #place: Place;
  readonly #connection: PythonConnection;
  readonly #number: number;
  readonly #environ: Environ;
  readonly #startResponse: StartResponse;
  #isOver = false;
  #hasBegun = false;
  #waitsForClient = false;

  constructor(place: Place, environ: Environ, startResponse: StartResponse) {
    this.#place = place;
    this.#connection = place.connection!;
    this.#number = place.number;
    this.#environ = environ;
    this.#startResponse = startResponse;
    place.occupant = this;
  }

  write(text: string): void {
    this.#environ["tsgi.errors"].write(`${text}\n`);
  }

  look(): void {
    // Before the answer has begun, those who wait in the connection would have to be asked again; then, close() is called anyway.
    if ((this.#hasBegun || this.#place.ahead.length === 0) && this.#environ["tsgi.signal"].aborted) this.#leave(false);
  }

  async run(way: PythonRequest["way"]): Promise<Body> {
    try {
      if (way !== "none") void this.#send(way);
      const first = await this.#next();
      this.#hasBegun = true;
      if (first.type === "X") throw this.#thrown(first);
      const [status, headers, number] = JSON.parse(DECODER.decode(first.data)) as [Status, HeaderList, number];
      if (number !== this.#number) throw this.#foreign(number);
      this.#startResponse(status, headers.filter(([name]) => typeof name !== "string" || !isHopByHop(name)));
      return this.#whole() ?? this.#streamed();
    } catch (error) {
      if (!this.#isOver) this.#leave(this.#hasBegun && this.#skip());
      if (this.#environ["tsgi.signal"].aborted) throw this.#environ["tsgi.signal"].reason;
      if (!(error instanceof Gone)) throw error;
      return this.#gone(error);
    }
  }

  /** Another's answer is nobody's: no mistake of ours may show it to a client. */
  #foreign(number: number): Error {
    this.#leave(false);
    return new Error(`Python process (pid: ${this.#place.process.pid}) answered request ${number} of its connection, expected ${this.#number}`);
  }

  /** Passes over what is there of an answer that nobody wants; whether the connection stays. */
  #skip(): boolean {
    let frame = this.#connection.peek();
    while (frame !== null && !isEnd(frame)) frame = this.#connection.peek();
    return frame?.type === "E";
  }

  async #send(way: PythonRequest["way"]): Promise<void> {
    try {
      await sendBody(this.#environ, way, {
        connection: this.#connection,
        isOver: () => this.#isOver,
        waits: (forClient) => {
          this.#waitsForClient = forClient;
          this.#place.since = forClient || this.#isOver ? null : performance.now();
        },
      });
    } catch {
      // Told by what Python answers, or by its end; a client that has gone, by its signal.
    }
  }

  async #next(): Promise<Frame> {
    const there = this.#connection.peek();
    if (there !== null) return there;
    if (!this.#waitsForClient) this.#place.since = performance.now();
    try {
      return await this.#connection.next();
    } catch {
      throw new Gone(this.#place);
    } finally {
      if (!this.#isOver) this.#place.since = null;
    }
  }

  /** A body that has come with the head; null if there is more to come. */
  #whole(): Body | null {
    const body = this.#connection.peek();
    if (body === null) return null;
    if (isEnd(body)) {
      this.#leave(body.type === "E");
      return [];
    }
    const end = body.type === "B" ? this.#connection.peek() : null;
    if (end === null || !isEnd(end)) return this.#streamed(end === null ? [body] : [body, end]);
    this.#leave(end.type === "E");
    return [body.data];
  }

  #streamed(first: readonly Frame[] = []): Body {
    const chunks = this.#rest(first);
    return { [Symbol.asyncIterator]: () => ({ next: () => chunks.next() }), close: () => this.#leave(false) } as Body;
  }

  async *#rest(first: readonly Frame[]): AsyncGenerator<Uint8Array> {
    const queue = [...first];
    for (;;) {
      let frame: Frame;
      try {
        frame = queue.shift() ?? await this.#next();
      } catch (error) {
        this.#leave(false);
        if (this.#environ["tsgi.signal"].aborted) throw this.#environ["tsgi.signal"].reason;
        if (this.#place.process.cause !== null) markTold(error as Error);
        throw error;
      }
      if (frame.type === "B") yield frame.data;
      else if (isEnd(frame)) return this.#leave(frame.type === "E");
      else throw this.#thrown(frame);
    }
  }

  /** The process says after it whether the connection stays. */
  #thrown(frame: Frame): Error {
    const end = this.#connection.peek();
    this.#leave(end?.type === "E");
    return new PythonError(JSON.parse(DECODER.decode(frame.data)) as { reason: string; stack: string });
  }

  #gone(error: Gone): Body {
    if (this.#place.process.cause !== null) return refuse(this.#startResponse, "504 Gateway Timeout", error);
    this.#environ["tsgi.errors"].write(`${error.message}\n`);
    return refuse(this.#startResponse, "502 Bad Gateway", error);
  }

  #leave(reusable: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (!reusable) {
      // It may go on for the client that has gone.
      this.#place.since = performance.now();
    }
    this.#place.process.leave(this.#place, reusable);
  }
}

const DECODER = new TextDecoder();

class Gone extends Error {
  constructor({ process: { pid } }: Place) {
    super(`Python process (pid: ${pid}) ended before its answer did`);
  }
}

function isEnd({ type }: Frame): boolean {
  return type === "E" || type === "C";
}
