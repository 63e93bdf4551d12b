import { kindOf } from "./error.ts";
import type { Body, FileLike, FileSource } from "./types.ts";

const BLOCK_SIZE = 64 * 1024;

/**
 * `tsgi.file_wrapper` (SPEC ): a body that reads `source` block by block from where it stands, and closes it when the response
 * is over. Nothing is read before the gateway has the wrapper; one that is not returned is for the application to close.
 *
 * Throws TypeError for a source that cannot be read and RangeError for a block size that is no positive integer.
 */
export function fileWrapper(source: FileSource, blockSize: number = BLOCK_SIZE): Body {
  if (!Number.isInteger(blockSize) || blockSize < 1) throw new RangeError(`Cannot read a file in blocks of ${blockSize}: expected a positive integer`);
  if (!(source instanceof Blob) && !(source instanceof ReadableStream) && typeof source?.read !== "function") {
    throw new TypeError(`Cannot send ${kindOf(source)} as a file: expected read(), a Blob or a ReadableStream`);
  }
  return new FileBody(source, blockSize);
}

/** Whether this is a body that {@linkcode fileWrapper} made. */
export function isFileBody(body: object): boolean {
  return body instanceof FileBody;
}

class FileBody implements AsyncIterable<Uint8Array> {
  readonly #source: FileSource;
  readonly #blockSize: number;
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  #isClosed = false;

  constructor(source: FileSource, blockSize: number) {
    this.#source = source;
    this.#blockSize = blockSize;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const source = this.#source;
    if (!(source instanceof Blob) && !(source instanceof ReadableStream)) return { next: () => this.#readBlock(source) };
    const stream = source instanceof Blob ? source.stream() as ReadableStream<Uint8Array> : source;
    const reader = this.#reader = stream.getReader();
    return { next: () => reader.read() as Promise<IteratorResult<Uint8Array>> };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const source = this.#source;
    if (this.#reader !== null) await this.#reader.cancel();
    else if (source instanceof ReadableStream) await source.cancel();
    else if (!(source instanceof Blob)) await source.close?.();
  }

  async #readBlock(source: FileLike): Promise<IteratorResult<Uint8Array>> {
    const block = await source.read(this.#blockSize);
    return block === null || block.length === 0 ? { done: true, value: undefined } : { done: false, value: block };
  }
}
