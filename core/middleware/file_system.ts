import type { FileSource } from "../gateway/types.ts";

/** What there is at a path. */
export interface FileStat {
  readonly kind: "file" | "directory" | "other";
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970, with fractions where the system has them. */
  readonly modified: number;
}

/**
 * The files of a system, as far as {@linkcode staticFiles} needs them.
 *
 * What is not there, and what the system will not let us see, is null; any other trouble rejects.
 */
export interface FileSystem {
  /** The path without links, relative parts and trailing slashes. */
  realPath(path: string): Promise<string | null>;
  /** Of what a link leads to. */
  stat(path: string): Promise<FileStat | null>;
  /** The bytes from `start` to `end`, exclusive. Fewer, where the file has become shorter: then whoever reads must say so. */
  open(path: string, start: number, end: number): Promise<FileSource | null>;
}
