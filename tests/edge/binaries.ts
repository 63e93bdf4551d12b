/** The programs that run platforms here, and processes of them. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { root } from "../e2e/server.ts";

const bin = (path: string) => (existsSync(`${root}node_modules/${path}`) ? `${root}node_modules/${path}` : null);

export const deno = bin(".bin/deno");
export const bun = bin(".bin/bun");
/** The binary itself: the script that may stand in for it in .bin does not pass descriptor 3 on. */
export const workerd = bin(`@cloudflare/workerd-${process.platform}-${process.arch === "x64" ? "64" : process.arch}/bin/workerd`);
export const edgeRuntime = bin("edge-runtime/package.json");
/** One that runs TypeScript: 22.18 or newer. */
export const node = [bin(".bin/node"), "node"].find((command) => command !== null && takesTypeScript(command)) ?? null;

function takesTypeScript(command: string): boolean {
  try {
    const [major = 0, minor = 0] = execFileSync(command, ["-p", "process.versions.node"], { encoding: "utf8" }).split(".").map(Number);
    return major > 22 || (major === 22 && minor >= 18);
  } catch {
    return false; // Not there.
  }
}

/** A process that says where it listens: the first match of `pattern` in what `from` prints. */
export async function listening(command: readonly string[], { pattern = /http:\/\/[^\s/]+/, env = {} }: { readonly pattern?: RegExp; readonly env?: Readonly<Record<string, string>> } = {}): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const started = startProcess(command, env);
  return { url: await started.says(pattern), stop: started.stop };
}

export interface Started {
  readonly child: ChildProcess;
  says(pattern: RegExp): Promise<string>;
  stop(): Promise<void>;
}

/** A process with three pipes of output: 1, 2 and 3. */
export function startProcess(command: readonly string[], env: Readonly<Record<string, string>> = {}): Started {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { cwd: root, env: { ...process.env, NO_COLOR: "1", ...env }, stdio: ["ignore", "pipe", "pipe", "pipe"] });
  let output = "";
  let wake: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => child.once("close", () => {
    wake();
    resolve();
  }));
  for (const stream of [child.stdout, child.stderr, child.stdio[3]]) {
    stream!.on("data", (data: Uint8Array) => {
      output += new TextDecoder().decode(data);
      wake();
    });
  }
  return {
    child,
    async says(pattern) {
      for (;;) {
        const found = pattern.exec(output);
        if (found !== null) return found[1] ?? found[0];
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${program} ended before it listened:\n${output}`);
        await new Promise<void>((resolve) => wake = resolve);
      }
    },
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
