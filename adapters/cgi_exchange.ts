/** What a CGI program and an SCGI server have in common: the body goes there while the answer comes, each at the pace of its reader. */
import type { Readable, Writable } from "node:stream";
import type { Body, Environ, StartResponse, Status } from "../core/gateway/types.ts";
import { CgiAnswerError, readHead } from "./cgi_response.ts";

/** The other side. */
export interface Peer {
  /** For messages: `./hello.cgi`, `127.0.0.1:4000`. */
  readonly name: string;
  readonly input: Writable;
  readonly output: Readable;
  /** All of the body was written. */
  written(): void;
  /** The output has ended: null if it is whole, else what is wrong. */
  ended(): Promise<string | null>;
  /** Nobody wants the rest any more. With `force`, since the client has gone, it is also made to end. */
  close(force: boolean): void;
}

interface Call {
  readonly environ: Environ;
  readonly startResponse: StartResponse;
}

/**
 * Sends the body, reads the head of the answer, and gives the rest as a body. An answer that is none makes a 502, and a line on
 * `tsgi.errors` that says why.
 */
export async function converse(peer: Peer, body: AsyncIterable<Uint8Array>, { environ, startResponse }: Call): Promise<Body> {
  const exchange = new CgiExchange(peer, environ["tsgi.signal"]);
  void exchange.send(body);
  try {
    const { status, headers, rest } = await readHead(exchange.chunks);
    startResponse(status, headers);
    return exchange.body(rest);
  } catch (error) {
    exchange.close();
    if (environ["tsgi.signal"].aborted) throw environ["tsgi.signal"].reason;
    const why = await exchange.explain(error);
    environ["tsgi.errors"].write(`Cannot use the answer of ${peer.name}: ${why}\n`);
    return refuse(startResponse, "502 Bad Gateway", error);
  }
}

/** A short answer in the place of the other side's. `excInfo` if startResponse may have been called already. */
export function refuse(startResponse: StartResponse, status: Status, excInfo?: unknown): Body {
  startResponse(status, [["Content-Type", "text/plain"]], excInfo);
  return [`${status.slice(4)}\n`];
}

/** Writes and waits until it was taken; rejects if it cannot be any more. */
export function write(stream: Writable, chunk: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(chunk, (error) => error ? reject(error) : resolve());
  });
}

class CgiExchange {
  readonly chunks: AsyncIterator<Uint8Array>;
  readonly #peer: Peer;
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => this.close();
  #isClosed = false;

  constructor(peer: Peer, signal: AbortSignal) {
    this.#peer = peer;
    this.#signal = signal;
    this.chunks = peer.output[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    // Told by write() and by the iterator; without a listener they would end this process.
    peer.input.on("error", () => {});
    peer.output.on("error", () => {});
    if (signal.aborted) this.close();
    else signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** A program need not read its input. One that failed says so by its answer, and a client that has gone by its signal. */
  async send(body: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const chunk of body) {
        if (this.#isClosed) return;
        await write(this.#peer.input, chunk);
        if (this.#isClosed) return;
      }
      this.#peer.written();
    } catch {
      // As said above.
    }
  }

  /** With close(), which is called even if nobody has begun to iterate. */
  body(rest: Uint8Array): Body {
    const chunks = this.#rest(rest);
    return { [Symbol.asyncIterator]: () => ({ next: () => chunks.next() }), close: () => this.close() } as Body;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#peer.close(this.#signal.aborted);
  }

  /** What was wrong with the head: often the end of the program tells more than what it wrote. */
  async explain(error: unknown): Promise<string> {
    if (!(error instanceof CgiAnswerError)) return error instanceof Error ? error.message : String(error);
    const end = await this.#peer.ended();
    return end === null ? error.message : `${error.message}; ${end}`;
  }

  async *#rest(first: Uint8Array): AsyncGenerator<Uint8Array> {
    if (first.length > 0) yield first;
    try {
      for (let result = await this.chunks.next(); !result.done; result = await this.chunks.next()) yield result.value;
    } catch (error) {
      if (this.#signal.aborted) throw this.#signal.reason;
      throw new Error(`Cannot send the rest of the answer of ${this.#peer.name}: ${(error as Error).message}`);
    }
    if (this.#signal.aborted) throw this.#signal.reason;
    const failure = await this.#peer.ended();
    if (failure !== null) throw new Error(`Cannot send the rest of the answer of ${this.#peer.name}: ${failure}`);
  }
}
