/** A control group of the kernel, as a container has one: version 1 or 2, where one may be made. */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

export interface Limits {
  /** Bytes. */
  readonly memory?: number;
  /** CPUs, such as 1.5. */
  readonly cpus?: number;
}

/** What a test that needs one says when it does not run. */
export const NO_GROUP = "no cgroup can be made here";

/** Its folder, or null where none can be made. {@linkcode enter} puts a command into it; who made it removes it. */
export function makeGroup(limits: Limits): string | null {
  let folder: string | undefined;
  try {
    const lines = readFileSync("/proc/self/cgroup", "utf8").trim().split("\n").map((line) => line.split(":"));
    const controller = limits.memory === undefined ? "cpu" : "memory";
    const old = lines.find(([, controllers]) => controllers?.split(",").includes(controller))?.[2];
    const own = old ?? lines.find(([, controllers]) => controllers === "")?.[2];
    if (own === undefined) return null;
    const name = join(old === undefined ? "/sys/fs/cgroup" : `/sys/fs/cgroup/${controller}`, own, `tsgi-test-${process.pid}-${controller}`);
    mkdirSync(name);
    folder = name;
    const set = (file: string, value: number | string) => writeFileSync(join(name, file), String(value));
    const period = 100_000;
    if (limits.memory !== undefined) set(old === undefined ? "memory.max" : "memory.limit_in_bytes", limits.memory);
    else if (old === undefined) set("cpu.max", `${limits.cpus! * period} ${period}`);
    else set("cpu.cfs_quota_us", limits.cpus! * period);
    return folder;
  } catch {
    if (folder !== undefined) rmdirSync(folder);
    return null; // Not ours to make.
  }
}

/** What to put before a command that shall run in the group. */
export function enter(group: string): readonly string[] {
  return ["sh", "-c", 'echo $$ > "$0/cgroup.procs"; exec "$@"', group];
}
