/** Little memory for a server, so that the kernel ends one of its processes. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

let made = 0;

/** A cgroup whose processes have `megabytes` of memory in all, or null where none can be made: give its folder to `rmdirSync` in the end. */
export function newMemoryGroup(megabytes = 300): string | null {
  try {
    const lines = readFileSync("/proc/self/cgroup", "utf8").split("\n").map((line) => line.split(":"));
    const own = lines.find(([, controllers]) => controllers === "memory")?.[2];
    if (own === undefined) return null;
    const folder = join("/sys/fs/cgroup/memory", own, `tsgi-test-${process.pid}-${++made}`);
    mkdirSync(folder);
    writeFileSync(join(folder, "memory.limit_in_bytes"), String(megabytes * 2 ** 20));
    return folder;
  } catch {
    return null; // Another kind of cgroup, or not ours to make.
  }
}
