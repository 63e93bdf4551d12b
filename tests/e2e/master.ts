/** A real tsgi with a pid file and a log file, whose arbiter may be another by the end, as an upgrade makes it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { isAlive, program } from "./server.ts";

export interface Master {
  file(suffix?: string): string;
  pid(suffix?: string): number;
  log(): string;
  logged(pattern: RegExp, from?: number): Promise<RegExpMatchArray>;
  port(): Promise<number>;
  /** The pid of the new arbiter, when `workers` of it serve. */
  successor(workers: number): Promise<number>;
}

/** A server with its pid in m.pid and its log in m.log, for the time of `use`; nothing of it is left behind, whoever its arbiter is by then. */
export async function withMaster(folder: string, args: readonly string[], use: (at: Master) => Promise<void>, stdio: readonly ("ignore" | number)[] = []): Promise<void> {
  const [command = "", ...before] = program();
  const child = spawn(command, [...before, ...args, "-p", "m.pid", "--log-file", "m.log", "--log-level", "debug"], { cwd: folder, stdio: ["ignore", "ignore", "ignore", ...stdio] });
  const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  const read = (name: string) => existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : "";
  const at: Master = {
    file: (suffix = "") => join(folder, `m.pid${suffix}`),
    pid: (suffix = "") => Number(read(`m.pid${suffix}`)),
    log: () => read("m.log"),
    logged: (pattern, from = 0) => until(() => at.log().slice(from).match(pattern), `a log line like ${pattern}`),
    port: async () => Number((await at.logged(/Listening at: http:\/\/127\.0\.0\.1:(\d+)/))[1]),
    successor: async (workers) => {
      const pid = await until(() => at.pid(".2"), "the new pid file");
      await until(() => serving(at.log(), pid, workers), "the new workers");
      return pid;
    },
  };
  const seen = new Set<number>();
  try {
    await until(() => at.pid() > 0 && serving(at.log(), at.pid(), 1), "the server");
    await use(at);
  } catch (error) {
    (error as Error).message += `\n--- the server's log:\n${at.log().slice(-6000)}`;
    throw error;
  } finally {
    for (const [, pid] of at.log().matchAll(/\[(\d+)\] \[INFO\] Starting tsgi/g)) seen.add(Number(pid));
    const everybody = [...at.log().matchAll(/Booting worker with pid: (\d+)/g)].map(([, pid]) => Number(pid));
    for (const pid of seen) if (isAlive(pid) && /tsgi|mod\.ts/.test(titleOf(pid))) process.kill(pid, "SIGINT");
    await until(() => ![...seen, ...everybody].some(isAlive), "everybody's end");
    await ended;
  }
}

/** Whether that many of the arbiter's workers have begun to serve: the log, of level debug, tells. */
function serving(log: string, arbiter: number, workers: number): boolean {
  return [...log.matchAll(new RegExp(`\\[${arbiter}\\] \\[DEBUG\\] Worker \\(pid:\\d+\\) serves in slot`, "g"))].length >= workers;
}

export function titleOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return ""; // It has gone.
  }
}

export async function until<T>(look: () => T | null | undefined | false, what: string): Promise<T> {
  const limit = performance.now() + 30_000;
  for (;;) {
    const found = look();
    if (found) return found;
    assert.ok(performance.now() < limit, `waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
