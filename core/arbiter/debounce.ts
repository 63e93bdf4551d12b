/**
 * When a change has settled. Saving all files of an editor, or changing a branch, is many changes and should be one reload: it comes when
 * nothing has changed for {@linkcode QUIET}, and at the latest {@linkcode LONGEST} after the first change.
 */
import type { Millis } from "./process.ts";

export const QUIET: Millis = 150;
/** A file that never stops changing, such as a log, must not put a reload off for ever. */
export const LONGEST: Millis = 2000;

/** Changes that wait for their reload. */
export interface Unsettled {
  readonly first: Millis;
  readonly last: Millis;
  /** In the order they were seen, each once. */
  readonly files: readonly string[];
}

/** Takes note of `files` that were seen changed. Without any, nothing is new. */
export function notice(before: Unsettled | null, files: readonly string[], at: Millis): Unsettled | null {
  if (files.length === 0) return before;
  return { first: before?.first ?? at, last: at, files: [...new Set([...(before?.files ?? []), ...files])] };
}

/** The time at which these changes are to be acted upon, if no other comes. */
export function due({ first, last }: Unsettled): Millis {
  return Math.min(last + QUIET, first + LONGEST);
}
