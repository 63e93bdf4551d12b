/** Starts a real tsgi as a user would, on the runtime that runs the test, and reads its log. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

export const runtime: "deno" | "bun" | "node" = "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";
export const root = new URL("../../", import.meta.url).pathname;
export const hello = join(root, "examples/hello.ts");

/** What comes before tsgi's own arguments: `deno run -A mod.ts`, `bun mod.ts` or `node mod.ts`. */
export function program(): readonly string[] {
  const script = join(root, "mod.ts");
  return runtime === "deno" ? [process.execPath, "run", "-A", "--no-prompt", script] : [process.execPath, script];
}

export interface ServerOptions {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What to start instead of `program()`. */
  readonly command?: readonly string[];
  /** What it finds as descriptor 3. */
  readonly descriptor?: number;
}

export class Server {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  #log = "";
  #debugLog = "";
  #rest = "";
  #isDebug = false;
  readonly #wantsDebug: boolean;
  #out = "";
  readonly #watchers = new Set<() => void>();

  constructor(options: ServerOptions) {
    const [command = "", ...before] = options.command ?? program();
    this.#wantsDebug = options.args.includes("--log-level");
    this.child = spawn(command, [...before, ...options.args], {
      cwd: options.cwd ?? root,
      // At this level the log tells which worker serves, which is what tests wait for; what they read is the log that users see.
      env: { ...cleanEnv(), ...(this.#wantsDebug || options.args.some((arg) => /^--(?:print|check)-config$/.test(arg)) ? {} : { TSGI_LOG_LEVEL: "debug" }), ...options.env },
      stdio: ["ignore", "pipe", "pipe", ...(options.descriptor === undefined ? [] : [options.descriptor])],
    });
    this.child.stderr!.setEncoding("utf8").on("data", (text: string) => this.#more("err", text));
    this.child.stdout!.setEncoding("utf8").on("data", (text: string) => this.#more("out", text));
    this.ended = new Promise((resolve) => this.child.on("close", (code, signal) => {
      resolve({ code, signal });
      this.#more("err", this.#rest === "" ? "" : "\n");
    }));
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Everything on standard error so far, but for lines of level debug that no setting has asked for. */
  get log(): string {
    return this.#log;
  }

  get out(): string {
    return this.#out;
  }

  /** Resolves with the match when the log has one after `from`; rejects when the server has ended without it, or it takes too long. */
  async logged(pattern: RegExp, { from = 0, within = 30_000 }: { readonly from?: number; readonly within?: number } = {}): Promise<RegExpMatchArray> {
    return await this.until(() => this.#log.slice(from).match(pattern), `a log line like ${pattern}`, within);
  }

  /** Resolves with what `look` found when the log grows or, for what is not logged, a moment later. */
  async until<T>(look: () => T | null | undefined | false, what: string, within = 30_000): Promise<T> {
    const end = performance.now() + within;
    for (;;) {
      const found = look();
      if (found) return found;
      const over = this.child.exitCode !== null || this.child.signalCode !== null;
      if (over || performance.now() > end) throw new Error(`Waited in vain for ${what}; the log:\n${this.#log}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, 50);
        const watchers = this.#watchers;
        watchers.add(done);
        function done() {
          clearTimeout(timer);
          watchers.delete(done);
          resolve();
        }
      });
    }
  }

  /** The port of the first TCP address, when `workers` serve. */
  async port(workers = 1): Promise<number> {
    const found = await this.logged(/Listening at: .*?https?:\/\/(?:\[[^\]]*\]|[^:,\s]*):(\d+)/);
    await this.serving(workers);
    return Number(found[1]);
  }

  /** Resolves when `workers` of this arbiter's have begun to serve. */
  async serving(workers: number): Promise<void> {
    await this.until(() => [...(this.#log + this.#debugLog).matchAll(/\bWorker \(pid:\d+\) serves in slot/g)].length >= workers, `${workers} workers that serve`);
  }

  /** The pids of the children that live now. */
  workers(): number[] {
    return childrenOf(this.pid);
  }

  signal(name: "TERM" | "INT" | "QUIT" | "HUP" | "TTIN" | "TTOU" | "KILL" | "STOP" | "CONT"): void {
    process.kill(this.pid, `SIG${name}`);
  }

  /** A quick end, and the exit code; KILL when it takes too long. */
  async stop(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.signal("INT");
    const timer = setTimeout(() => this.signal("KILL"), 20_000);
    const { code } = await this.ended;
    clearTimeout(timer);
    return code;
  }

  #more(stream: "err" | "out", text: string): void {
    if (stream === "err") this.#sort(text);
    else this.#out += text;
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Lines of level debug, with what is indented below them, apart from the others. */
  #sort(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) {
      if (!line.startsWith(" ")) this.#isDebug = !this.#wantsDebug && /^\[[^\]]*\] \[\d+\] \[DEBUG\] |^\{.*"level":"debug"/.test(line);
      if (this.#isDebug) this.#debugLog += `${line}\n`;
      else this.#log += `${line}\n`;
    }
  }
}

/** Starts a server for the time of `use`, and leaves nothing behind. */
export async function withServer<T>(options: ServerOptions, use: (server: Server) => Promise<T>): Promise<T> {
  const server = new Server(options);
  try {
    return await use(server);
  } catch (error) {
    if (error instanceof Error) error.message += `\n--- the server's log:\n${server.log.slice(-6000)}`;
    throw error;
  } finally {
    await server.stop();
  }
}

/** A folder with `files` for the time of `use`. */
export async function withFolder<T>(files: Readonly<Record<string, string>>, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "tsgi-test-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
  } catch {
    return []; // It has ended, and so have they or soon will.
  }
}

export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false; // No such process.
  }
}

/** Waits until no worker of an arbiter that was killed lives, for two seconds. */
export async function outlivedByNobody(workers: readonly number[]): Promise<void> {
  const end = performance.now() + 2000;
  while (workers.some(isAlive)) {
    if (performance.now() >= end) throw new Error(`workers ${workers.filter(isAlive)} outlived their arbiter by two seconds`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export function curl(...args: readonly string[]): string {
  return execFileSync("curl", ["-sS", "--max-time", "20", ...args], { encoding: "latin1", maxBuffer: 64 << 20 });
}

function cleanEnv(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && !/^(?:TSGI_|npm_|NODE$|PORT$|WEB_CONCURRENCY$)/.test(name)) env[name] = value;
  }
  return env;
}
