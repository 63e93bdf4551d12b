import type { App, Body, Chunk, Environ, HeaderList, Middleware, StartResponse, Status } from "../../gateway/types.ts";
import { isThenable } from "../../gateway/body_reader.ts";
import { ChunkReader, derivedBody } from "../chunk_reader.ts";
import { onEnd } from "../on_end.ts";

/** What wants to hear of requests. Status and headers are null where none were in force. */
export interface EventHandler {
  onStart?(environ: Environ): void;
  /** The answer is settled, and nothing of it is sent. */
  onCommit?(environ: Environ, status: Status | null, headers: HeaderList | null): void;
  /** Its body is about to be sent. */
  onSend?(environ: Environ, status: Status | null, headers: HeaderList | null): void;
  /** The body was closed, or there was an error. */
  onFinish?(environ: Environ, status: Status | null, headers: HeaderList | null): void;
  onError?(environ: Environ, error: unknown): void;
}

/**
 * Tells handlers what happens to each request: onStart in their order, onCommit, onSend, onError and onFinish in reverse. Every onStart
 * has its onFinish. What a handler throws is as if the application threw it.
 *
 * @example
 * ```ts
 * const application = events({
 *   onStart: (environ) => environ["shop.began"] = performance.now(),
 *   onFinish: (environ, status) => metrics.observe(status, performance.now() - Number(environ["shop.began"])),
 * })(shop);
 * ```
 */
export function events(...handlers: readonly EventHandler[]): Middleware {
  const reversed = [...handlers].reverse();
  return (app) => (environ, startResponse) => {
    const request = new Observed(environ, startResponse, reversed);
    return onEnd((environ, startResponse) => {
      for (const handler of handlers) handler.onStart?.(environ);
      return request.run(app, environ, startResponse);
    }, environ, request.startResponse, (error) => request.ended(error));
  };
}

class Observed {
  readonly #environ: Environ;
  readonly #outer: StartResponse;
  readonly #handlers: readonly EventHandler[];
  #status: Status | null = null;
  #headers: HeaderList | null = null;
  #isCommitted = false;

  constructor(environ: Environ, outer: StartResponse, handlers: readonly EventHandler[]) {
    this.#environ = environ;
    this.#outer = outer;
    this.#handlers = handlers;
  }

  readonly startResponse: StartResponse = (...args) => {
    const write = this.#outer(...args);
    [this.#status, this.#headers] = args;
    return (chunk) => {
      this.#commit();
      return write(chunk);
    };
  };

  run(app: App, environ: Environ, startResponse: StartResponse): Body | PromiseLike<Body> {
    const body = app(environ, startResponse);
    return isThenable(body) ? body.then((settled) => this.#returned(settled)) : this.#returned(body);
  }

  ended(error: unknown): void {
    if (error !== null) for (const handler of this.#handlers) handler.onError?.(this.#environ, error);
    for (const handler of this.#handlers) handler.onFinish?.(this.#environ, this.#status, this.#headers);
  }

  #returned(body: Body): Body {
    if (Array.isArray(body)) {
      this.#commit();
      return body;
    }
    const reader = new ChunkReader(body);
    return derivedBody(reader, () => this.#chunks(reader));
  }

  async *#chunks(reader: ChunkReader): AsyncGenerator<Chunk, void> {
    for await (const chunk of reader) {
      if (chunk.length > 0) this.#commit();
      yield chunk;
    }
    this.#commit();
  }

  #commit(): void {
    if (this.#isCommitted) return;
    this.#isCommitted = true;
    for (const handler of this.#handlers) handler.onCommit?.(this.#environ, this.#status, this.#headers);
    for (const handler of this.#handlers) handler.onSend?.(this.#environ, this.#status, this.#headers);
  }
}
