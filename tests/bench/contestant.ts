/** A server under measurement: a family of processes pinned to one core, and what they have used of it. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import process from "node:process";

export interface Contestant {
  readonly name: string;
  /** The command; `{port}` stands for the port. */
  readonly command: readonly string[];
  /** Processes that serve, not counting an arbiter: the start is over when they are there. */
  readonly cwd?: string;
}

const root = new URL("../../", import.meta.url).pathname;
export const programs = { deno: `${root}node_modules/.bin/deno`, bun: `${root}node_modules/.bin/bun` } as const;

export class Running {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** Starts it on `core` and waits for its first answer. */
  static async start({ command, cwd = root }: Contestant, core: number): Promise<Running> {
    const port = await freePort();
    const args = command.map((word) => word.replaceAll("{port}", String(port)));
    const child = spawn("taskset", ["-c", String(core), ...args], { cwd, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-2000)));
    for (let tries = 0; tries < 200; tries++) {
      if (child.exitCode !== null) throw new Error(`${args.join(" ")} ended at its start: ${said}`);
      if (await answers(port)) return new Running(child, port);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    child.kill("SIGKILL");
    throw new Error(`${args.join(" ")} does not answer: ${said}`);
  }

  /** CPU seconds, user and system, of the whole family so far. */
  cpu(): number {
    return family(this.#child.pid!).reduce((sum, pid) => sum + cpuOf(pid), 0);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(timer);
  }
}

/** What one bounded run of wrk found. */
export interface Load {
  readonly requests: number;
  readonly perSecond: number;
  readonly p50: string;
  readonly p99: string;
  readonly errors: number;
}

export async function wrk(port: number, { core, seconds, connections = 64, headers = [] }: { readonly core: number; readonly seconds: number; readonly connections?: number; readonly headers?: readonly string[] }): Promise<Load> {
  const args = ["-c", String(core), "wrk", "-t1", `-c${connections}`, `-d${seconds}`, "--latency", ...headers.flatMap((h) => ["-H", h]), `http://127.0.0.1:${port}/`];
  const child = spawn("taskset", args, { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => (out += text));
  await new Promise((resolve) => child.once("close", resolve));
  const find = (pattern: RegExp) => pattern.exec(out)?.[1];
  const socketErrors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(out)?.slice(1).reduce((a, b) => a + Number(b), 0) ?? 0;
  return {
    requests: Number(find(/(\d+) requests in/) ?? 0),
    perSecond: Number(find(/Requests\/sec:\s+([\d.]+)/) ?? 0),
    p50: find(/50%\s+(\S+)/) ?? "?",
    p99: find(/99%\s+(\S+)/) ?? "?",
    errors: socketErrors + Number(find(/Non-2xx or 3xx responses: (\d+)/) ?? 0),
  };
}

function family(pid: number): number[] {
  const children = readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((one) => parentOf(one) === pid);
  return [pid, ...children.flatMap(family)];
}

function stat(pid: number): string[] {
  if (!existsSync(`/proc/${pid}/stat`)) return [];
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return []; // It has just ended.
  }
}

function parentOf(pid: number): number {
  return Number(stat(pid)[1] ?? -1);
}

function cpuOf(pid: number): number {
  const fields = stat(pid);
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / 100;
}

async function answers(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`);
    await response.arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as { port: number };
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

