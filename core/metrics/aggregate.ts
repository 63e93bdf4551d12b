/**
 * The application's metrics over all workers there ever were: counters and histograms are sums that outlive their workers, gauges are
 * those of the living.
 */
import { emptyDistribution, type Filling, merge } from "./distribution.ts";
import { type Change, type Definition, type FamilyChange, type GaugeMerge, MOST_SERIES } from "./registry.ts";

/** One series: `value` of a counter or gauge, `observed` of a histogram. */
export type SeriesStats = Change;

/** One metric with its series, as a plain object. */
export interface FamilyStats extends Definition {
  readonly series: readonly SeriesStats[];
}

interface Series {
  readonly labels: Change["labels"];
  total: number;
  readonly observed: Filling;
  /** By worker and thread. */
  readonly gauges: Map<string, number>;
}

interface Family {
  definition: Definition;
  /** The youngest worker that it comes from. */
  by: number;
  readonly series: Map<string, Series>;
}

export class Aggregate {
  readonly #families = new Map<string, Family>();
  readonly #refused: (name: string) => void;
  #room = MOST_SERIES;
  #isFull = false;

  /** `refused` is told once, of the metric that got no more series. */
  constructor(refused: (name: string) => void = () => {}) {
    this.#refused = refused;
  }

  /** A worker told what came, or a thread of it. */
  add(worker: number, families: readonly FamilyChange[], thread = 0): void {
    for (const { changes, ...definition } of families) {
      const family = this.#family(worker, definition);
      if (family === null) continue;
      for (const change of changes) this.#change(`${worker}.${thread}`, family, change);
    }
  }

  /** A worker has ended, or that thread of it: its gauges say nothing any more. */
  forget(worker: number, thread: number | null = null): void {
    const isGone = (by: string) => (thread === null ? by.startsWith(`${worker}.`) : by === `${worker}.${thread}`);
    for (const { series } of this.#families.values()) {
      for (const { gauges } of series.values()) for (const by of [...gauges.keys()].filter(isGone)) gauges.delete(by);
    }
  }

  stats(): FamilyStats[] {
    return [...this.#families.values()].map(({ definition, series }) => ({ ...definition, series: seriesOf(definition, [...series.values()]) }));
  }

  /** A reload may bring another definition: that of the younger worker holds. Null for one of another kind that holds no more. */
  #family(worker: number, definition: Definition): Family | null {
    const known = this.#families.get(definition.name);
    if (known !== undefined && known.definition.kind === definition.kind) {
      if (worker >= known.by) Object.assign(known, { definition, by: worker });
      return known;
    }
    if (known !== undefined && worker < known.by) return null;
    this.#room += known?.series.size ?? 0;
    const made: Family = { definition, by: worker, series: new Map() };
    this.#families.set(definition.name, made);
    return made;
  }

  #change(by: string, { definition, series }: Family, change: Change): void {
    const key = JSON.stringify(change.labels);
    let one = series.get(key);
    if (one === undefined) {
      if (this.#room === 0) return this.#refuse(definition.name);
      this.#room--;
      one = { labels: change.labels, total: 0, observed: emptyDistribution(), gauges: new Map() };
      series.set(key, one);
    }
    if (change.observed !== undefined) merge(one.observed, change.observed);
    else if (definition.kind === "gauge") one.gauges.set(by, change.value!);
    else one.total += change.value!;
  }

  #refuse(name: string): void {
    if (!this.#isFull) this.#refused(name);
    this.#isFull = true;
  }
}

function seriesOf({ kind, merge: how }: Definition, all: readonly Series[]): SeriesStats[] {
  if (kind === "counter") return all.map(({ labels, total }) => ({ labels, value: total }));
  if (kind === "histogram") return all.map(({ labels, observed }) => ({ labels, observed: structuredClone(observed) }));
  return all.filter(({ gauges }) => gauges.size > 0).map(({ labels, gauges }) => ({ labels, value: together(how, [...gauges.values()]) }));
}

function together(how: GaugeMerge, values: readonly number[]): number {
  if (how === "sum") return values.reduce((a, b) => a + b, 0);
  return how === "max" ? Math.max(...values) : Math.min(...values);
}
