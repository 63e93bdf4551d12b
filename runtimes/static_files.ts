/** Files for staticFiles, by node:fs: the same code on Deno and Bun. */
import { constants } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { type BlockSource, RELEASE, release } from "../core/gateway/block_source.ts";
import type { Middleware } from "../core/gateway/types.ts";
import type { FileSystem } from "../core/middleware/file_system.ts";
import { staticFiles as staticFilesOf, type StaticFilesOptions } from "../core/middleware/static_files.ts";
import type { StaticExports } from "../core/middleware/static_path.ts";

/**
 * Sends files for GET and HEAD, with validators and ranges; what is no file goes to the application.
 *
 * `exports` maps path prefixes to directories or single files, in an object or, where the order matters to you, a list of pairs; the first
 * in which there is such a file wins. Relative paths are relative to the working directory. A path that leads outside its directory, by
 * `..`, by a link or by any spelling, is no file.
 *
 * Throws `SyntaxError` for a prefix that does not begin with a slash.
 *
 * @example
 * ```ts
 * const application = staticFiles({ "/": "public" }, { index: "index.html" })(shop);
 * ```
 */
export function staticFiles(exports: StaticExports, options: StaticFilesOptions = {}): Middleware {
  return staticFilesOf(exports, { ...options, fileSystem });
}

/** The files of this system. */
export const fileSystem: FileSystem = {
  realPath: (path) => unlessHidden(realpath(path)),
  stat: async (path) => {
    const found = await unlessHidden(stat(path));
    if (found === null) return null;
    const kind = found.isFile() ? "file" : found.isDirectory() ? "directory" : "other";
    return { kind, size: found.size, modified: found.mtimeMs };
  },
  open: async (path, start, end) => {
    // The path has no links any more; should one have taken its place, it is not followed.
    const handle = await unlessHidden(open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
    return handle === null ? null : new OpenFile(handle, start, end);
  },
};

class OpenFile implements BlockSource {
  readonly #handle: FileHandle;
  readonly #end: number;
  #at: number;
  readonly [RELEASE]: (block: Uint8Array) => void = release;

  constructor(handle: FileHandle, start: number, end: number) {
    this.#handle = handle;
    this.#at = start;
    this.#end = end;
  }

  async read(size: number): Promise<Uint8Array | null> {
    const wanted = Math.min(size, this.#end - this.#at);
    if (wanted <= 0) return null;
    const { bytesRead, buffer } = await this.#handle.read(new Uint8Array(wanted), 0, wanted, this.#at);
    this.#at += bytesRead;
    return buffer.subarray(0, bytesRead);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** What a client is told no more of than that it is not there. */
const HIDDEN = new Set(["ENOENT", "ENOTDIR", "ENAMETOOLONG", "EACCES", "EPERM", "ELOOP", "EISDIR", "ENXIO"]);

async function unlessHidden<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof Error && "code" in error && HIDDEN.has(String(error.code))) return null;
    throw error;
  }
}
