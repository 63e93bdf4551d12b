import { blocksOf, isBlockSource, releasing, resultOf, StreamBlocks } from "./block_source.ts";
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

/**
 * To be called before a body is iterated, where each chunk goes to a native server that has done with it when it asks for the next: files
 * are then read in blocks of a size that suits, whatever `blockSize` says, and the blocks are given back. Anything else stays as it is.
 */
export function sendBlocks(body: unknown): void {
  if (body instanceof FileBody) body.isSentDirectly = true;
}

class FileBody implements AsyncIterable<Uint8Array> {
  readonly #source: FileSource;
  readonly #blockSize: number;
  isSentDirectly = false;
  #reader: { cancel(): Promise<void> } | null = null;
  #isClosed = false;

  constructor(source: FileSource, blockSize: number) {
    this.#source = source;
    this.#blockSize = blockSize;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const source = this.#source;
    if (!(source instanceof Blob) && !(source instanceof ReadableStream)) {
      return this.isSentDirectly && isBlockSource(source) ? blocksOf(source) : { next: () => this.#readBlock(source) };
    }
    const stream = source instanceof Blob ? source.stream() as ReadableStream<Uint8Array> : source;
    const blocks = this.isSentDirectly ? streamBlocks(stream) : null;
    if (blocks !== null) {
      this.#reader = blocks;
      return blocksOf(blocks);
    }
    const reader = this.#reader = stream.getReader();
    if (this.isSentDirectly && source instanceof Blob) return releasing(reader);
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
    return resultOf(await source.read(this.#blockSize));
  }
}

/** Null for a stream that is not one of bytes. If it is locked, that is told by who tries the other kind of reader. */
function streamBlocks(stream: ReadableStream<Uint8Array>): StreamBlocks | null {
  try {
    return new StreamBlocks(stream);
  } catch {
    return null;
  }
}
