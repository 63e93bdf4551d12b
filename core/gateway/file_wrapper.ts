import { kindOf } from "./error.ts";
import type { Body, FileLike, FileSource } from "./types.ts";

const BLOCK_SIZE = 64 * 1024;
/** Of a {@linkcode BlockSource}: a client that takes its blocks slowly has a small one waiting, and a quick one costs few reads. */
const SMALL = 64 * 1024;
const LARGE = 512 * 1024;
/** Milliseconds in which a quick client asks for the next block. */
const QUICK = 20;

/** A symbol, since an application's file may have a `release` of its own. */
export const RELEASE: unique symbol = Symbol("release");

/**
 * A file whose blocks are its own to take back. What was sent is garbage that grows with the block, and the collector sees little of it:
 * given back by hand, large blocks, which are what makes a file quick to send, cost no more memory than small ones.
 */
export interface BlockSource extends FileLike {
  /** Nobody will look at this block again, which `read` gave. */
  [RELEASE](block: Uint8Array): void;
}

/** Whether blocks can be given back to this source. */
export function isBlockSource(source: FileSource): source is BlockSource {
  return RELEASE in source;
}

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
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
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
    return resultOf(await source.read(this.#blockSize));
  }
}

function blocksOf(source: BlockSource): AsyncIterator<Uint8Array> {
  let last: Uint8Array | null = null;
  let givenAt = 0;
  let size = SMALL;
  return {
    next: async () => {
      if (last !== null) {
        source[RELEASE](last);
        size = performance.now() - givenAt > QUICK ? SMALL : Math.min(size * 2, LARGE);
      }
      last = await source.read(size);
      givenAt = performance.now();
      return resultOf(last);
    },
  };
}

function resultOf(block: Uint8Array | null): IteratorResult<Uint8Array> {
  return block === null || block.length === 0 ? { done: true, value: undefined } : { done: false, value: block };
}
