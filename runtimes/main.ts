/** The command `tsgi`: the arbiter, or a word about the settings. */
import { dirname, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { parseAppUri } from "../core/arbiter/app_uri.ts";
import { check } from "../core/arbiter/check.ts";
import { type Reread, supervise, type Surroundings, title } from "../core/arbiter/supervise.ts";
import { createLogger } from "../core/logging/logger.ts";
import { type Loaded, loadSettings, type LoadOptions } from "../core/settings/load.ts";
import { exitCode, problemsText } from "../core/settings/problem.ts";
import { reloaded } from "../core/settings/reload.ts";
import type { Settings } from "../core/settings/table.ts";
import { helpText, printConfig, versionText } from "../core/settings/usage.ts";
import { workerCount } from "../core/settings/resolve.ts";
import { VERSION } from "../core/version.ts";
import { cpuCount } from "./cpus.ts";
import { runtime } from "./current.ts";
import { configReader } from "./files.ts";
import { openLogFile } from "./log_file.ts";
import { arbiterSystem, wait } from "./process.ts";
import { watch } from "./watch.ts";

/** Seconds that reading a configuration again may take where boot-timeout is off. */
const DEFAULT_LIMIT = 60;

/** What a worker runs: the file beside this one, in the same language. A worker loads only what it needs. */
const WORKER = fileURLToPath(import.meta.url.replace(/main(\.\w+)$/, "worker$1"));

/** Runs the command line of this process. */
export async function main(): Promise<void> {
  if (isTooOld(runtime.version, runtime.minimum)) {
    process.stderr.write(
      `\nError: Cannot run on ${runtime.name} ${runtime.version}: older versions have security holes that tsgi relies on being closed, ` +
        `use ${runtime.minimum} or newer\n`,
    );
    process.exit(1);
  }
  const options: LoadOptions = {
    argv: process.argv.slice(2),
    env: { ...process.env },
    cwd: process.cwd(),
    runtime: runtime.name,
    reader: configReader,
    parseArgs: parseArgs as LoadOptions["parseArgs"],
  };
  process.exit(await command(options));
}

async function command(options: LoadOptions): Promise<number> {
  const loaded = await loadSettings(options);
  if (loaded.command === "help") return print(helpText());
  if (loaded.command === "version") return print(versionText(VERSION));
  if (loaded.problems.length > 0) {
    process.stderr.write(problemsText(loaded.problems));
    return exitCode(loaded.problems);
  }
  if (loaded.command === "print-config") return print(printConfig(loaded.settings, { json: loaded.json }));
  const system = arbiterSystem(WORKER);
  if (loaded.command === "check-config") return await check(system, loaded.settings, surroundings(options, loaded.settings, 0));
  return await run(options, loaded);
}

async function run(options: LoadOptions, loaded: Loaded): Promise<number> {
  let { settings } = loaded;
  process.chdir(settings.chdir);
  const file = openLogFile(settings.errorLogfile ?? "-", { standard: 2 });
  if (file.problem !== null) {
    process.stderr.write(`\nError: ${file.problem}\n`);
    return 1;
  }
  runtime.setTitle(title("master", settings));
  const log = createLogger({ level: settings.logLevel, format: settings.logFormat, pid: process.pid, write: (line) => file.write(line) });
  log("debug", "configuration", { detail: printConfig(settings).trimEnd() });
  const code = await supervise(arbiterSystem(WORKER), {
    version: VERSION,
    settings,
    hooks: loaded.hooks,
    workers: (s) => workerCount(s, cpuCount()),
    reread,
    log,
    surroundings: (s, slot) => surroundings(options, s, slot),
    watch: (s, changed) => watch({ settings: s, log, changed }),
  });
  file.close();
  return code;

  async function reread(): Promise<Reread> {
    const limit = (settings.bootTimeout || DEFAULT_LIMIT) * 1000;
    const again = await Promise.race([loadSettings(options), wait(limit)]);
    if (!again) return { refused: `the configuration was not read within ${limit / 1000} s` };
    if (again.problems.length > 0) return { refused: again.problems.map((p) => p.message).join("; ") };
    const found = reloaded(settings, again.settings);
    settings = found.settings;
    return { settings, pending: found.pending, hooks: again.hooks };
  }
}

/** What a worker of these settings finds around it. */
function surroundings({ env }: LoadOptions, settings: Settings, slot: number): Surroundings {
  const variables = Object.entries({ ...env, ...settings.env, TSGI_WORKER_ID: String(slot) });
  return {
    env: Object.fromEntries(variables.filter((pair): pair is [string, string] => pair[1] !== undefined)),
    directory: settings.chdir,
    appDirectory: resolve(settings.chdir, dirname(parseAppUri(settings.app!).module)),
  };
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function isTooOld(version: string, minimum: string): boolean {
  const numbers = (text: string) => text.split(/[.-]/).map(Number);
  const [a, b] = [numbers(version), numbers(minimum)];
  const at = b.findIndex((n, i) => n !== a[i]);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
}
