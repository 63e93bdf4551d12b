/** What a process, and the thread that asks, has of memory and descriptors. */
import { closeSync, openSync } from "node:fs";
import process from "node:process";
import type { MemoryStats } from "../core/metrics/stats.ts";
import { openFilesLimit } from "./open_files.ts";

let last: MemoryStats = { rss: 0, heapUsed: 0, heapTotal: 0 };

/** Resident is the whole process, the heap that of this thread. Without a descriptor to read it with, what it was the last time. */
export function memoryStats(): MemoryStats {
  try {
    const { rss, heapUsed, heapTotal } = process.memoryUsage();
    last = { rss, heapUsed, heapTotal };
  } catch {
    // Out of descriptors, of which hasDescriptors() tells.
  }
  return last;
}

/**
 * The part of the limit that connections leave to others: to files that the application opens, and to those who come before anybody looks
 * again. Deno's server ends when it cannot accept, and cuts every connection that it has.
 */
const KEPT = 1 / 16;

/** Whether more connections may be taken. */
export function hasDescriptors(): boolean {
  try {
    // The system gives the lowest number that is free, so about as many are taken.
    const taken = openSync("/dev/null", "r");
    closeSync(taken);
    return taken < (openFilesLimit() ?? Infinity) * (1 - KEPT);
  } catch (error) {
    return !["EMFILE", "ENFILE"].includes((error as NodeJS.ErrnoException).code ?? "");
  }
}
