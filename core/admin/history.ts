/** The last minutes of a server, a point a second: what the charts of the status page show. */
import { quantile, since } from "../metrics/distribution.ts";
import type { RequestStats } from "../metrics/meter.ts";
import type { Stats, WorkerStats } from "../metrics/stats.ts";

/** Seconds and bytes; null for what is not known, or not counted (--no-metrics). Rates and quantiles are those of the time since the point before. */
export interface Point {
  /** Seconds since 1970. */
  readonly time: number;
  readonly perSecond: number | null;
  /** Those of them that were answered with 5xx. */
  readonly errorsPerSecond: number | null;
  /** Null where nothing was answered. */
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly inFlight: number | null;
  /** By slot, of the worker that serves there: the 99th percentile of its loop's lateness, and its resident memory. */
  readonly lag: readonly (number | null)[];
  readonly rss: readonly (number | null)[];
}

/** Five minutes. */
const KEPT = 300;
/** Slots that have lines of their own: more are a thicket, and the table has them all. */
const MOST_SLOTS = 32;

export class History {
  #points: Point[] = [];
  #before: { readonly time: number; readonly requests: RequestStats | null } | null = null;

  get points(): readonly Point[] {
    return this.#points;
  }

  /** Notes how things are; to be called about once a second. The point that it makes. */
  note(stats: Stats): Point {
    const before = this.#before;
    this.#before = { time: stats.uptime, requests: stats.requests };
    const point = { time: stats.time, ...traffic(stats, before), ...health(stats.workers) };
    this.#points.push(point);
    if (this.#points.length > KEPT) this.#points = this.#points.slice(-KEPT);
    return point;
  }
}

type Traffic = Omit<Point, "time" | "lag" | "rss">;

function traffic({ requests, uptime }: Stats, before: { readonly time: number; readonly requests: RequestStats | null } | null): Traffic {
  const inFlight = requests?.inFlight ?? null;
  const seconds = uptime - (before?.time ?? uptime);
  if (requests === null || !before?.requests || seconds <= 0) return { perSecond: null, errorsPerSecond: null, p50: null, p90: null, p99: null, inFlight };
  const durations = since(requests.duration, before.requests.duration);
  return {
    // Read while the workers write, two looks may be a request apart.
    perSecond: Math.max(0, requests.total - before.requests.total) / seconds,
    errorsPerSecond: Math.max(0, requests.statuses["5xx"] - before.requests.statuses["5xx"]) / seconds,
    p50: quantile(durations, 0.5),
    p90: quantile(durations, 0.9),
    p99: quantile(durations, 0.99),
    inFlight,
  };
}

function health(workers: readonly WorkerStats[]): Pick<Point, "lag" | "rss"> {
  const lag: (number | null)[] = [];
  const rss: (number | null)[] = [];
  const serving = workers.filter((w) => w.phase === "serving" && w.slot < MOST_SLOTS);
  const slots = Math.max(0, ...serving.map((w) => w.slot + 1));
  for (let slot = 0; slot < slots; slot++) {
    // In a reload there may be two for a moment: the younger one will stay.
    const worker = serving.findLast((w) => w.slot === slot);
    lag.push(worker?.health?.lag?.p99 ?? null);
    rss.push(worker?.health?.memory.rss ?? null);
  }
  return { lag, rss };
}
