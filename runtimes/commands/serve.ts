/** The command `tsgi APP`: the arbiter, or a word about the settings. */
import { realpathSync } from "node:fs";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { parseAppUri } from "../../core/arbiter/app_uri.ts";
import { check } from "../../core/arbiter/check.ts";
import { permissionsOf } from "../../core/arbiter/permissions.ts";
import { supervise } from "../../core/arbiter/supervise.ts";
import { type Reread, type Surroundings, title } from "../../core/arbiter/supervise_options.ts";
import type { BlackBox } from "../../core/black_box/black_box.ts";
import type { Controls } from "../../core/control/controls.ts";
import { createLogger } from "../../core/logging/logger.ts";
import type { Level, Log } from "../../core/logging/record.ts";
import { type Loaded, loadSettings, type LoadOptions } from "../../core/settings/load.ts";
import { exitCode, problemsText } from "../../core/settings/problem.ts";
import { reloaded } from "../../core/settings/reload.ts";
import type { Settings } from "../../core/settings/table.ts";
import { helpText, printConfig, versionText } from "../../core/settings/usage.ts";
import { mostWorkers, workerCount } from "../../core/settings/resolve.ts";
import { VERSION } from "../../core/version.ts";
import { findZone } from "../clock.ts";
import { cpuCount } from "../cpus.ts";
import { AdminPages } from "../admin_pages.ts";
import { Certificates } from "../certificates.ts";
import type { ControlSocket } from "../control_socket.ts";
import { inside, insideObjections } from "../inside.ts";
import { runtime } from "../current.ts";
import { daemonize, findStarter } from "../daemon.ts";
import { ignoreUsr1 } from "../debugger.ts";
import { configReader } from "../files.ts";
import { COMMANDS } from "../main.ts";
import { findInheritance, type Inheritance } from "../inheritance.ts";
import { alsoOnStandardError, type LogFile, openLogFile } from "../log_file.ts";
import { buryOrphans } from "../orphans.ts";
import { oomKills } from "../out_of_memory.ts";
import { Reporters } from "../reporters.ts";
import { createPidfile, type Pidfile } from "../pidfile.ts";
import { openFilesNote, openFilesObjections } from "../open_files.ts";
import { arbiterSystem } from "../process.ts";
import { activation, notifier, passedOn } from "../service_manager.ts";
import { threadObjections } from "../threads.ts";
import { type Starter, writeStatus } from "../status.ts";
import { wait } from "../system.ts";
import { upgradeIn } from "../upgrade.ts";
import { arbiterSyslog, type ArbiterSyslog, syslogObjections } from "../arbiter_syslog.ts";
import { giveLog, identityOf, logFiles, objections } from "../users.ts";
import { watch } from "../watch.ts";
import { wsgiObjections } from "../wsgi.ts";

/** Seconds that reading a configuration again may take where boot-timeout is off. */
const DEFAULT_LIMIT = 60;

/** What a worker runs. */
const WORKER = workerScript(import.meta.url);
/** What it reads of tsgi, where that is in files. */
const OWN_SOURCES = WORKER.startsWith("/") ? [resolve(dirname(WORKER), "..")] : [];

/** Serves what `argv` asks for, or tells about it; resolves with the exit code. */
export async function run(argv: readonly string[]): Promise<number> {
  if (runtime.debugsOnUsr1) ignoreUsr1(); // Reading the configuration may take long.
  findZone();
  let inheritance: Inheritance | null;
  try {
    inheritance = findInheritance();
  } catch (error) {
    return complain(null, `\nError: ${(error as Error).message}\n`);
  }
  const starter = inheritance ? writeStatus(inheritance.status) : findStarter();
  const activated = activation({ env: process.env, parent: inheritance?.parent ?? null });
  const certificates = new Certificates();
  const options: LoadOptions = {
    argv,
    env: { ...process.env },
    cwd: process.cwd(),
    runtime: runtime.name,
    reader: configReader,
    parseArgs: parseArgs as LoadOptions["parseArgs"],
    objections: (settings) => [
      ...objections(settings),
      ...certificates.objections(settings),
      ...insideObjections(settings),
      ...openFilesObjections({ settings, workers: workerCount(settings, cpuCount()) }),
      ...syslogObjections(settings),
      ...threadObjections(settings),
      ...wsgiObjections(settings),
    ],
    ...(activated === null ? {} : { activated }),
    ...(inside() === null ? {} : { inside: inside()! }),
  };
  return await command(options, { starter, inheritance, certificates });
}

async function command(options: LoadOptions, origin: Origin): Promise<number> {
  const { starter } = origin;
  const loaded = await loadSettings(options);
  if (loaded.command === "help") return print(helpText(COMMANDS));
  if (loaded.command === "version") return print(versionText(VERSION));
  if (loaded.problems.length > 0) {
    complain(starter, problemsText(loaded.problems));
    return exitCode(loaded.problems);
  }
  if (loaded.command === "print-config") return print(printConfig(loaded.settings, { json: loaded.json }));
  const system = arbiterSystem(WORKER);
  if (loaded.command === "check-config") return await check(system, loaded.settings, surroundings(options, loaded.settings, 0, loaded.variables));
  if (loaded.settings.daemon && starter === null) return await daemonize(loaded.settings);
  return await serve(options, loaded, origin);
}

interface Origin {
  readonly starter: Starter | null;
  readonly inheritance: Inheritance | null;
  readonly certificates: Certificates;
}

async function serve(options: LoadOptions, loaded: Loaded, { starter, inheritance, certificates }: Origin): Promise<number> {
  let { settings } = loaded;
  directoryOf(settings);
  /** What stood in env-file when these settings were read. */
  const variables = new WeakMap<Settings, Loaded["variables"]>([[settings, loaded.variables]]);
  const classes = new WeakMap<Settings, Loaded["workerClass"]>([[settings, loaded.workerClass]]);
  process.chdir(settings.chdir);
  giveLogs(settings);
  let file = openErrorLog(settings, told);
  if (file.problem !== null) return complain(starter, `\nError: ${file.problem}\n`);
  /** As in gunicorn, what has a name is called `.2` until the arbiter before has gone. */
  let suffix = inheritance ? ".2" : "";
  runtime.setTitle(masterTitle());
  buryOrphans();
  let pidfile: Pidfile | null;
  try {
    pidfile = openPidfile(settings, suffix);
  } catch (error) {
    return complain(starter, `\nError: ${(error as Error).message}\n`);
  }
  // Also after an exception that nobody caught.
  process.on("exit", () => pidfile?.remove());
  /** Asked for over the control socket; null for the settings' own. */
  let level: Level | null = null;
  let syslog: ArbiterSyslog | null = arbiterSyslog(settings, (...record) => write(...record));
  let write = logTo(settings);
  // What keeps a daemon from serving is told twice: nobody sees its log yet.
  const starting = starter && createLogger({ level: "error", format: "text", pid: process.pid, write: (line) => starter.complain(`${line}\n`) });
  const admin = new AdminPages(inheritance, (...record) => {
    write(...record);
    starting?.(...record);
  });
  const { log } = admin;
  if (!(await admin.open(settings))) {
    syslog?.close();
    file.close();
    return 1;
  }
  const reporters = new Reporters(log, (s) => surroundings(options, s, 0, variables.get(s) ?? {}).env);
  let keeping: Promise<unknown> = Promise.resolve();
  let control: Promise<ControlSocket | null> = Promise.resolve(null);
  let openControl = () => control;
  let stopWatching = () => {};
  let isOver = false;
  if (settings.logLevel === "debug") log("debug", "configuration", { detail: printConfig(settings).trimEnd() });
  const origin = { env: options.env, parent: inheritance?.parent ?? null };
  const news = notifier(origin, log);
  const code = await supervise(arbiterSystem(WORKER, inheritance), {
    version: VERSION,
    settings,
    hooks: loaded.hooks,
    workers: (s) => workerCount(s, cpuCount()),
    mostWorkers: (s) => mostWorkers(s, cpuCount()),
    reread,
    log,
    watch: (s, changed) => watch({ settings: s, log, changed }),
    surroundings: (s, slot) => {
      const captures = s.captureOutput && s.errorLogfile !== "-";
      const around = surroundings(options, s, slot, variables.get(s) ?? {});
      return captures ? { ...around, onOutput: (line) => file.write(line) } : around;
    },
    classOf: (s) => classes.get(s) ?? {},
    tls: (s) => certificates.of(s),
    owner: identityOf,
    reopenLogs,
    onServing,
    onControls: (controls) => {
      openControl = () => control = control.then((before) => moveControl(before, controls));
      openControl();
      reporters.begin(controls, settings);
      stopWatching = certificates.watch(() => settings, () => {
        log("info", "certificates-changed");
        controls.signal("HUP");
      });
      admin.serve(controls);
    },
    onNoted: (...noted) => admin.noted(...noted),
    setLogLevel: (to) => {
      level = to;
      write = logTo(settings);
    },
    oomKills,
    onDeath: (box, s) => (keeping = Promise.all([keeping, keepBlackBox(box, s)])),
    onStep: (before, after, step) => news?.note(before, after, step),
    upgrade: admin.inherited(upgradeIn({ inheritance, env: passedOn(origin), cwd: options.cwd, promoted, started: (serves) => admin.succeed(serves) })),
    onFailed: (reason) => starter?.complain(`\nError: ${reason}\n`),
    notes: [
      runtime.debugsOnUsr1 && logFiles(settings).length > 0 ? NO_USR1 : null,
      openFilesNote({ settings }),
      ...certificates.warnings(settings, Date.now()),
      options.activated !== undefined && loaded.sources.bind !== "default" ? `LISTEN_FDS: the sockets that the service manager opened are served, and ${loaded.sources.bind} is not` : null,
    ].filter((note) => note !== null),
  });
  isOver = true;
  stopWatching();
  (await control)?.close();
  await Promise.all([keeping, reporters.close(), admin.close()]);
  syslog?.close();
  file.close();
  pidfile?.remove();
  return code;

  /** Opens the control socket where it belongs by now, and closes the one before. */
  async function moveControl(before: ControlSocket | null, controls: Controls): Promise<ControlSocket | null> {
    if (settings.controlSocketDisable || isOver) return before;
    const { controlSocket, chdir, controlSocketMode } = settings;
    try {
      const { openControlSocket } = await import("../control_socket.ts");
      const path = controlSocket === null ? await (await import("../control_path.ts")).ownControlPath() : `${resolve(chdir, controlSocket)}${suffix}`;
      if (path === before?.path) return before;
      const opened = await openControlSocket(path, controlSocketMode, controls);
      before?.close();
      // Nobody asked for the one that everybody gets.
      log(controlSocket === null ? "debug" : "info", "control-listening", { path });
      return opened;
    } catch (error) {
      log("warning", "control-failed", { reason: (error as Error).message });
      return before;
    }
  }

  async function reread(): Promise<Reread> {
    const limit = (settings.bootTimeout || DEFAULT_LIMIT) * 1000;
    const again = await Promise.race([loadSettings(options), wait(limit)]);
    if (!again) return { refused: `the configuration was not read within ${limit / 1000} s` };
    if (again.problems.length > 0) return { refused: again.problems.map((p) => p.message).join("; ") };
    const found = reloaded(settings, again.settings);
    certificates.keep(again.settings, found.settings);
    variables.set(found.settings, again.variables);
    classes.set(found.settings, again.workerClass);
    giveLogs(found.settings);
    settings = found.settings;
    directoryOf(settings);
    return { settings, pending: found.pending, hooks: again.hooks };
  }

  async function keepBlackBox(box: BlackBox, { blackBox, chdir }: Settings): Promise<void> {
    if (blackBox === null) return;
    const path = resolve(chdir, blackBox);
    try {
      const { writeBlackBox } = await import("../black_box_file.ts");
      writeBlackBox(path, box);
    } catch (error) {
      log("warning", "black-box-failed", { path, reason: (error as Error).message });
    }
  }

  function reopenLogs(): void {
    giveLogs(settings);
    file.reopen();
  }

  /** A reload holds: what belongs to the arbiter itself follows. */
  function onServing(now: Settings): void {
    starter?.serving();
    inheritance?.closeRest();
    admin.follow(now);
    if (now === loaded.settings) return;
    level = null;
    reporters.use(now);
    movePidfile(now);
    const path = errorLogPath(now);
    if (path !== file.path) moveErrorLog(now);
    const before = syslog;
    syslog = arbiterSyslog(now, (...record) => write(...record));
    write = logTo(now);
    before?.close();
  }

  /** The arbiter before has gone, and its names with it. */
  function promoted(): void {
    suffix = "";
    runtime.setTitle(masterTitle());
    movePidfile(settings);
    void openControl();
  }

  function masterTitle(): string {
    return title("master", { ...settings, name: `${settings.name ?? settings.app}${suffix}` });
  }

  function movePidfile(now: Settings): void {
    if (pidfilePath(now, suffix) === (pidfile?.path ?? null)) return;
    try {
      const next = openPidfile(now, suffix);
      pidfile?.remove();
      pidfile = next;
    } catch (error) {
      log("error", "pidfile-failed", { reason: (error as Error).message });
    }
  }

  /** Of the error log itself. */
  function told(reason: string): void {
    write("error", "log-lost", { reason });
  }

  function moveErrorLog(now: Settings): void {
    const next = openErrorLog(now, told);
    if (next.problem !== null) {
      log("error", "log-failed", { reason: next.problem });
      return next.close();
    }
    file.close();
    file = next;
  }

  function logTo({ logLevel, logFormat }: Settings): Log {
    return createLogger({ level: level ?? logLevel, format: logFormat, pid: process.pid, write: (line) => file.write(line), ...(syslog === null ? {} : { syslog: syslog.write }) });
  }
}

const NO_USR1 = "USR1 does nothing on Deno, where it would open a debugger: after a log rotation send HUP, which reopens the logs too";

/**
 * The file beside this one, in the same language: a worker loads only what it needs. Where all is one file (runtimes/inside.ts), it is that
 * file. What was imported from the web, as from JSR, is named by its URL.
 */
function workerScript(own: string): string {
  const url = own.replace(/commands\/serve(\.\w+)$/, "worker$1");
  return url.startsWith("file:") ? fileURLToPath(url) : url;
}

/** Says on standard error, a daemon on that of the command that started it, why there will be no server; returns the exit code. */
function complain(starter: Starter | null, text: string): number {
  if (starter) starter.complain(text);
  else process.stderr.write(text);
  return 1;
}

function openErrorLog(settings: Settings, told: (reason: string) => void): LogFile & { readonly path: string } {
  const path = errorLogPath(settings);
  return Object.assign(openLogFile(path, { standard: 2, warn: alsoOnStandardError(told) }), { path });
}

function errorLogPath({ errorLogfile, chdir }: Settings): string {
  return errorLogfile === "-" ? "-" : resolve(chdir, errorLogfile);
}

/** The workers' user cannot make a log file where only root may. */
function giveLogs(settings: Settings): void {
  const owner = identityOf(settings);
  if (owner) for (const path of logFiles(settings)) giveLog(path, owner);
}

function openPidfile(settings: Settings, suffix: string): Pidfile | null {
  const path = pidfilePath(settings, suffix);
  return path === null ? null : createPidfile(path);
}

function pidfilePath({ pidfile, chdir }: Settings, suffix: string): string | null {
  return pidfile === null ? null : resolve(chdir, pidfile) + suffix;
}

/** What a worker of these settings finds around it; `variables` are those of env-file. */
function surroundings({ env }: LoadOptions, settings: Settings, slot: number, variables: Loaded["variables"]): Surroundings {
  const { TSGI_ADMIN_TOKEN: _, ...own } = env; // Not for applications.
  const all = Object.entries({ ...own, ...variables, ...settings.env, TSGI_WORKER_ID: String(slot) });
  const identity = identityOf(settings);
  const appDirectory = resolve(directoryOf(settings), settings.interface === "wsgi" ? "." : dirname(parseAppUri(settings.app!).module));
  const permissions = permissionsOf(settings, { logs: logFiles(settings), sources: [appDirectory, ...OWN_SOURCES, ...(settings.config === null ? [] : [dirname(resolve(settings.config))])] });
  return {
    env: Object.fromEntries(all.filter((pair): pair is [string, string] => pair[1] !== undefined)),
    directory: directoryOf(settings),
    appDirectory,
    ...(permissions === null ? {} : { permissions }),
    ...(identity === undefined ? {} : { identity }),
  };
}

const directories = new WeakMap<Settings, string>();

/** Where the working directory was when these settings were read: if it is a link such as `current`, old workers come back with old code. */
function directoryOf(settings: Settings): string {
  const known = directories.get(settings);
  if (known !== undefined) return known;
  let found = settings.chdir;
  try {
    found = realpathSync(settings.chdir);
  } catch {
    // It has gone: whoever starts a process there is told.
  }
  directories.set(settings, found);
  return found;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}
