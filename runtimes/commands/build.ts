/** The command `tsgi build`: one file of server, application and configuration, by Bun's bundler. */
import { spawn } from "node:child_process";
import { accessSync, constants, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, extname, join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { AppLoadError, locate, parseAppUri } from "../../core/arbiter/application.ts";
import { CONFIG_FILES, configPath } from "../../core/settings/config_file.ts";
import { loadSettings, type LoadOptions } from "../../core/settings/load.ts";
import { exitCode, problemsText } from "../../core/settings/problem.ts";
import { runtime } from "../current.ts";
import { configReader } from "../files.ts";
import { inside } from "../inside.ts";
import { loader } from "../loader.ts";

type Format = "exe" | "mjs";

/** Builds what `argv` asks for; resolves with the exit code. */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    const order = parse(argv);
    if (order === null) {
      process.stdout.write(HELP);
      return 0;
    }
    return await build(order);
  } catch (error) {
    if (error instanceof UsageError) return complain(`usage: ${USAGE}\ntsgi build: error: ${error.message}`, 2);
    if (error instanceof AppLoadError) return complain(`\nError: ${error.message}`, error.exitCode);
    if (error instanceof BuildError) return complain(error.message, error.exitCode);
    throw error;
  }
}

const USAGE = "tsgi build [-c CONFIG] [-o FILE] [--format exe|mjs] [APP]";

const HELP = `usage: ${USAGE}

Makes one file of the server, the application APP, what both import, and the configuration. It takes tsgi's flags, a --config of
another file among them, obeys the same signals, and starts itself once more for each worker.

  -c, --config FILE       The configuration to put inside. [default: tsgi.config.ts, .js, .mjs or .json here, if there is one]
  -o, --output FILE       What to write. [default: the application's name, with .mjs for that format]
  --format exe|mjs        exe: a program with Bun inside, which needs nothing. mjs: a module for the Bun or the Deno of the machine it
                          runs on: bun FILE, deno run -A FILE. [default: exe]
  -h, --help              This text.

APP is FILE or FILE:NAME, or stands in the configuration. Bundling needs Bun: the one tsgi runs on, one in node_modules, or in PATH. Its program is
the one that can be put inside: deno compile would first download another, which is not on npm; for Deno, build --format mjs.
`;

class UsageError extends Error {}

class BuildError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

interface Order {
  readonly app: string | undefined;
  readonly config: string | undefined;
  readonly output: string | undefined;
  readonly format: Format;
}

/** Null for --help. */
function parse(argv: readonly string[]): Order | null {
  const { values, positionals } = parsed(argv);
  if (values.help) return null;
  const { config, output, format = "exe" } = values;
  if (format !== "exe" && format !== "mjs") throw new UsageError(`Cannot use --format: expected exe or mjs, got ${JSON.stringify(format)}`);
  if (positionals.length > 1) throw new UsageError(`Cannot build ${positionals.join(" and ")} at once: expected one APP`);
  return { app: positionals[0], config, output, format };
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        config: { type: "string", short: "c" },
        output: { type: "string", short: "o" },
        format: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function build(order: Order): Promise<number> {
  if (inside() !== null) throw new BuildError("\nError: Cannot build with a program that was built, use tsgi itself");
  if (!import.meta.url.startsWith("file:")) throw new BuildError("\nError: Cannot build with a tsgi from the web: Bun's bundler needs it on disk, run: npm install tsgi");
  const config = configFile(order.config);
  const named = order.app === undefined ? await configured(config) : { app: order.app, directory: process.cwd() };
  const application = moduleFile(named.app, named.directory);
  const output = resolve(order.output ?? basename(application, extname(application)) + (order.format === "mjs" ? ".mjs" : ""));
  if (statSync(output, { throwIfNoEntry: false })?.isDirectory()) throw new BuildError(`\nError: Cannot write ${output}: it is a directory, name a file with --output`);
  if (output === application || output === config) throw new BuildError(`\nError: Cannot write ${output}: it is what is to be built, name another file with --output`);
  const bun = findBun();
  const folder = mkdtempSync(join(tmpdir(), "tsgi-build-"));
  try {
    const entry = join(folder, "entry.mjs");
    writeFileSync(entry, entryText({ app: named.app, application, config, isExecutable: order.format === "exe" }));
    await bundle(bun, [entry, ...FLAGS[order.format], `--outfile=${output}`], named.app);
  } finally {
    rmSync(folder, { recursive: true });
  }
  process.stdout.write(`${output}\n`);
  return 0;
}

/** `--external`: each runtime's own modules, which the other never loads. A program must not read settings of Bun's from where it is started. */
const FLAGS: Readonly<Record<Format, readonly string[]>> = {
  exe: ["--compile", "--target=bun", "--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"],
  mjs: ["--target=node", "--format=esm", "--external=bun:*"],
};

/** The configuration's absolute path; null where none is named and none of the usual is here. */
function configFile(written: string | undefined): string | null {
  if (written === undefined) {
    const found = CONFIG_FILES.find((name) => existsSync(name));
    return found === undefined ? null : resolve(found);
  }
  let path: string;
  try {
    path = resolve(configPath(written));
  } catch (error) {
    throw new UsageError(`Cannot use --config: ${(error as Error).message}, got ${JSON.stringify(written)}`);
  }
  if (!existsSync(path)) throw new BuildError(`\nError: Cannot use --config: there is no file ${path}`);
  return path;
}

/** The application that the configuration names, and the directory it is seen from. */
async function configured(config: string | null): Promise<{ readonly app: string; readonly directory: string }> {
  const none = "No application module specified: write `tsgi build app.ts`, or app in tsgi.config.ts";
  if (config === null) throw new BuildError(`\nError: ${none}`);
  const { settings, problems } = await loadSettings({
    argv: ["-c", config, "--print-config"],
    env: {},
    cwd: process.cwd(),
    runtime: runtime.name,
    reader: configReader,
    parseArgs: parseArgs as LoadOptions["parseArgs"],
  });
  if (problems.length > 0) throw new BuildError(problemsText(problems).trimEnd(), exitCode(problems));
  if (settings.app === null) throw new BuildError(`\nError: ${none}`);
  return { app: settings.app, directory: settings.chdir };
}

function moduleFile(app: string, directory: string): string {
  const { module } = parseAppUri(app);
  const url = locate(module, { ...loader, resolve: (path) => loader.resolve(/^file:/i.test(path) ? path : resolve(directory, path)) });
  if (url === undefined) throw new AppLoadError(`Cannot load ${module}: only a file can be built, write one that imports it`, 3);
  return fileURLToPath(url);
}

interface EntryOptions {
  readonly app: string;
  readonly application: string;
  readonly config: string | null;
  readonly isExecutable: boolean;
}

function entryText({ app, application, config, isExecutable }: EntryOptions): string {
  const starter = import.meta.url.replace(/commands\/build(\.\w+)$/, "inside$1");
  const adapter = import.meta.url.replace(/runtimes\/commands\/build(\.\w+)$/, "adapters/python$1");
  const text = (value: unknown) => JSON.stringify(value);
  return `import { runInside } from ${text(fileURLToPath(starter))};
await runInside({
  app: ${text(app)},
  config: ${text(config === null ? null : basename(config))},
  importApplication: () => import(${text(application)}),
  importConfig: () => ${config === null ? "Promise.reject(new Error())" : `import(${text(config)})`},
  importWsgi: () => import(${text(fileURLToPath(adapter))}),
  isExecutable: ${isExecutable},
});
`;
}

async function bundle(bun: string, args: readonly string[], app: string): Promise<void> {
  const child = spawn(bun, ["build", ...args], { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, NO_COLOR: "1" } });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (more: string) => void (said += more));
  const ending = await new Promise<string | null>((done) => {
    child.on("error", (error) => done(error.message));
    child.on("close", (code, signal) => done(code === 0 ? null : signal === null ? `it ended with code ${code}` : `it ended by ${signal}`));
  });
  if (ending !== null) throw new BuildError(`\nError: Cannot build ${app}: ${bun} build: ${ending}\n${said.trim()}`);
}

/** Itself, or the first in a node_modules from here up, or in PATH. */
function findBun(): string {
  if (runtime.name === "bun") return process.execPath;
  for (let at = process.cwd(); ; at = dirname(at)) {
    if (isProgram(join(at, "node_modules/.bin/bun"))) return join(at, "node_modules/.bin/bun");
    if (at === dirname(at)) break;
  }
  const found = (process.env.PATH ?? "").split(delimiter).filter(Boolean).map((directory) => join(directory, "bun")).find(isProgram);
  if (found !== undefined) return found;
  throw new BuildError("\nError: Cannot build without Bun, which bundles: there is no bun in node_modules or PATH, run: npm install --save-dev bun");
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // Not there, or not for us: there may be another.
  }
}

function complain(text: string, code: number): number {
  process.stderr.write(`${text}\n`);
  return code;
}
