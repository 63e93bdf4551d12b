import type { FileLike, FileSource } from "./types.ts";

/** A client that takes its blocks slowly has a small one waiting, and a quick one costs few reads. */
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

/** Moved to nowhere, its memory is free at once, or as soon as the native server lets go of it. */
export function release({ buffer }: Uint8Array): void {
  (buffer as ArrayBuffer).transfer(0);
}

/** For whoever has done with a block when it asks for the next. */
export function blocksOf(source: BlockSource): AsyncIterator<Uint8Array> {
  let last: Uint8Array | null = null;
  let givenAt = 0;
  let size = SMALL;
  return {
    next: async () => {
      if (last !== null) {
        const isQuick = last.length === size && performance.now() - givenAt <= QUICK;
        source[RELEASE](last);
        size = isQuick ? Math.min(size * 2, LARGE) : SMALL;
      }
      last = await source.read(size);
      givenAt = performance.now();
      return resultOf(last);
    },
  };
}

export function resultOf(block: Uint8Array | null): IteratorResult<Uint8Array> {
  return block === null || block.length === 0 ? { done: true, value: undefined } : { done: false, value: block };
}

/** The blocks of a stream of bytes, as Deno's files are, and Blobs there: of any size, where they would come in 64 KiB. */
export class StreamBlocks implements BlockSource {
  readonly #reader: ReadableStreamBYOBReader;
  #atEnd: () => void = () => undefined;
  readonly [RELEASE]: (block: Uint8Array) => void = release;

  /** Throws TypeError for any other stream, and for one that is locked. */
  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader({ mode: "byob" });
    // Who closes a stream has to answer the read that waits as well; who forgets it would let us wait for ever.
    this.#reader.closed.then(() => this.#atEnd(), () => undefined);
  }

  read(size: number): Promise<Uint8Array | null> {
    return new Promise((resolve, reject) => {
      this.#atEnd = () => resolve(null);
      this.#reader.read(new Uint8Array(size)).then(({ value }) => resolve(value ?? null), reject);
    });
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

/** The chunks of a Blob, each a copy that was made for its reader, given back when the next is asked for. */
export function releasing(reader: ReadableStreamDefaultReader<Uint8Array>): AsyncIterator<Uint8Array> {
  let last: Uint8Array | undefined;
  return {
    next: async () => {
      // Bun has several small ones in one piece of memory.
      if (last !== undefined && last.length === last.buffer.byteLength) release(last);
      const result = await reader.read() as IteratorResult<Uint8Array>;
      last = result.value;
      return result;
    },
  };
}
