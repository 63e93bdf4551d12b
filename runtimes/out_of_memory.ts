/**
 * How often the kernel has ended a process because there was no memory: the only one who knows. A worker that died of KILL while this
 * number grew ran out of memory; anything else would be a guess.
 *
 * The count of our own cgroup, in which the workers are too; the whole machine's where there is none.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The count, or null where nobody tells. `root` is where /proc and /sys are looked for. */
export function oomKills(root = "/"): number | null {
  for (const file of files(root)) {
    const count = /^oom_kill (\d+)$/m.exec(read(root, file))?.[1];
    if (count !== undefined) return Number(count);
  }
  return null;
}

/** The first that exists counts: in a container, our cgroup is often the top of what can be seen. */
function files(root: string): string[] {
  const found = read(root, "proc/self/cgroup").trim().split("\n").flatMap((line) => {
    const [, controllers = "", ...path] = line.split(":");
    const group = path.join(":");
    if (controllers.split(",").includes("memory")) return [join("sys/fs/cgroup/memory", group, "memory.oom_control"), "sys/fs/cgroup/memory/memory.oom_control"];
    if (controllers === "") return [join("sys/fs/cgroup", group, "memory.events"), "sys/fs/cgroup/memory.events"];
    return [];
  });
  return [...found, "proc/vmstat"];
}

function read(root: string, path: string): string {
  try {
    return readFileSync(join(root, path), "utf8");
  } catch {
    return ""; // Another kind of system: the next place tells.
  }
}
