import { type BlockSource, isBlockSource, RELEASE } from "../gateway/block_source.ts";
import { fileWrapper } from "../gateway/file_wrapper.ts";
import type { Body, Environ, FileLike, FileSource } from "../gateway/types.ts";

/**
 * For whoever reads block by block, and is not the native server (see {@linkcode BlockSource}). Sending 100 MB so grew the process by 15 to
 * 17 MB on Bun 1.4.5 and Deno 2.9.5. Blocks of 64 KiB are a little faster and cost Deno 20 MB, ones of 256 KiB 50 MB.
 */
const BLOCK_SIZE = 32 * 1024;

/** Where a file comes from, and how much of it was announced. */
export interface FilePart {
  readonly path: string;
  readonly length: number;
}

/**
 * A body of exactly `length` bytes of `source`, by the gateway's file wrapper if it has one. A file that has become shorter breaks the
 * response off. The wrapped source has the `path`, for what sends files by name: see `sendfile`.
 */
export function fileBody(environ: Environ, source: FileSource, { path, length }: FilePart): Body {
  const wrap = environ["tsgi.file_wrapper"] ?? fileWrapper;
  if (!("read" in source)) return wrap(source);
  return wrap(isBlockSource(source) ? new BlockSlice(source, path, length) : new FileSlice(source, path, length), BLOCK_SIZE);
}

class FileSlice implements FileLike {
  readonly path: string;
  readonly #source: FileLike;
  #left: number;

  constructor(source: FileLike, path: string, length: number) {
    this.#source = source;
    this.path = path;
    this.#left = length;
  }

  async read(size: number): Promise<Uint8Array | null> {
    if (this.#left === 0) return null;
    const block = await this.#source.read(Math.min(size, this.#left));
    if (block === null || block.length === 0) {
      throw new Error(`Cannot send ${this.path}: it has become shorter, ${this.#left} bytes are missing`);
    }
    this.#left -= block.length;
    return block;
  }

  async close(): Promise<void> {
    await this.#source.close?.();
  }
}

class BlockSlice extends FileSlice implements BlockSource {
  readonly #source: BlockSource;

  constructor(source: BlockSource, path: string, length: number) {
    super(source, path, length);
    this.#source = source;
  }

  [RELEASE](block: Uint8Array): void {
    this.#source[RELEASE](block);
  }
}
