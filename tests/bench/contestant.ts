/** A server under measurement: a family of processes pinned to one core. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, join } from "node:path";
import process from "node:process";
import { cpuMicros } from "./process_family.ts";

export interface Contestant {
  readonly name: string;
  /** The command; `{port}` stands for the port. */
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export const root = new URL("../../", import.meta.url).pathname;

/** Where a program is: among the development dependencies, or on PATH; null if it is not installed. */
export function program(name: string): string | null {
  const places = [join(root, "node_modules/.bin"), ...(process.env.PATH ?? "").split(delimiter), "/usr/sbin"];
  return places.map((place) => join(place, name)).find((path) => existsSync(path)) ?? null;
}

export class Running {
  readonly name: string;
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(name: string, child: ChildProcess, port: number) {
    this.name = name;
    this.#child = child;
    this.port = port;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Starts it on `core`, or on all for null, and waits for its first answer. Throws what it said if it ends instead. */
  static async start({ name, command, env = {} }: Contestant, core: number | null): Promise<Running> {
    const port = await freePort();
    const words = [...(core === null ? [] : ["taskset", "-c", String(core)]), ...command.map((word) => word.replaceAll("{port}", String(port)))];
    const child = spawn(words[0]!, words.slice(1), { cwd: root, env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-2000)));
    child.on("error", (error) => (said += error.message));
    for (let tries = 0; tries < 2000; tries++) {
      if (child.exitCode !== null || child.pid === undefined) throw new Error(`${words.join(" ")} ended at its start: ${said}`);
      if (await answers(port)) return new Running(name, child, port);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    child.kill("SIGKILL");
    throw new Error(`${words.join(" ")} does not answer: ${said}`);
  }

  /** Microseconds of CPU of the whole family so far. */
  cpu(): number {
    return cpuMicros(this.pid);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(timer);
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`);
    await response.body?.cancel();
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
