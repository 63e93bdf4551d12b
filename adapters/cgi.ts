/**
 * CGI, both ways: {@linkcode runCgi} answers one request with an application, as a program that a web server starts, and
 * {@linkcode wrapCgi} makes an application of such a program.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import process from "node:process";
import type { Writable } from "node:stream";
import { createGateway } from "../core/gateway/gateway.ts";
import type { Exchange } from "../core/gateway/gateway.ts";
import { status } from "../core/gateway/status.ts";
import type { App, Environ, HeaderList } from "../core/gateway/types.ts";
import { cgiVariables, ownEnv } from "./cgi_environ.ts";
import type { Env } from "./cgi_environ.ts";
import { write } from "./cgi_exchange.ts";
import { standardInput } from "./standard_input.ts";

export { wrapCgi } from "./cgi_program.ts";
export type { WrapCgiOptions } from "./cgi_program.ts";

/** The four things that a CGI program gets; this process's own unless given. */
export interface RunCgiOptions {
  readonly env?: Env;
  readonly stdin?: AsyncIterable<Uint8Array>;
  readonly stdout?: Writable;
  readonly stderr?: Writable;
}

/** A URL is needed to make an environ at all; every variable that would come from it is replaced. */
const NO_URL = "http://localhost/";

/**
 * Answers the one request that this process was started for as a CGI program (RFC 3875), and resolves with an exit code: 0, or 1 if the
 * response was broken off after it had begun, which is all that CGI can say about that.
 *
 * Everything in the environment is in environ. The body ends after CONTENT_LENGTH bytes and is empty without one, whatever stdin does.
 * A web server that has gone is noticed when something is written to it: then `tsgi.signal` aborts.
 *
 * Headers have been turned into variables by the web server: whether it drops those with `_` in their names is its own affair (SPEC
 * E-16a). HTTP/0.9 is answered 400. A program of its own for each request is slow: SCGI or a proxied tsgi is not.
 *
 * Throws Error where REQUEST_METHOD is missing, as it is outside of a web server.
 *
 * @example
 * ```ts
 * #!/usr/bin/env -S deno run -A
 * import process from "node:process";
 * process.exitCode = await runCgi(application);
 * ```
 */
export async function runCgi(app: App, options: RunCgiOptions = {}): Promise<number> {
  const { env = ownEnv(), stdin = standardInput(), stdout = process.stdout, stderr = process.stderr } = options;
  if (!env.REQUEST_METHOD) throw new Error("Cannot run as a CGI program: REQUEST_METHOD is not set, start it from a web server");
  // Told by the callbacks of write(); without a listener, a web server that has gone would end the process.
  stdout.on("error", () => {});
  stderr.on("error", () => {});
  const length = env.CONTENT_LENGTH || "0";
  const fault = faultOf(env.SERVER_PROTOCOL, length);
  if (fault !== null) {
    stderr.write(`${fault}\n`);
    await write(stdout, "Status: 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nBad Request");
    return 0;
  }
  const input = new LimitedInput(stdin, Number(length));
  try {
    return await new CgiCall(app, env, { body: input.stream, stdout, stderr }).run();
  } finally {
    input.release();
  }
}

function faultOf(protocol: string | undefined, length: string): string | null {
  if (protocol === "HTTP/0.9") return "Cannot answer HTTP/0.9: it has neither status nor headers";
  return /^\d{1,15}$/.test(length) ? null : `Cannot read the request: CONTENT_LENGTH is ${JSON.stringify(length.slice(0, 40))}, expected digits`;
}

interface Streams {
  readonly body: ReadableStream<Uint8Array> | null;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** The gateway's one call, and its Response written out. */
class CgiCall {
  readonly #app: App;
  readonly #env: Env;
  readonly #streams: Streams;
  #exchange: Exchange | null = null;
  readonly #over = Promise.withResolvers<void>();
  readonly #waiting: PromiseLike<unknown>[] = [];

  constructor(app: App, env: Env, streams: Streams) {
    this.#app = app;
    this.#env = env;
    this.#streams = streams;
  }

  async run(): Promise<number> {
    const handle = createGateway((environ, startResponse) => this.#app(this.#fill(environ), startResponse), {
      noHost: () => "localhost",
      print: (lines) => this.#streams.stderr.write(`${lines}\n`),
      server: () => ({ multiprocess: true, runOnce: true }),
      streaming: (exchange) => this.#exchange = exchange,
      finished: (exchange) => this.#exchange = exchange,
    });
    // Not a Request: that cannot carry every method, nor GET a body.
    const request = { url: NO_URL, method: this.#env.REQUEST_METHOD, headers: new Headers(), body: this.#streams.body };
    const response = await handle(request as unknown as Request);
    // The answer to HEAD that a write() began is told of at its end only.
    if (this.#exchange === null) await this.#over.promise;
    const isWhole = await this.#send(response, this.#exchange!);
    await this.#over.promise;
    await Promise.allSettled(this.#waiting);
    return isWhole ? 0 : 1;
  }

  #fill(environ: Environ): Environ {
    // Called last, for it is the first (SPEC X-6).
    environ["tsgi.response_finished"]!.push(() => this.#over.resolve());
    const variables = cgiVariables(this.#env);
    return Object.assign(environ, variables, {
      "tsgi.url_scheme": variables.HTTPS === "on" ? "https" : "http",
      "tsgi.nonblocking": false,
      "tsgi.wait_until": (promise: PromiseLike<unknown>) => void this.#waiting.push(promise),
    });
  }

  /** Whether the response was sent to its end, or nobody was there any more to take it. */
  async #send(response: Response, exchange: Exchange): Promise<boolean> {
    const { stdout } = this.#streams;
    const reader = response.body?.getReader();
    try {
      await write(stdout, headText(response, exchange));
    } catch (error) {
      await reader?.cancel(error);
      return true;
    }
    for (;;) {
      let result: { readonly value?: Uint8Array | undefined } | undefined;
      try {
        result = await reader?.read();
      } catch {
        // The gateway has logged what broke it.
        return false;
      }
      if (result?.value === undefined) return true;
      try {
        await write(stdout, result.value);
      } catch (error) {
        await reader!.cancel(error);
        return true;
      }
    }
  }
}

/** Status and headers in the application's own spelling and order, which a Response does not keep. */
function headText(response: Response, { status: line, headers }: Exchange): Buffer {
  const fields: HeaderList = headers === null ? [...response.headers] : headers.filter(([name]) => name.toLowerCase() !== "content-length");
  const length = response.headers.get("content-length");
  if (headers !== null && length !== null) fields.push(["Content-Length", length]);
  const lines = [["Status", line ?? status(response.status)], ...fields].map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${lines.join("")}\r\n`, "latin1");
}

/** The first `length` bytes of a source, which is not touched before somebody reads. */
class LimitedInput {
  readonly stream: ReadableStream<Uint8Array> | null;
  readonly #source: AsyncIterable<Uint8Array>;
  #left: number;
  #iterator: AsyncIterator<Uint8Array> | null = null;

  constructor(source: AsyncIterable<Uint8Array>, length: number) {
    this.#source = source;
    this.#left = length;
    this.stream = length === 0 ? null : new ReadableStream({ pull: (controller) => this.#pull(controller) }, { highWaterMark: 0 });
  }

  /** Lets go of a source that was begun. */
  release(): void {
    // Not awaited: a read that is under way may never come to its end.
    void this.#iterator?.return?.();
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.#iterator ??= this.#source[Symbol.asyncIterator]();
    const result = await this.#iterator.next();
    if (result.done === true) throw new Error(`Cannot read the request body: stdin ended ${this.#left} bytes before CONTENT_LENGTH`);
    const { buffer, byteOffset, length } = result.value;
    const part = new Uint8Array(buffer as ArrayBuffer, byteOffset, Math.min(length, this.#left));
    this.#left -= part.length;
    controller.enqueue(part);
    if (this.#left === 0) controller.close();
  }
}
