/** What a process, and the thread that asks, has of memory and descriptors. */
import { closeSync, openSync } from "node:fs";
import process from "node:process";
import type { MemoryStats } from "../core/metrics/stats.ts";

/** Resident is the whole process, the heap that of this thread. */
export function memoryStats(): MemoryStats {
  const { rss, heapUsed, heapTotal } = process.memoryUsage();
  return { rss, heapUsed, heapTotal };
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
