/**
 * What the first process of a container owes to the others: whoever loses its parent becomes its child, and is to be buried when it ends,
 * or its entry in the process table stays for ever. Neither Deno nor Bun does that for processes they did not start.
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { libc } from "./libc.ts";

/** Milliseconds between two looks. */
const PERIOD = 1000;

/** Buries orphans from now on, if this is PID 1. */
export function buryOrphans(): void {
  if (process.pid !== 1 || libc instanceof Error) return;
  const c = libc;
  let before: ReadonlySet<number> = new Set();
  setInterval(() => {
    const dead = new Set(deadChildren());
    // The runtime itself takes note of its own children at once: who is there at the second look belongs to nobody.
    for (const pid of dead) if (before.has(pid)) c.bury(pid);
    before = dead;
  }, PERIOD).unref();
}

function deadChildren(): number[] {
  return read("/proc/self/task/1/children").split(" ").filter(Boolean).map(Number).filter((pid) => /^State:\s+Z/m.test(read(`/proc/${pid}/status`)));
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // It has been buried meanwhile, or there is no such list in this kernel.
  }
}
