import type { App, Body, Chunk, Environ, HeaderList, StartResponse, Status } from "../gateway/types.ts";
import { isThenable } from "../gateway/body_reader.ts";
import { ChunkReader, derivedBody } from "./chunk_reader.ts";

/** What is answered instead of an error. */
export interface Recovery {
  readonly status: Status;
  readonly headers: HeaderList;
  readonly chunks: Chunk[];
}

/**
 * Calls `app`; whatever it throws before something was sent, at once, later or in its body, is answered by `answer`, unless that gives
 * null. All other errors go on to the gateway as they are.
 */
export function recover(app: App, environ: Environ, startResponse: StartResponse, answer: (error: unknown) => Recovery | null): Body | PromiseLike<Body> {
  const guard = new Guard(startResponse, answer);
  try {
    const body = app(environ, guard.startResponse);
    return isThenable(body) ? body.then((settled) => guard.returned(settled), (error) => guard.failed(error)) : guard.returned(body);
  } catch (error) {
    return guard.failed(error);
  }
}

class Guard {
  readonly #outer: StartResponse;
  readonly #answer: (error: unknown) => Recovery | null;
  #isCommitted = false;

  constructor(outer: StartResponse, answer: (error: unknown) => Recovery | null) {
    this.#outer = outer;
    this.#answer = answer;
  }

  readonly startResponse: StartResponse = (...args) => {
    const write = this.#outer(...args);
    return (chunk) => {
      this.#isCommitted = true;
      return write(chunk);
    };
  };

  returned(body: Body): Body {
    if (Array.isArray(body)) return body;
    const reader = new ChunkReader(body);
    return derivedBody(reader, () => this.#chunks(reader));
  }

  failed(error: unknown): Chunk[] {
    const recovery = this.#isCommitted ? null : this.#answer(error);
    if (recovery === null) throw error;
    // Anything can be thrown, null and undefined too, which as excInfo would mean that nothing was.
    this.#outer(recovery.status, recovery.headers, error instanceof Error ? error : new Error("Cannot answer", { cause: error }));
    return recovery.chunks;
  }

  async *#chunks(reader: ChunkReader): AsyncGenerator<Chunk, void> {
    try {
      for await (const chunk of reader) {
        if (chunk.length > 0) this.#isCommitted = true;
        yield chunk;
      }
    } catch (error) {
      yield* this.failed(error);
    }
  }
}
