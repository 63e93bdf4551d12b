/**
 * Watches what an application is made of, for `--reload`. What counts is what stat says: the system's own notices only tell when to look,
 * so that it is the same however an editor writes (in place, or a new file renamed over the old), and a look that comes too often is
 * harmless. Directories are watched, not files, because a renamed-over file is another file.
 */
import { type FSWatcher, realpathSync, statSync, watch as watchDirectory } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAppUri } from "../core/arbiter/app_uri.ts";
import { due, notice, type Unsettled } from "../core/arbiter/debounce.ts";
import { isGlob } from "../core/arbiter/glob.ts";
import type { Watch } from "../core/arbiter/supervise_options.ts";
import type { Log } from "../core/logging/record.ts";
import type { Settings } from "../core/settings/table.ts";
import { expand } from "./glob_walk.ts";
import { moduleGraph } from "./module_graph.ts";
import { now } from "./system.ts";

export interface WatchOptions {
  readonly settings: Pick<Settings, "app" | "chdir" | "config" | "reloadEngine" | "reloadExtraFile"> & Partial<Pick<Settings, "interface">>;
  readonly log: Log;
  /** Called with one changed file when the changes have settled. */
  readonly changed: (file: string) => void;
}

/** How often `poll` looks. */
const POLL = 500;
/** How long notices of the system are gathered before one look: they come in crowds. */
const GATHER = 20;

/** Watches until it is closed. What there is at the time of the call is what counts as unchanged. */
export function watch({ settings, log, changed }: WatchOptions): Watch {
  const python = settings.interface === "wsgi" ? ["**/*.py"] : [];
  const patterns = [...python, ...settings.reloadExtraFile.filter(isGlob)].map((pattern) => resolve(settings.chdir, pattern));
  const literal = settings.reloadExtraFile.filter((path) => !isGlob(path)).map((path) => resolve(settings.chdir, path));
  let modules = findModules();
  let seen = look();
  let unsettled: Unsettled | null = null;
  let settling: ReturnType<typeof setTimeout> | undefined;
  let looking: ReturnType<typeof setTimeout> | undefined;
  let polling: ReturnType<typeof setInterval> | undefined;
  const watchers = new Map<string, Watcher>();
  for (const pattern of patterns) if (expand(pattern).files.length === 0) log("warning", "nothing-matches", { pattern });
  if (settings.reloadEngine === "poll") poll();
  else watchDirectories();
  return { close };

  function findModules(): readonly string[] {
    const entry = entryOf(settings);
    return [...(entry === null ? [] : moduleGraph(entry)), ...(settings.config === null ? [] : [settings.config]), ...literal];
  }

  /** Every file with what tells one state of it from another. */
  function look(): Map<string, string> {
    const files = [...modules, ...patterns.flatMap((pattern) => expand(pattern).files)];
    return new Map(files.map((path) => [path, stamp(path)]));
  }

  function compare(): void {
    const before = seen;
    seen = look();
    const files = [...new Set([...before.keys(), ...seen.keys()])].filter((path) => before.get(path) !== seen.get(path));
    unsettled = notice(unsettled, files, now());
    if (unsettled === null) return;
    clearTimeout(settling);
    settling = setTimeout(settle, Math.max(0, due(unsettled) - now()));
  }

  function settle(): void {
    compare();
    if (unsettled === null || now() < due(unsettled)) return;
    clearTimeout(settling);
    const [file] = unsettled.files;
    unsettled = null;
    // The change may have brought modules that are new.
    modules = findModules();
    seen = look();
    if (polling === undefined) watchDirectories();
    changed(file!);
  }

  function poll(): void {
    polling ??= setInterval(compare, POLL);
  }

  /** Has the system tell about every directory concerned; a directory that was made anew is another one. */
  function watchDirectories(): void {
    const wanted = wantedNames();
    for (const [path, watcher] of watchers) {
      if (wanted.has(path) && watcher.stamp === identity(path)) continue;
      watcher.close();
      watchers.delete(path);
    }
    for (const [path, names] of wanted) {
      const known = watchers.get(path);
      if (known) known.names = names;
      else listen(path, names);
    }
  }

  /** The directories to watch, each with the names that matter in it; null where any name may. */
  function wantedNames(): Map<string, Set<string> | null> {
    const wanted = new Map<string, Set<string> | null>();
    for (const path of seen.keys()) {
      for (const place of places(path)) {
        const names = wanted.get(dirname(place));
        if (names !== null) wanted.set(dirname(place), (names ?? new Set()).add(basename(place)));
      }
    }
    for (const pattern of patterns) {
      for (const directory of expand(pattern).directories) wanted.set(existing(directory), null);
    }
    return wanted;
  }

  function listen(path: string, names: Set<string> | null): void {
    let native: FSWatcher | null = null;
    const watcher: Watcher = { stamp: identity(path), names, close: () => native?.close() };
    watchers.set(path, watcher);
    try {
      native = watchDirectory(path, { persistent: false }, (_, name) => {
        if (name !== null && watcher.names !== null && !watcher.names.has(String(name)) && String(name) !== basename(path)) return;
        looking ??= setTimeout(() => {
          looking = undefined;
          // A directory may have been made anew, or have got the next one on the way to a missing file.
          watchDirectories();
          compare();
        }, GATHER);
      });
      native.on("error", (error) => cannotWatch(path, error));
    } catch (error) {
      cannotWatch(path, error);
    }
  }

  function cannotWatch(path: string, error: unknown): void {
    // It has just been removed: that is a change, and seen as one.
    if (identity(path) === MISSING) return;
    const isAuto = settings.reloadEngine === "auto";
    if (polling === undefined) {
      const reason = (error as { readonly code?: string }).code ?? String(error);
      const instead = isAuto ? "looking at every file twice a second" : "changes there are not seen, use --reload-engine poll";
      log("warning", "cannot-watch", { path, reason, instead });
    }
    if (isAuto) poll();
  }

  function close(): void {
    clearTimeout(settling);
    clearTimeout(looking);
    clearInterval(polling);
    for (const watcher of watchers.values()) watcher.close();
    watchers.clear();
  }
}

interface Watcher {
  readonly stamp: string;
  names: Set<string> | null;
  readonly close: () => void;
}

const MISSING = "missing";

/** The path of the application's module; null where it is a package or a URL. */
function entryOf({ app, chdir, interface: kind }: WatchOptions["settings"]): string | null {
  if (kind === "wsgi") return null;
  try {
    const { module } = parseAppUri(app!);
    if (/^file:/i.test(module)) return fileURLToPath(new URL(module).href);
    return /^(?:npm|jsr|node|https?):/i.test(module) ? null : resolve(chdir, module);
  } catch {
    return null; // The worker that loads it says what is wrong with its name.
  }
}

function stamp(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? MISSING : `${stat.mtimeMs} ${stat.size} ${stat.ino}`;
}

function identity(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? MISSING : `${stat.dev} ${stat.ino}`;
}

/** Where a change of `path` can be seen: its directory, or the nearest that exists, and that of the file a link leads to. */
function places(path: string): string[] {
  const own = existingPlace(path);
  try {
    const real = realpathSync(path);
    return real === path ? [own] : [own, real];
  } catch {
    return [own]; // It is missing.
  }
}

/** The first step towards `path` whose directory exists. */
function existingPlace(path: string): string {
  let place = path;
  while (identity(dirname(place)) === MISSING) place = dirname(place);
  return place;
}

function existing(directory: string): string {
  return identity(directory) === MISSING ? dirname(existingPlace(directory)) : directory;
}
