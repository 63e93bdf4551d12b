/** Puts the settings together, at start and again on every reload. */
import { requestLimitProblems } from "./request_limits.ts";
import { accessFormatProblems } from "../logging/access.ts";
import { parseSyslogAddress } from "../logging/syslog.ts";
import { type Command, type CommandLine, parseCommandArgs, parseCommandLine, type ParseArgs } from "./command_line.ts";
import { CONFIG_FILES, configPath, type ConfigReader, type ConfigSource, readConfig } from "./config_file.ts";
import { type Env, fromEnvironment } from "./environment.ts";
import { parseEnvFile } from "./env_file.ts";
import { type HookSource, NO_HOOKS } from "./hooks.ts";
import { isGlob } from "../arbiter/glob.ts";
import { parseTrusted } from "../arbiter/networks.ts";
import { permissionProblems } from "../arbiter/permissions.ts";
import { builtInClass, type WorkerClass } from "../arbiter/worker_class.ts";
import { readWorkerClass } from "../arbiter/worker_class_file.ts";
import { parseStatsdTarget } from "../statsd/target.ts";
import { adminProblems } from "./admin.ts";
import { cannotUse, type Objection, type Problem } from "./problem.ts";
import { type Entry, resolve, type Resolved } from "./resolve.ts";
import type { SettingName, Settings } from "./table.ts";
import { tlsProblems } from "./tls.ts";
import { showWritten } from "./value.ts";
import { parseWarmup } from "./warmup.ts";

export interface LoadOptions {
  /** The arguments after the program's own name. */
  readonly argv: readonly string[];
  readonly env: Env;
  /** The absolute directory tsgi was started in, also on a reload after it has changed to another. */
  readonly cwd: string;
  /** The runtime that asks, the default of `--runtime`. */
  readonly runtime: Settings["runtime"];
  readonly reader: ConfigReader;
  readonly parseArgs: ParseArgs;
  /** What is inside this program, if it is one file with its application: taken where nothing else is named. Paths as `reader` knows them. */
  readonly inside?: { readonly app: string; readonly config: string | null };
  /** The descriptors of sockets that a service manager has opened for this server: they are served, whatever bind says. */
  readonly activated?: readonly number[];
  /** What this machine has against the settings: an unknown user, a right that is missing. `reason` follows "Cannot use --user: ". */
  readonly objections?: (settings: Settings) => readonly Objection[];
}

export interface Loaded extends Resolved {
  readonly command: Command;
  /** Whether --print-config prints JSON. */
  readonly json: boolean;
  /** The config file that was read, if there was one: absolute. */
  readonly configFile: string | null;
  /** The hooks it has. */
  readonly hooks: HookSource;
  /** What stands in env-file. Kept apart from the settings, which are printed and sent around. */
  readonly variables: Readonly<Record<string, string>>;
  readonly workerClass: WorkerClass;
}

/**
 * Reads all sources and settles them. Never throws for what a user wrote: whatever is wrong is in `problems`, and settings with problems
 * are not to be used. For `help` and `version` nothing but the command line is looked at.
 */
export async function loadSettings({ argv, env, cwd, runtime, reader, parseArgs, objections, inside, activated }: LoadOptions): Promise<Loaded> {
  const line = parseCommandLine(argv, parseArgs);
  const computed = { chdir: cwd, runtime };
  if (line.command === "help" || line.command === "version") {
    return { ...resolve([], computed), command: line.command, json: line.json, configFile: null, hooks: NO_HOOKS, variables: {}, workerClass: {} };
  }
  const args = parseCommandArgs(env.TSGI_CMD_ARGS ?? "", parseArgs);
  const environment = fromEnvironment(env);
  const own: Entry[] = Object.entries(inside ?? {}).filter(([name, written]) => (name === "app" || name === "config") && written !== null)
    .map(([name, written]) => ({ name: name as "app" | "config", written, label: "what is inside" }));
  const file = await configSource(reader, cwd, [...own, ...args.entries, ...line.entries]);
  const resolved = resolve([environment.entries, file.entries, own, args.entries, line.entries], computed);
  const command = strongest(line.command, args.command);
  const json = line.json || args.json;
  const { reload, lint } = resolved.settings;
  const settings = {
    ...resolved.settings,
    ...(activated === undefined ? {} : { bind: activated.map((fd) => ({ kind: "fd", fd }) as const) }),
    config: file.path,
    chdir: absolute(cwd, resolved.settings.chdir),
    lint: resolved.sources.lint === "default" ? reload : lint,
    workerClass: settledClass(resolved, absolute(cwd, resolved.settings.chdir)),
  };
  const problems = [...line.problems, ...args.problems, ...environment.problems, ...file.problems, ...resolved.problems];
  if (!reader.exists(settings.chdir)) problems.push(noDirectory(settings.chdir, resolved.sources.chdir));
  for (const message of accessFormatProblems(settings.accessLogformat)) {
    problems.push(cannotUse(resolved.sources.accessLogformat, message));
  }
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(settings.requestIdHeader)) {
    const label = resolved.sources.requestIdHeader;
    problems.push(cannotUse(label, `expected the name of a header, got ${showWritten(settings.requestIdHeader)}`));
  }
  if (settings.requestIdResponse && !settings.requestId) {
    const label = resolved.sources.requestIdResponse;
    problems.push(cannotUse(label, "requests have no ids, add --request-id"));
  }
  problems.push(...syslogProblems(settings.logSyslogTo, resolved.sources.logSyslogTo));
  for (const path of settings.reload ? settings.reloadExtraFile.filter((text) => !isGlob(text)) : []) {
    if (!reader.exists(absolute(settings.chdir, path))) problems.push(noExtraFile(absolute(settings.chdir, path), resolved.sources.reloadExtraFile));
  }
  problems.push(...trustProblems(settings.forwardedAllowIps, resolved.sources.forwardedAllowIps));
  problems.push(...warmupProblems(settings.warmup, resolved.sources.warmup));
  problems.push(...adminProblems(settings, resolved.sources));
  problems.push(...tlsProblems(settings, resolved.sources));
  problems.push(...nameProblems(settings.forwarderHeaders, resolved.sources.forwarderHeaders));
  problems.push(...headerProblems(settings.secureSchemeHeaders, resolved.sources.secureSchemeHeaders));
  problems.push(...requestLimitProblems(settings, resolved.sources));
  problems.push(...permissionProblems(settings, resolved.sources));
  problems.push(...otlpProblems(settings, resolved.sources));
  problems.push(...statsdProblems(settings, resolved.sources));
  if (settings.rootPath !== null && !/^(?:\/[^/?#]+)+$/.test(settings.rootPath)) problems.push(noMount(settings.rootPath, resolved.sources.rootPath));
  if (settings.maxWorkers > 0 && typeof settings.workers === "number" && settings.workers > settings.maxWorkers) {
    const message = `Cannot use ${resolved.sources.workers}: ${settings.workers} are more than max-workers allows (${settings.maxWorkers} from ${resolved.sources.maxWorkers})`;
    problems.push({ label: resolved.sources.workers, kind: "value", message });
  }
  for (const { name, reason } of objections?.(settings) ?? []) {
    problems.push(cannotUse(resolved.sources[name], reason));
  }
  const variables = await envFile(reader, settings, resolved.sources.envFile, problems);
  const workerClass = await classOf(reader, settings.workerClass, resolved.sources.workerClass, problems);
  if (json && command !== "print-config") problems.push(JSON_ALONE);
  if (settings.app === null && command !== "print-config" && problems.length === 0) problems.push(NO_APP);
  return { settings, problems, sources: resolved.sources, command, json, configFile: file.path, hooks: { hooks: file.hooks, file: file.path }, variables, workerClass };
}

/** One word for a class that has two, and gunicorn's rule: with several threads, sync (its default) is gthread. */
function settledClass({ settings, sources }: Resolved, directory: string): Settings["workerClass"] {
  const { workerClass, threads } = settings;
  if (workerClass === "threads") return "gthread";
  if (threads > 1 && (workerClass === "sync" || sources.workerClass === "default")) return "gthread";
  return builtInClass(workerClass) ? workerClass : (absolute(directory, workerClass) as Settings["workerClass"]);
}

async function classOf(reader: ConfigReader, name: string, label: string, problems: Problem[]): Promise<WorkerClass> {
  const builtIn = builtInClass(name);
  if (builtIn !== undefined) return builtIn;
  const found = await readWorkerClass(reader, name);
  for (const reason of found.problems) problems.push(cannotUse(label, reason));
  return found.problems.length > 0 ? {} : { name, ...found.workerClass };
}

async function envFile(reader: ConfigReader, settings: Settings, label: string, problems: Problem[]): Promise<Readonly<Record<string, string>>> {
  if (settings.envFile === null) return {};
  const path = absolute(settings.chdir, settings.envFile);
  try {
    const { variables, wrong } = parseEnvFile(await reader.readText(path));
    for (const reason of wrong) problems.push(cannotUse(label, `${path}: ${reason}`));
    return variables;
  } catch (error) {
    problems.push(cannotUse(label, `cannot read ${path}: ${reader.explain(error, path).message}`));
    return {};
  }
}

/** `path` as seen from `directory`, absolute, without `.` and `..`. */
export function absolute(directory: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith("/") ? path : `${directory}/${path}`).split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

interface FoundConfig extends ConfigSource {
  /** Null when there is none, or when what was named is not there. */
  readonly path: string | null;
}

const NO_APP: Problem = {
  label: "APP",
  kind: "value",
  message: "No application module specified: write `tsgi app.ts`, or app in tsgi.config.ts",
};

const JSON_ALONE: Problem = {
  label: "--json",
  kind: "usage",
  message: "Cannot use --json alone: it changes what --print-config prints, add that",
};

/**
 * A file that is named is looked for where tsgi was started, as the shell completed it and as in gunicorn; the usual ones where
 * --chdir points.
 */
async function configSource(reader: ConfigReader, cwd: string, flags: readonly Entry[]): Promise<FoundConfig> {
  const named = flags.findLast((entry) => entry.name === "config");
  if (named !== undefined) return namedConfig(reader, cwd, named);
  const chdir = flags.findLast((entry) => entry.name === "chdir")?.written;
  const directory = absolute(cwd, typeof chdir === "string" ? chdir : ".");
  const found = CONFIG_FILES.find((file) => reader.exists(absolute(directory, file)));
  if (found === undefined) return { entries: [], hooks: {}, problems: [], path: null };
  const path = absolute(directory, found);
  return { ...(await readConfig(reader, path, found)), path };
}

async function namedConfig(reader: ConfigReader, cwd: string, { written, label }: Entry): Promise<FoundConfig> {
  const text = String(written);
  // Reported as an unusable value like any other.
  if (text === "") return { entries: [], hooks: {}, problems: [], path: null };
  try {
    const shown = configPath(text);
    const path = absolute(cwd, shown);
    if (reader.exists(path)) return { ...(await readConfig(reader, path, shown)), path };
    return refused(label, `Cannot use ${label}: there is no file ${path}`);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return refused(label, `Cannot use ${label}: ${error.message}, got ${showWritten(text)}`);
  }
}

function refused(label: string, message: string): FoundConfig {
  return { entries: [], hooks: {}, problems: [{ label, kind: "value", message }], path: null };
}

function strongest(line: CommandLine["command"], args: CommandLine["command"]): Command {
  return line === "serve" ? args : line;
}

function noExtraFile(path: string, label: string): Problem {
  return cannotUse(label, `there is no file ${path}; write a pattern for files that may come later`);
}

function trustProblems(items: readonly string[], label: string): Problem[] {
  return items.flatMap((item): Problem[] => {
    try {
      parseTrusted([item]);
      return [];
    } catch (error) {
      return [cannotUse(label, `${(error as SyntaxError).message}, got ${showWritten(item)}`)];
    }
  });
}

function syslogProblems(address: string, label: string): Problem[] {
  try {
    parseSyslogAddress(address);
    return [];
  } catch (error) {
    return [cannotUse(label, `${(error as SyntaxError).message}, got ${showWritten(address)}`)];
  }
}

function warmupProblems(items: readonly string[], label: string): Problem[] {
  return items.flatMap((item): Problem[] => {
    try {
      parseWarmup(item);
      return [];
    } catch (error) {
      return [cannotUse(label, `${(error as SyntaxError).message}, got ${showWritten(item)}`)];
    }
  });
}

function otlpProblems({ otlpEndpoint, otlpSampleRatio }: Settings, sources: Resolved["sources"]): Problem[] {
  const wrong = (name: SettingName, reason: string): Problem => cannotUse(sources[name], reason);
  const problems: Problem[] = [];
  const url = otlpEndpoint === null ? null : URL.parse(otlpEndpoint);
  if (otlpEndpoint !== null && (url === null || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "")) {
    problems.push(wrong("otlpEndpoint", `expected a URL such as http://127.0.0.1:4318, got ${showWritten(otlpEndpoint)}`));
  } else if (url !== null && (url.username !== "" || url.password !== "")) {
    problems.push(wrong("otlpEndpoint", "expected a URL without a user and a password, put them into OTEL_EXPORTER_OTLP_HEADERS"));
  }
  if (otlpSampleRatio !== null && !(/^[\d.]+$/.test(otlpSampleRatio) && Number(otlpSampleRatio) <= 1)) {
    problems.push(wrong("otlpSampleRatio", `expected a number from 0 to 1, got ${showWritten(otlpSampleRatio)}`));
  }
  return problems;
}

function statsdProblems({ statsdHost, statsdPrefix, dogstatsdTags }: Settings, sources: Resolved["sources"]): Problem[] {
  const wrong = (name: SettingName, reason: string): Problem => cannotUse(sources[name], reason);
  const problems: Problem[] = [];
  try {
    if (statsdHost !== null) parseStatsdTarget(statsdHost);
  } catch (error) {
    problems.push(wrong("statsdHost", `${(error as SyntaxError).message}, got ${showWritten(statsdHost)}`));
  }
  if (statsdPrefix !== null && /[:|@#\s]/.test(statsdPrefix)) problems.push(wrong("statsdPrefix", `expected a name without : | @ # and blanks, got ${showWritten(statsdPrefix)}`));
  const tag = dogstatsdTags.find((one) => /[|#\s]/.test(one));
  if (tag !== undefined) problems.push(wrong("dogstatsdTags", `expected tags such as env:prod, without | # and blanks, got ${showWritten(tag)}`));
  return problems;
}

function nameProblems(names: readonly string[], label: string): Problem[] {
  return names.flatMap((name): Problem[] => {
    const fits = /^\w*_\w*$/.test(name) && !/^content_(?:type|length)$/i.test(name);
    const message = `Cannot use ${label}: expected names of headers with _ such as REMOTE_USER or SCRIPT_NAME, got ${showWritten(name)}`;
    return fits ? [] : [{ label, kind: "value", message }];
  });
}

function headerProblems(headers: Readonly<Record<string, string>>, label: string): Problem[] {
  return Object.entries(headers).flatMap(([name, value]): Problem[] => {
    const wrong = !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) ? `expected names of headers, got ${showWritten(name)}`
      : value.trim() !== value || value === "" ? `expected the value of ${name} that means https, got ${showWritten(value)}` : null;
    return wrong === null ? [] : [cannotUse(label, wrong)];
  });
}

function noMount(path: string, label: string): Problem {
  return cannotUse(label, `expected a path such as /shop, without a slash at the end, got ${showWritten(path)}`);
}

function noDirectory(path: string, label: string): Problem {
  return { label, kind: "value", message: `Cannot use ${label === "default" ? "the working directory" : label}: there is no directory ${path}` };
}
