/** What a process, and the thread that asks, has of memory and descriptors. */
import { closeSync, openSync } from "node:fs";
import process from "node:process";
import type { MemoryStats } from "../core/metrics/stats.ts";

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

/** Whether one more file or connection could be opened. */
export function hasDescriptors(): boolean {
  try {
    closeSync(openSync("/dev/null", "r"));
    return true;
  } catch (error) {
    return !["EMFILE", "ENFILE"].includes((error as NodeJS.ErrnoException).code ?? "");
  }
}
