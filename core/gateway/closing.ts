import { BodyReader } from "./body_reader.ts";
import type { Body, Chunk } from "./types.ts";

/**
 * A body that calls `callbacks`, in order and once, when it is closed: after the last chunk, after an error, after a disconnect.
 * The body's own close runs before them (SPEC U-8, K-5). For middleware that holds something as long as the response lasts.
 *
 * An Array comes back as an iterable, so its Content-Length is no longer inferred: set it, or let go before you return.
 *
 * @example
 * ```ts
 * const application: App = async (environ, startResponse) => {
 *   const connection = await pool.take();
 *   return closing(await inner(environ, startResponse), () => connection.release());
 * };
 * ```
 */
export function closing(body: Body, ...callbacks: (() => void | PromiseLike<void>)[]): Body {
  const closer = new ClosingBody(new BodyReader(body), callbacks);
  return Symbol.asyncIterator in body || !(Symbol.iterator in body)
    ? { [Symbol.asyncIterator]: () => closer.iterator() as AsyncIterator<Chunk>, close: () => closer.close() } as Body
    : { [Symbol.iterator]: () => closer.iterator() as Iterator<Chunk>, close: () => closer.close() } as Body;
}

class ClosingBody {
  readonly #reader: BodyReader;
  readonly #callbacks: readonly (() => void | PromiseLike<void>)[];
  #isClosed = false;

  constructor(reader: BodyReader, callbacks: readonly (() => void | PromiseLike<void>)[]) {
    this.#reader = reader;
    this.#callbacks = callbacks;
  }

  /** Without return(): an iterator left early is returned by close(), which always follows. */
  iterator(): { next(): unknown } {
    return { next: () => this.#reader.next() };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const errors: unknown[] = [];
    const closed = this.#reader.close((error) => errors.push(error));
    if (closed !== undefined) await closed;
    for (const callback of this.#callbacks) {
      try {
        // Without the test, every callback would wait for a turn of the loop, and the first ones run late.
        const result = callback();
        if (result !== undefined) await result;
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1) throw new AggregateError(errors, "Cannot close a body: several closers failed");
  }
}
