/**
 * The config file as a source of settings: a module whose default export is an object with keys of the table, or a function that returns
 * one or a promise of one; or JSON. Files are reached through the port `ConfigReader`, carried out in runtimes/files.ts.
 */
import { hookOf, hookProblem, type Hooks, nearestHook } from "./hooks.ts";
import { isSettingName, nearestSetting, onlyFlag } from "./names.ts";
import { cannotUse, type Problem } from "./problem.ts";
import type { Entry } from "./resolve.ts";
import { rowOf } from "./table.ts";
import { whyUnsupported } from "./unsupported.ts";
import { showWritten } from "./value.ts";

/** The files that tsgi may read; paths are absolute. */
export interface ConfigReader {
  exists(path: string): boolean;
  /** Rejects when there is no such file. */
  readText(path: string): Promise<string>;
  /** The module's exports as the file is now, however often it was imported before. Rejects with whatever the engine throws. */
  importModule(path: string): Promise<Readonly<Record<string, unknown>>>;
  /** What `error`, thrown while the file at `path` was read or run, says in one line, and where, as far as the engine tells. */
  explain(error: unknown, path: string): Explanation;
}

export interface Explanation {
  readonly message: string;
  /** `tsgi.config.ts:3:14`, or another file's place if the error is there. */
  readonly place?: string;
}

/** The config files that are read when none is named, the first that exists. */
export const CONFIG_FILES = ["tsgi.config.ts", "tsgi.config.js", "tsgi.config.mjs", "tsgi.config.json"] as const;

export interface ConfigSource {
  readonly entries: readonly Entry[];
  readonly hooks: Hooks;
  readonly problems: readonly Problem[];
}

/** Reads the config file at `path`; `label` is what errors call it. Never throws. */
export async function readConfig(reader: ConfigReader, path: string, label: string): Promise<ConfigSource> {
  try {
    const isJson = path.endsWith(".json");
    const exports = isJson ? { default: JSON.parse(await reader.readText(path)) as unknown } : await reader.importModule(path);
    if (!("default" in exports)) return failed(label, `Cannot use ${label}: no default export, write "export default defineConfig({ ... })"`);
    const written = exports.default;
    return fromConfig(typeof written === "function" ? await written() : written, label, { json: isJson });
  } catch (error) {
    const { message, place } = reader.explain(error, path);
    return failed(label, `Cannot read ${label}: ${message}${place === undefined ? "" : ` (${place})`}`);
  }
}

/** Takes the object of a config file, or one given in code, as a source; `label` says where it stood. */
export function fromConfig(written: unknown, label: string, { json = false }: { readonly json?: boolean } = {}): ConfigSource {
  if (typeof written !== "object" || written === null || Array.isArray(written) || written instanceof Promise) {
    return failed(label, `Cannot use ${label}: expected an object with settings, got ${showWritten(written)}`);
  }
  const entries: Entry[] = [];
  const problems: Problem[] = [];
  const hooks: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(written)) {
    const place = `${label}: ${key}`;
    const hook = hookOf(key);
    if (hook !== undefined) {
      // As with a setting, undefined is nothing.
      if (value === undefined) continue;
      const why = Object.hasOwn(hooks, hook) ? "preFork and preSpawn are one hook, write only one of them" : hookProblem(hook, value, { json });
      if (why === null) hooks[hook] = value;
      else problems.push(cannotUse(place, why));
    } else if (!isSettingName(key)) problems.push({ label: place, kind: "value", message: unknownKey(key, label) });
    else if (rowOf(key).commandLineOnly === true) problems.push({ label: place, kind: "value", message: onlyFlag(key, place) });
    // A computed config says undefined for "as if I had not written it".
    else if (value !== undefined) entries.push({ name: key, written: value, label: place });
  }
  return { entries, hooks: hooks as Hooks, problems };
}

/** The path in a `--config` value: PATH or file:PATH. Throws SyntaxError for another scheme. */
export function configPath(written: string): string {
  const path = written.replace(/^file:(\/\/(?=\/))?/, "");
  if (/^[a-z][a-z0-9+.-]+:/i.test(path)) throw new SyntaxError("expected PATH or file:PATH");
  if (path === "") throw new SyntaxError("expected a path");
  return path;
}

function unknownKey(key: string, label: string): string {
  const why = whyUnsupported(key);
  if (why !== null) return `Cannot use ${label}: ${key}: ${why}`;
  const exactHook = nearestHook(key, { slips: false });
  if (exactHook !== undefined) return `Cannot use ${label}: ${key}: there is no such setting, did you mean ${exactHook}?`;
  const meant = nearestSetting(key);
  const hook = meant === undefined ? nearestHook(key, { slips: true }) : undefined;
  if (hook !== undefined) return `Cannot use ${label}: ${key}: there is no such setting, did you mean ${hook}?`;
  const hint = meant === undefined || rowOf(meant).commandLineOnly === true ? "see tsgi --help for those there are" : `did you mean ${meant}?`;
  return `Cannot use ${label}: ${key}: there is no such setting, ${hint}`;
}

function failed(label: string, message: string): ConfigSource {
  return { entries: [], hooks: {}, problems: [{ label, kind: "value", message }] };
}
