/**
 * The metrics that an application makes of its own, in one worker: what came since they were collected last. The arbiter adds up
 * (aggregate.ts), so here a counter keeps nothing but its increase.
 */
import { emptyDistribution, type Filling, observe } from "./distribution.ts";
import { familyName, type Kind, labelPairs, type Labels } from "./names.ts";

/** `environ["tsgi.metrics"]`, and `metrics` of the module "tsgi": the same metric for the same name, wherever it is asked for. */
export interface Metrics {
  /**
   * A number that only grows; over all workers, the sum. Throws TypeError for a name that is not valid, or belongs to another kind.
   *
   * @example
   * ```ts
   * environ["tsgi.metrics"]?.counter("orders", { help: "Orders taken" }).inc({ kind: "new" });
   * ```
   */
  counter(name: string, options?: MetricOptions): Counter;
  /** A number that goes up and down: over all living workers, their sum, or what `merge` says. Throws as `counter` does. */
  gauge(name: string, options?: GaugeOptions): Gauge;
  /** How many values were how large, seconds by default. Throws as `counter` does. */
  histogram(name: string, options?: HistogramOptions): Histogram;
}

export interface MetricOptions {
  /** A sentence for whoever reads the name. */
  readonly help?: string;
}
export interface GaugeOptions extends MetricOptions {
  /** What the workers' values make together. */
  readonly merge?: GaugeMerge;
}
export type GaugeMerge = "sum" | "max" | "min";
export interface HistogramOptions extends MetricOptions {
  /** The bounds (`le`) that Prometheus is shown, ascending; for other units than seconds. What is kept is finer. */
  readonly bounds?: readonly number[];
}

export interface Counter {
  /** Throws RangeError for an amount that is negative or not finite. */
  inc(labels?: Labels, amount?: number): void;
}
export interface Gauge {
  /** Throws RangeError for a value that is not finite. */
  set(value: number, labels?: Labels): void;
  add(amount: number, labels?: Labels): void;
}
export interface Histogram {
  /** Throws RangeError for a value that is negative or not finite. */
  observe(value: number, labels?: Labels): void;
}

/** What a metric is, apart from its values. */
export interface Definition {
  /** Without `_total`. */
  readonly name: string;
  readonly kind: Kind;
  readonly help: string;
  readonly merge: GaugeMerge;
  /** Empty for the usual ones. */
  readonly bounds: readonly number[];
}

/** What came to one series: a counter's increase, a gauge's value, or the observations of a histogram. */
export interface Change {
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value?: number;
  readonly observed?: Filling;
}

/** What came to a metric, as JSON. */
export interface FamilyChange extends Definition {
  readonly changes: readonly Change[];
}

/** Series of all metrics together, in a worker and over all of them. */
export const MOST_SERIES = 2000;

interface Series extends Change {
  value: number;
  observed: Filling;
  isChanged: boolean;
}

interface Family {
  readonly definition: Definition;
  readonly series: Map<string, Series>;
  readonly instrument: Counter & Gauge & Histogram;
}

export class Registry implements Metrics {
  readonly #families = new Map<string, Family>();
  /** By kind and the name that was asked for. */
  readonly #asked = new Map<string, Family>();
  readonly #refused: (name: string) => void;
  #room: number;
  #isFull = false;

  /** `refused` is told once, of the metric that got no more series. */
  constructor(refused: (name: string) => void = () => {}, room = MOST_SERIES) {
    this.#refused = refused;
    this.#room = room;
  }

  counter(name: string, options?: MetricOptions): Counter {
    return this.#find("counter", name, options);
  }

  /** A counter of the server's own, whose name no application can take. */
  own(name: string, options: MetricOptions): Counter {
    return (this.#families.get(name) ?? this.#make("counter", name, options)).instrument;
  }

  gauge(name: string, options?: GaugeOptions): Gauge {
    return this.#find("gauge", name, options);
  }

  histogram(name: string, options?: HistogramOptions): Histogram {
    return this.#find("histogram", name, options);
  }

  /** Whether anything came since the last time. */
  hasChanged(): boolean {
    for (const { series } of this.#families.values()) for (const one of series.values()) if (one.isChanged) return true;
    return false;
  }

  /** What came since the last time; empty if nothing did. */
  collect(): FamilyChange[] {
    const found: FamilyChange[] = [];
    for (const { definition, series } of this.#families.values()) {
      const changes: Change[] = [];
      for (const one of series.values()) if (one.isChanged) changes.push(taken(one, definition.kind));
      if (changes.length > 0) found.push({ ...definition, changes });
    }
    return found;
  }

  #find(kind: Kind, name: string, options: GaugeOptions & HistogramOptions = {}): Family["instrument"] {
    const key = `${kind} ${name}`;
    const known = this.#asked.get(key);
    if (known !== undefined) return known.instrument;
    const family = familyName(name, kind);
    const made = this.#families.get(family) ?? this.#make(kind, family, options);
    if (made.definition.kind !== kind) throw new TypeError(`Cannot make a ${kind} ${JSON.stringify(name)}: there is a ${made.definition.kind} of that name`);
    // Names that are made up of what clients send would fill the memory as series would.
    if (this.#asked.size < 2 * MOST_SERIES) this.#asked.set(key, made);
    return made.instrument;
  }

  #make(kind: Kind, name: string, { help = "", merge = "sum", bounds = [] }: GaugeOptions & HistogramOptions): Family {
    if (!["sum", "max", "min"].includes(merge)) throw new TypeError(`Cannot merge the gauge ${name} by ${JSON.stringify(merge)}: expected sum, max or min`);
    if (!bounds.every((bound, i) => bound >= 0 && bound < Infinity && (i === 0 || bound > bounds[i - 1]!))) {
      throw new TypeError(`Cannot use the bounds [${bounds.join(", ")}] for ${name}: expected finite numbers from 0 up, ascending`);
    }
    const definition: Definition = { name, kind, help: String(help), merge, bounds: [...bounds] };
    const series = new Map<string, Series>();
    const at = (labels?: Labels) => this.#series(definition, series, labels);
    const made: Family = { definition, series, instrument: instrument(definition, at) };
    if (this.#families.size < MOST_SERIES) this.#families.set(name, made);
    return made;
  }

  /** Null where there is no room for another. */
  #series({ name, kind }: Definition, all: Map<string, Series>, labels?: Labels): Series | null {
    const pairs = labelPairs(labels, kind);
    const key = pairs.length === 0 ? "" : JSON.stringify(pairs);
    const known = all.get(key);
    if (known !== undefined) return known;
    if (this.#room === 0) {
      if (!this.#isFull) this.#refused(name);
      this.#isFull = true;
      return null;
    }
    this.#room--;
    const made: Series = { labels: pairs, value: 0, observed: emptyDistribution(), isChanged: false };
    all.set(key, made);
    return made;
  }
}

/** One object for all kinds: the types let nobody see more of it than his kind has. */
function instrument({ name }: Definition, at: (labels?: Labels) => Series | null): Family["instrument"] {
  const change = (labels: Labels | undefined, run: (series: Series) => void) => {
    const series = at(labels);
    if (series === null) return;
    run(series);
    series.isChanged = true;
  };
  return {
    inc(labels, amount = 1) {
      if (!(amount >= 0 && amount < Infinity)) throw new RangeError(`Cannot add ${amount} to the counter ${name}: expected a finite number from 0 up`);
      change(labels, (series) => (series.value += amount));
    },
    set(value, labels) {
      if (!Number.isFinite(value)) throw new RangeError(`Cannot set the gauge ${name} to ${value}: expected a finite number`);
      change(labels, (series) => (series.value = value));
    },
    add(amount, labels) {
      if (!Number.isFinite(amount)) throw new RangeError(`Cannot add ${amount} to the gauge ${name}: expected a finite number`);
      change(labels, (series) => (series.value += amount));
    },
    observe(value, labels) {
      change(labels, (series) => observe(series.observed, value));
    },
  };
}

/** What is to be sent of a series, which begins anew. */
function taken(series: Series, kind: Kind): Change {
  const { labels, value, observed } = series;
  series.isChanged = false;
  if (kind === "gauge") return { labels, value };
  series.value = 0;
  series.observed = emptyDistribution();
  return kind === "counter" ? { labels, value } : { labels, observed };
}
