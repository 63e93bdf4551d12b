/**
 * Settles every setting: of all sources the strongest wins, whole; a list given twice is replaced, not added to. The order is gunicorn's:
 *
 *     built-in < environment variables < config file < TSGI_CMD_ARGS < flags
 */
import { flagOf, variableOf } from "./names.ts";
import type { Problem } from "./problem.ts";
import { type Computed, rowOf, SETTING_NAMES, type SettingName, type Settings } from "./table.ts";
import { readValue, showWritten } from "./value.ts";

/** One thing a source says. */
export interface Entry {
  readonly name: SettingName;
  readonly written: unknown;
  /** The place, as an error names it: `--workers`, `TSGI_WORKERS`, `tsgi.config.ts: workers`. */
  readonly label: string;
  /** Not written for tsgi alone (`PORT`): looked at only when nothing stronger is there. */
  readonly foreign?: boolean;
}

export interface Resolved {
  /** Complete even when there are problems, so that they can be logged by it; not to be served with then. */
  readonly settings: Settings;
  readonly problems: readonly Problem[];
  /** The label of the entry that won, or `default`. */
  readonly sources: Readonly<Record<SettingName, string>>;
}

/** Settles `sources`, the weakest first. Reports every unusable value, also one that a stronger source overrides. */
export function resolve(sources: readonly (readonly Entry[])[], computed: Computed): Resolved {
  const values: Record<string, unknown> = {};
  const labels: Record<string, string> = {};
  const problems: Problem[] = [];
  for (const name of SETTING_NAMES) {
    const row = rowOf(name);
    values[name] = Object.hasOwn(computed, name) ? computed[name as keyof Computed] : row.default;
    labels[name] = "default";
  }
  const entries = sources.flat();
  for (const [index, entry] of entries.entries()) {
    if (entry.foreign === true && entries.slice(index + 1).some((later) => later.name === entry.name)) continue;
    const reading = readValue(rowOf(entry.name), entry.written);
    if (reading.ok) {
      values[entry.name] = reading.value;
      labels[entry.name] = entry.label;
    } else {
      const message = `Cannot use ${subject(entry)}: expected ${reading.expected}, got ${reading.got ?? cameAs(entry)}`;
      problems.push({ label: entry.label, kind: "value", message });
    }
  }
  return { settings: values as unknown as Settings, problems, sources: labels as Record<SettingName, string> };
}

/** The worker processes to run: what is set, or one for each of `cpus`, if so many may be. */
export function workerCount(settings: Pick<Settings, "workers" | "maxWorkers">, cpus: number): number {
  return settings.workers === "auto" ? Math.min(Math.max(1, Math.ceil(cpus)), settings.maxWorkers || Infinity) : settings.workers;
}

/** How many worker processes there may be at most. */
export function mostWorkers(settings: Pick<Settings, "workers" | "maxWorkers">, cpus: number): number {
  return settings.maxWorkers || Math.max(4 * Math.ceil(cpus), 2 * workerCount(settings, cpus));
}

/** A secret is not repeated, whatever is wrong with it. */
function cameAs({ name, written }: Entry): string {
  return rowOf(name).secret === true && written !== "" ? "something else" : showWritten(written);
}

function subject({ label, name }: Entry): string {
  return [name, flagOf(name), variableOf(name)].some((known) => label.includes(known)) || name === "app" ? label : `${label} for ${name}`;
}
