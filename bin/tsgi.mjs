#!/usr/bin/env node
// The command `tsgi` of the npm package. Under Deno and Bun (`deno run -A npm:tsgi`, `bunx --bun tsgi`) it is tsgi itself. Under Node, which
// is what npx, node_modules/.bin and, where there is a node, bunx start it with, it serves too, unless somebody asks for another runtime,
// bunx started it, or this Node is too old: then it finds a runtime that can serve and hands over to it.
//
// Where Node can, it becomes that runtime (execve, Node 22.15 and newer) and there is no launcher left. Else it stays as its parent, passes
// signals on, and ends as it ends. Nobody can pass on KILL, and npx does not always pass on TERM: so the server is told whose end is to be
// its own (TSGI_LAUNCHER; runtimes/launcher.ts looks), and so does the launcher look at who started it, if that is a package manager.
import { spawn } from "node:child_process";
import { accessSync, closeSync, constants, existsSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const inDist = (path) => fileURLToPath(new URL(`../dist/${path}`, import.meta.url));
const args = process.argv.slice(2);

/** The oldest Node that tsgi runs on: what runtimes/node.ts says. */
const OLDEST_NODE = 24;
const isNew = Number(process.versions.node.split(".")[0]) >= OLDEST_NODE;

/** In order of preference, where Node cannot serve. `here`: Node itself. */
const RUNTIMES = {
  bun: { before: [], native: (system, cpu) => `@oven/bun-${system}-${cpu === "arm64" ? "aarch64" : cpu}/bin/bun` },
  deno: { before: ["run", "-A", "--no-prompt"], native: (system, cpu) => `@deno/${system}-${cpu}${system === "linux" ? "-glibc" : ""}/deno` },
  node: { here: true },
};
const SIGNALS = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGTTIN", "SIGTTOU", "SIGWINCH"];
/** How often the launcher looks whether its parent lives, in milliseconds. */
const PERIOD = 500;

if (!existsSync(inDist("mod.js"))) fail("Cannot start tsgi: this package has not been built, run: npm run build");
else if ("Deno" in globalThis || "Bun" in globalThis) serveHere();
else launch(choose());

function serveHere() {
  import("../dist/runtimes/main.js").then(({ main }) => main());
}

/** The name and the program of the runtime to serve on; ends this process if there is none. */
function choose() {
  const asked = askedFor();
  if (asked !== undefined) {
    const program = RUNTIMES[asked].here ? process.execPath : find(asked);
    return program === null ? fail(`Cannot use --runtime ${asked}: there is no ${asked} in node_modules or PATH, run: npm install ${asked}`) : { name: asked, program };
  }
  const agent = process.env.npm_config_user_agent ?? "";
  const starter = process.env.npm_execpath;
  if (agent.startsWith("bun/") && starter !== undefined && isProgram(starter)) return { name: "bun", program: starter };
  if (isNew) return { name: "node", program: process.execPath };
  for (const name of ["bun", "deno"]) {
    const program = find(name);
    if (program !== null) return { name, program };
  }
  return fail(
    `Cannot start tsgi on Node ${process.versions.node}: it is too old, and there is no bun or deno in node_modules or PATH, use Node ${OLDEST_NODE} or newer, ` +
      "or run: npm install bun, or: npm install deno",
  );
}

/** What --runtime or TSGI_RUNTIME says. What tsgi does not know, it will complain about itself. */
function askedFor() {
  const end = args.includes("--") ? args.indexOf("--") : args.length;
  const at = args.findLastIndex((arg, i) => i < end && /^--runtime(?:=|$)/.test(arg));
  const flag = at < 0 ? undefined : args[at].split("=")[1] ?? args[at + 1];
  const asked = flag ?? process.env.TSGI_RUNTIME;
  return Object.hasOwn(RUNTIMES, asked ?? "") ? asked : undefined;
}

/** The program `name`: in a node_modules from the current directory up, then in PATH; null if it is in neither. */
function find(name) {
  for (let at = process.cwd(); ; at = dirname(at)) {
    const program = join(at, "node_modules/.bin", name);
    if (isProgram(program)) return nativeOf(name, program) ?? program;
    if (at === dirname(at)) break;
  }
  return (process.env.PATH ?? "").split(delimiter).filter(Boolean).map((directory) => join(directory, name)).find(isProgram) ?? null;
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // Not there, or not for us: there may be another.
  }
}

/**
 * Where a package manager did not let the npm packages of Bun and Deno set themselves up, what is in .bin is a script: Bun's only says so,
 * Deno's starts Deno but passes no signal on. The program itself is in a package of theirs.
 */
function nativeOf(name, program) {
  if (!isScript(program)) return null;
  try {
    const native = createRequire(realpathSync(program)).resolve(RUNTIMES[name].native(process.platform, process.arch));
    return isProgram(native) ? native : null;
  } catch {
    return null; // A script of another kind.
  }
}

function isScript(path) {
  const start = Buffer.alloc(2);
  const descriptor = openSync(path, "r");
  readSync(descriptor, start);
  closeSync(descriptor);
  return start.toString() === "#!";
}

function launch({ name, program }) {
  const isManaged = process.env.npm_config_user_agent !== undefined;
  if (RUNTIMES[name].here) {
    if (isManaged) process.env.TSGI_LAUNCHER = String(process.ppid);
    return serveHere();
  }
  const argv = [...RUNTIMES[name].before, inDist("mod.js"), ...args];
  if (typeof process.execve === "function" && process.platform !== "win32") {
    process.removeAllListeners("warning"); // It is experimental, which is no concern of those who start a server.
    process.execve(program, [name, ...argv], { ...process.env, ...(isManaged ? { TSGI_LAUNCHER: String(process.ppid) } : {}) });
  }
  const child = spawn(program, argv, { stdio: "inherit", env: { ...process.env, TSGI_LAUNCHER: String(process.pid) } });
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
  if (isManaged) endWith(process.ppid, child);
  child.on("error", (error) => fail(`Cannot run ${program}: ${error.message}`));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/** Has `child` stop when `parent` is not there any more. A shell is no such parent: a server may outlive it. */
function endWith(parent, child) {
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    child.kill("SIGTERM");
  }, PERIOD);
  timer.unref();
}

function fail(message) {
  process.stderr.write(`\nError: ${message}\n`);
  process.exit(1);
}
