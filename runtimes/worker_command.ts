/** How to start a worker, on the runtime we run on or on another one. */
import { existsSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import type { Permissions } from "../core/arbiter/permissions.ts";
import { runtime } from "./current.ts";
import { scrub } from "./environment.ts";
import { inside } from "./inside.ts";
import { findProgram } from "./program.ts";
import type { Runtime } from "./runtime.ts";

/** A program to spawn: argv and environment. */
export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface WorkerCommandOptions {
  readonly script: string;
  readonly env: Readonly<Record<string, string>>;
  /** Where the application is: its configuration counts, not tsgi's. */
  readonly appDirectory: string;
  /** The runtime to start it on: by default the one we run on. Another one's program is looked for in PATH. */
  readonly on?: Runtime["name"];
  /** What it may do, on Deno; everything if undefined. */
  readonly permissions?: Permissions | undefined;
}

/** How to start `script` as a worker, with an environment in which nothing steers the server from outside. */
export function workerCommand({ script, env, appDirectory, on = runtime.name, permissions }: WorkerCommandOptions): Command {
  const variables = { ...(on === "bun" ? BUN_VARIABLES : {}), ...scrub(env) };
  if (inside()?.isExecutable) return { command: process.execPath, args: [], env: variables };
  const flags = { deno: () => ["run", ...denoPermissions(permissions), ...DENO_FLAGS, ...denoConfiguration(appDirectory)], bun: () => BUN_FLAGS, node: () => NODE_FLAGS };
  return { command: on === runtime.name ? process.execPath : programOf(on, env), args: [...flags[on](), script], env: variables };
}

/** A `node` that is not there is in PATH nevertheless, where Deno and `bun --bun` put themselves under that name. */
function programOf(name: Runtime["name"], { PATH = "" }: Readonly<Record<string, string>>): string {
  const own = realpathSync(process.execPath);
  const found = findProgram(name, PATH, process.cwd(), (path) => realpathSync(path) !== own);
  if (found === null) throw new Error(`Cannot run ${name}: is it in PATH?`);
  return found;
}

/** An empty configuration and no .env: a bunfig.toml in the current or home directory could preload code. No package is fetched unasked. */
const BUN_FLAGS = ["--no-env-file", "--config=/dev/null", "--no-install"];

/**
 * Milliseconds for which Bun's allocator keeps memory that was freed, in place of 10. To give it back and take it again for each large body costs
 * more than anything else about one.
 */
const BUN_VARIABLES = { MIMALLOC_PURGE_DELAY: "1000" };

/** `--unstable-net` is for binding beside others; without `--unstable-no-legacy-abort`, a request's signal fires after every answer. */
const DENO_FLAGS = ["--no-prompt", "--unstable-net", "--unstable-no-legacy-abort"];

/** Its environment is made for it, and what it is told of the system harms nobody. */
function denoPermissions(permissions: Permissions | undefined): string[] {
  // What is not loaded with the main module has to be permitted: a worker that may do everything can wait until it needs it.
  if (permissions === undefined) return ["-A", "--unstable-lazy-dynamic-imports"];
  const flags = Object.entries(permissions).filter(([, list]) => list.length > 0).map(([name, list]) => list.includes("*") ? `--allow-${name}` : `--allow-${name}=${list.join(",")}`);
  return ["--allow-env", "--allow-sys", ...flags];
}

/** USR1 would open a debugger that everybody on this machine may use. What a module is, Node sees by itself, with a warning for each. */
const NODE_FLAGS = ["--disable-sigusr1", "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON"];

/**
 * Deno looks for its configuration beside the main module, which is tsgi's own: the application's import map would be ignored. With a
 * package.json alone, packages come from node_modules, as `deno run` beside it would have it.
 */
function denoConfiguration(directory: string): string[] {
  for (let at = resolve(directory); ; at = dirname(at)) {
    for (const name of ["deno.json", "deno.jsonc"]) if (existsSync(join(at, name))) return ["--config", join(at, name)];
    if (existsSync(join(at, "package.json"))) return ["--no-config", "--node-modules-dir=manual"];
    if (at === dirname(at)) return ["--no-config"];
  }
}
