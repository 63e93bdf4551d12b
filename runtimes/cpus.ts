/**
 * How many CPUs this process may use, for `--workers auto`. The number of processors is wrong in a container: a quota of 1.5 CPUs on a
 * machine with 64 would start 64 workers. So the least of: the CPUs the scheduler may put us on, and every cgroup quota above us.
 */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";

/** CPUs for this process, rounded up, at least 1. `root` is where /proc and /sys are looked for. */
export function cpuCount(root = "/"): number {
  const allowed = allowedCpus(root) ?? availableParallelism();
  return Math.max(1, Math.ceil(Math.min(allowed, ...quotas(root))));
}

/** The scheduler's list, such as `0-3,8`: taskset, cpusets and systemd's CPUAffinity end up here. */
function allowedCpus(root: string): number | undefined {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(read(root, "proc/self/status"))?.[1];
  if (list === undefined) return undefined;
  let count = 0;
  for (const range of list.split(",")) {
    const [first, last] = range.split("-").map(Number);
    count += (last ?? first!) - first! + 1;
  }
  return Number.isInteger(count) ? count : undefined;
}

/** The quotas, in CPUs, of our cgroup and all above it: any of them may be the one that binds. */
function quotas(root: string): number[] {
  return read(root, "proc/self/cgroup").trim().split("\n").flatMap((line) => {
    const [, controllers = "", ...path] = line.split(":");
    const isV2 = controllers === "";
    if (!isV2 && !controllers.split(",").includes("cpu")) return [];
    const mounts = isV2 ? ["sys/fs/cgroup", "sys/fs/cgroup/unified"] : ["sys/fs/cgroup/cpu", `sys/fs/cgroup/${controllers}`];
    return mounts.flatMap((mount) => selfAndAbove(path.join(":")).flatMap((group) => quota(root, join(mount, group), isV2)));
  });
}

function quota(root: string, group: string, isV2: boolean): number[] {
  const [micros, period] = isV2
    ? read(root, join(group, "cpu.max")).split(" ").map(Number)
    : ["cpu.cfs_quota_us", "cpu.cfs_period_us"].map((file) => Number(read(root, join(group, file)) || NaN));
  // "max" and -1 mean no quota.
  return micros! > 0 && period! > 0 ? [micros! / period!] : [];
}

/** `/a/b` gives `/a/b`, `/a` and `/`: inside a container the path may be the host's, and only the last one exists. */
function selfAndAbove(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== "..");
  return [...parts.keys(), parts.length].map((length) => `/${parts.slice(0, length).join("/")}`).reverse();
}

/** The file's text, or nothing: no such file means no such limit. */
function read(root: string, path: string): string {
  try {
    return readFileSync(join(root, path), "utf8");
  } catch {
    return "";
  }
}
