import { BodyInput } from "../gateway/input.ts";
import type { InputStream, Middleware } from "../gateway/types.ts";

/** `environ["tsgi.input"]` inside {@linkcode rewindable}. */
export interface Rewindable extends InputStream {
  /** The next read begins at the first byte again, also after `stream` was taken. */
  rewind(): void;
}

/**
 * Lets the application read the request body more than once: `tsgi.input` gets a `rewind()`.
 *
 * The first read takes the whole body into memory, so put a limit in front: `limitInput`, or the server's own.
 *
 * @example
 * ```ts
 * const application = rewindable()(async (environ, startResponse) => {
 *   const input = environ["tsgi.input"] as Rewindable;
 *   environ["tsgi.errors"].write(`${(await input.read()).length} bytes\n`);
 *   input.rewind();
 *   return shop(environ, startResponse);
 * });
 * ```
 */
export function rewindable(): Middleware {
  return (app) => (environ, startResponse) => {
    environ["tsgi.input"] = new RewindableInput(environ["tsgi.input"]);
    return app(environ, startResponse);
  };
}

class RewindableInput implements Rewindable {
  readonly #source: InputStream;
  #whole: Promise<Uint8Array> | null = null;
  #input: BodyInput;

  constructor(source: InputStream) {
    this.#source = source;
    this.#input = this.#fresh();
  }

  rewind(): void {
    this.#input = this.#fresh();
  }

  read(size?: number | null): Promise<Uint8Array> {
    return this.#input.read(size);
  }

  readline(limit?: number | null): Promise<Uint8Array> {
    return this.#input.readline(limit);
  }

  readlines(hint?: number | null): Promise<Uint8Array[]> {
    return this.#input.readlines(hint);
  }

  lines(): AsyncIterableIterator<Uint8Array> {
    return this.#input.lines();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.#input[Symbol.asyncIterator]();
  }

  get stream(): ReadableStream<Uint8Array> {
    return this.#input.stream;
  }

  /** The body from its first byte. Nothing is read before somebody pulls. */
  #fresh(): BodyInput {
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      this.#whole ??= this.#source.read();
      const bytes = await this.#whole;
      // A copy: a consumer may transfer or change what it is given.
      if (bytes.length > 0) controller.enqueue(bytes.slice());
      controller.close();
    };
    return new BodyInput({ body: new ReadableStream<Uint8Array>({ pull }, { highWaterMark: 0 }) });
  }
}
