import { BodyReader } from "../gateway/body_reader.ts";
import type { Body, Chunk } from "../gateway/types.ts";

type Step = IteratorResult<Chunk, unknown>;

/**
 * Reads a body chunk by chunk, and closes it: for middleware that hands out a body of its own.
 *
 * close() may be called at any time and more than once; the body is closed once. While next() is pending, close() waits for it,
 * unless the application heeds `tsgi.signal` (SPEC K-7).
 */
export class ChunkReader implements AsyncIterable<Chunk> {
  readonly #reader: BodyReader;
  #isEnded = false;
  #closed: Promise<void> | null = null;

  /** Throws `ERR_TSGI_BODY` for what is no body. */
  constructor(body: Body) {
    this.#reader = new BodyReader(body);
  }

  /** After the end, after an error and after close() there is nothing more. */
  async next(): Promise<Step> {
    if (this.#isEnded || this.#closed !== null) return { done: true, value: undefined };
    try {
      const step = await this.#reader.next() as Step;
      this.#isEnded = step.done === true;
      return step;
    } catch (error) {
      this.#isEnded = true;
      throw error;
    }
  }

  /** What is left, without closing: that is for the one who made the reader. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Chunk, void> {
    for (let step = await this.next(); !step.done; step = await this.next()) yield step.value;
  }

  /** Rejects with the first error that closing threw. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const errors: unknown[] = [];
    await this.#reader.close((error) => errors.push(error));
    if (errors.length > 0) throw errors[0];
  }
}

/**
 * A body of `chunks`, made from what `source` reads; whoever closes it closes that too. `closed` is called last, once.
 *
 * `chunks` must end when `source` does: a gateway asks for nothing after close().
 */
export function derivedBody(source: Pick<ChunkReader, "close">, chunks: () => AsyncGenerator<Chunk>, closed?: () => void | PromiseLike<void>): Body {
  let isClosed = false;
  return {
    [Symbol.asyncIterator]: chunks,
    async close() {
      if (isClosed) return;
      isClosed = true;
      try {
        await source.close();
      } finally {
        await closed?.();
      }
    },
  } as AsyncIterable<Chunk>;
}
