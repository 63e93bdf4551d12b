/** What a process and its descendants have used: CPU time to the nanosecond, and memory. Linux only. */
import { readdirSync, readFileSync } from "node:fs";

/** Microseconds of CPU, user and system, of `pid` so far, with its living descendants unless it is to be alone. */
export function cpuMicros(pid: number, withDescendants = true): number {
  return (withDescendants ? family(pid) : [pid]).reduce((sum, one) => sum + nanos(one), 0) / 1000;
}

/** Bytes of resident memory that belong to this process alone. */
export function privateBytes(pid: number): number {
  const text = readProc(`${pid}/smaps_rollup`);
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0) * 1024;
  return of("Private_Clean") + of("Private_Dirty");
}

/** Bytes of resident memory. */
export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readProc(`${pid}/status`))?.[1] ?? 0) * 1024;
}

/** `pid` and all that descend from it. */
export function family(pid: number): number[] {
  const parents = new Map(readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((name) => [Number(name), parentOf(name)]));
  const found = new Set([pid]);
  for (let before = 0; before !== found.size;) {
    before = found.size;
    for (const [one, parent] of parents) if (found.has(parent)) found.add(one);
  }
  return [...found];
}

function parentOf(pid: string): number {
  const stat = readProc(`${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] ?? -1);
}

/** The first figure of schedstat is the time on a core; `stat` would count whole ticks of 10 ms. */
function nanos(pid: number): number {
  return list(`${pid}/task`).reduce((sum, thread) => sum + Number(readProc(`${pid}/task/${thread}/schedstat`).split(" ")[0] ?? 0), 0);
}

/** "" for what has just ended. */
function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, "utf8");
  } catch {
    return "";
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(`/proc/${path}`);
  } catch {
    return [];
  }
}
