/** The command `tsgi APP`: the arbiter, or a word about the settings. */
import { dirname, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { parseAppUri } from "../../core/arbiter/app_uri.ts";
import { check } from "../../core/arbiter/check.ts";
import { type Reread, supervise, type Surroundings, title } from "../../core/arbiter/supervise.ts";
import { createLogger } from "../../core/logging/logger.ts";
import type { Log } from "../../core/logging/record.ts";
import { type Loaded, loadSettings, type LoadOptions } from "../../core/settings/load.ts";
import { exitCode, problemsText } from "../../core/settings/problem.ts";
import { reloaded } from "../../core/settings/reload.ts";
import type { Settings } from "../../core/settings/table.ts";
import { helpText, printConfig, versionText } from "../../core/settings/usage.ts";
import { workerCount } from "../../core/settings/resolve.ts";
import { VERSION } from "../../core/version.ts";
import { cpuCount } from "../cpus.ts";
import { runtime } from "../current.ts";
import { daemonize, findStarter, type Starter } from "../daemon.ts";
import { ignoreUsr1 } from "../debugger.ts";
import { configReader } from "../files.ts";
import { type LogFile, openLogFile } from "../log_file.ts";
import { createPidfile, type Pidfile } from "../pidfile.ts";
import { arbiterSystem, wait } from "../process.ts";
import { giveLog, identityOf, logFiles, objections } from "../users.ts";
import { watch } from "../watch.ts";

/** Seconds that reading a configuration again may take where boot-timeout is off. */
const DEFAULT_LIMIT = 60;

/** What a worker runs: a file in the same language as this one. A worker loads only what it needs. */
const WORKER = fileURLToPath(import.meta.url.replace(/commands\/serve(\.\w+)$/, "worker$1"));

/** Serves what `argv` asks for, or tells about it; resolves with the exit code. */
export async function run(argv: readonly string[]): Promise<number> {
  if (runtime.debugsOnUsr1) ignoreUsr1(); // Reading the configuration may take long.
  const starter = findStarter();
  const options: LoadOptions = {
    argv,
    env: { ...process.env },
    cwd: process.cwd(),
    runtime: runtime.name,
    reader: configReader,
    parseArgs: parseArgs as LoadOptions["parseArgs"],
    objections,
  };
  return await command(options, starter);
}

async function command(options: LoadOptions, starter: Starter | null): Promise<number> {
  const loaded = await loadSettings(options);
  if (loaded.command === "help") return print(helpText());
  if (loaded.command === "version") return print(versionText(VERSION));
  if (loaded.problems.length > 0) {
    complain(starter, problemsText(loaded.problems));
    return exitCode(loaded.problems);
  }
  if (loaded.command === "print-config") return print(printConfig(loaded.settings, { json: loaded.json }));
  const system = arbiterSystem(WORKER);
  if (loaded.command === "check-config") return await check(system, loaded.settings, surroundings(options, loaded.settings, 0, loaded.variables));
  if (loaded.settings.daemon && starter === null) return await daemonize(loaded.settings);
  return await serve(options, loaded, starter);
}

async function serve(options: LoadOptions, loaded: Loaded, starter: Starter | null): Promise<number> {
  let { settings } = loaded;
  /** What stood in env-file when these settings were read. */
  const variables = new WeakMap<Settings, Loaded["variables"]>([[settings, loaded.variables]]);
  const classes = new WeakMap<Settings, Loaded["workerClass"]>([[settings, loaded.workerClass]]);
  process.chdir(settings.chdir);
  giveLogs(settings);
  let file = openErrorLog(settings);
  if (file.problem !== null) return complain(starter, `\nError: ${file.problem}\n`);
  runtime.setTitle(title("master", settings));
  let pidfile: Pidfile | null;
  try {
    pidfile = openPidfile(settings);
  } catch (error) {
    return complain(starter, `\nError: ${(error as Error).message}\n`);
  }
  // Also after an exception that nobody caught.
  process.on("exit", () => pidfile?.remove());
  let write = logTo(settings);
  // What keeps a daemon from serving is told twice: nobody sees its log yet.
  const told = starter && createLogger({ level: "error", format: "text", pid: process.pid, write: (line) => starter.complain(`${line}\n`) });
  const log: Log = (...record) => {
    write(...record);
    told?.(...record);
  };
  log("debug", "configuration", { detail: printConfig(settings).trimEnd() });
  const code = await supervise(arbiterSystem(WORKER), {
    version: VERSION,
    settings,
    hooks: loaded.hooks,
    workers: (s) => workerCount(s, cpuCount()),
    reread,
    log,
    watch: (s, changed) => watch({ settings: s, log, changed }),
    surroundings: (s, slot) => {
      const captures = s.captureOutput && s.errorLogfile !== "-";
      const around = surroundings(options, s, slot, variables.get(s) ?? {});
      return captures ? { ...around, onOutput: (line) => file.write(line) } : around;
    },
    classOf: (s) => classes.get(s) ?? {},
    owner: identityOf,
    reopenLogs,
    onServing,
    onFailed: (reason) => starter?.complain(`\nError: ${reason}\n`),
    notes: runtime.debugsOnUsr1 && logFiles(settings).length > 0 ? [NO_USR1] : [],
  });
  file.close();
  pidfile?.remove();
  return code;

  async function reread(): Promise<Reread> {
    const limit = (settings.bootTimeout || DEFAULT_LIMIT) * 1000;
    const again = await Promise.race([loadSettings(options), wait(limit)]);
    if (!again) return { refused: `the configuration was not read within ${limit / 1000} s` };
    if (again.problems.length > 0) return { refused: again.problems.map((p) => p.message).join("; ") };
    const found = reloaded(settings, again.settings);
    variables.set(found.settings, again.variables);
    classes.set(found.settings, again.workerClass);
    giveLogs(found.settings);
    settings = found.settings;
    return { settings, pending: found.pending, hooks: again.hooks };
  }

  function reopenLogs(): void {
    giveLogs(settings);
    file.reopen();
  }

  /** A reload holds: what belongs to the arbiter itself follows. */
  function onServing(now: Settings): void {
    starter?.serving();
    if (now === loaded.settings) return;
    movePidfile(now);
    const path = errorLogPath(now);
    if (path !== file.path) moveErrorLog(now);
    write = logTo(now);
  }

  function movePidfile(now: Settings): void {
    if (pidfilePath(now) === (pidfile?.path ?? null)) return;
    try {
      const next = openPidfile(now);
      pidfile?.remove();
      pidfile = next;
    } catch (error) {
      log("error", "pidfile-failed", { reason: (error as Error).message });
    }
  }

  function moveErrorLog(now: Settings): void {
    const next = openErrorLog(now);
    if (next.problem !== null) {
      log("error", "log-failed", { reason: next.problem });
      return next.close();
    }
    file.close();
    file = next;
  }

  function logTo({ logLevel, logFormat }: Settings): Log {
    return createLogger({ level: logLevel, format: logFormat, pid: process.pid, write: (line) => file.write(line) });
  }
}

const NO_USR1 = "USR1 does nothing on Deno, where it would open a debugger: after a log rotation send HUP, which reopens the logs too";

/** Says on standard error, a daemon on that of the command that started it, why there will be no server; returns the exit code. */
function complain(starter: Starter | null, text: string): number {
  if (starter) starter.complain(text);
  else process.stderr.write(text);
  return 1;
}

function openErrorLog(settings: Settings): LogFile & { readonly path: string } {
  const path = errorLogPath(settings);
  return Object.assign(openLogFile(path, { standard: 2 }), { path });
}

function errorLogPath({ errorLogfile, chdir }: Settings): string {
  return errorLogfile === "-" ? "-" : resolve(chdir, errorLogfile);
}

/** The workers' user cannot make a log file where only root may. */
function giveLogs(settings: Settings): void {
  const owner = identityOf(settings);
  if (owner) for (const path of logFiles(settings)) giveLog(path, owner);
}

function openPidfile(settings: Settings): Pidfile | null {
  const path = pidfilePath(settings);
  return path === null ? null : createPidfile(path);
}

function pidfilePath({ pidfile, chdir }: Settings): string | null {
  return pidfile === null ? null : resolve(chdir, pidfile);
}

/** What a worker of these settings finds around it; `variables` are those of env-file. */
function surroundings({ env }: LoadOptions, settings: Settings, slot: number, variables: Loaded["variables"]): Surroundings {
  const all = Object.entries({ ...env, ...variables, ...settings.env, TSGI_WORKER_ID: String(slot) });
  const identity = identityOf(settings);
  return {
    env: Object.fromEntries(all.filter((pair): pair is [string, string] => pair[1] !== undefined)),
    directory: settings.chdir,
    appDirectory: resolve(settings.chdir, dirname(parseAppUri(settings.app!).module)),
    ...(identity === undefined ? {} : { identity }),
  };
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}
