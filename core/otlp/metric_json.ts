/** Metrics as the JSON of OTLP: an ExportMetricsServiceRequest, with totals since the server began. */
import type { Exposed, Sample } from "../metrics/exposition.ts";
import { type Attributes, keyValues, nanos } from "./values.ts";

export interface Period {
  /** Milliseconds since 1970: since when is counted, and until when. */
  readonly since: number;
  readonly at: number;
}

const CUMULATIVE = 2;
/** As UCUM calls the units that names end with. */
const UNITS: Readonly<Record<string, string>> = { seconds: "s", bytes: "By", ratio: "1", celsius: "Cel", meters: "m", grams: "g", joules: "J", volts: "V", amperes: "A" };

export function metricsJson(families: readonly Exposed[], { since, at }: Period, { resource, version }: { readonly resource: Attributes; readonly version: string }): string {
  const times = { startTimeUnixNano: nanos(since), timeUnixNano: nanos(at) };
  const metrics = families.filter((family) => family.kind !== "info").map((family) => ({
    name: family.name,
    description: family.help,
    ...(family.unit === null ? {} : { unit: UNITS[family.unit] ?? family.unit }),
    ...data(family, times),
  }));
  return JSON.stringify({ resourceMetrics: [{ resource: { attributes: keyValues(resource) }, scopeMetrics: [{ scope: { name: "tsgi", version }, metrics }] }] });
}

interface Times {
  readonly startTimeUnixNano: string;
  readonly timeUnixNano: string;
}

function data({ kind, samples }: Exposed, times: Times): object {
  if (kind === "histogram") return { histogram: { dataPoints: histogramPoints(samples, times), aggregationTemporality: CUMULATIVE } };
  const dataPoints = samples.map(({ labels, value }) => ({ attributes: keyValues(Object.fromEntries(labels)), ...times, asDouble: value }));
  return kind === "counter" ? { sum: { dataPoints, aggregationTemporality: CUMULATIVE, isMonotonic: true } } : { gauge: { dataPoints } };
}

interface Point {
  readonly labels: Sample["labels"];
  readonly bounds: number[];
  /** Up to each bound, those below the one before included; the last is of all. */
  readonly upTo: number[];
  sum: number;
}

/** The samples of one series follow each other: its buckets, its sum, its count. */
function histogramPoints(samples: readonly Sample[], times: Times): object[] {
  const points = new Map<string, Point>();
  for (const { suffix, labels, value } of samples) {
    const own = labels.filter(([name]) => name !== "le");
    const key = JSON.stringify(own);
    const point = points.get(key) ?? { labels: own, bounds: [], upTo: [], sum: 0 };
    points.set(key, point);
    if (suffix === "_sum") point.sum = value;
    if (suffix !== "_bucket") continue;
    const bound = labels.find(([name]) => name === "le")![1];
    if (bound !== "+Inf") point.bounds.push(Number(bound));
    point.upTo.push(value);
  }
  return [...points.values()].map(({ labels, bounds, upTo, sum }) => ({
    attributes: keyValues(Object.fromEntries(labels)),
    ...times,
    count: String(upTo.at(-1) ?? 0),
    sum,
    bucketCounts: upTo.map((count, i) => String(count - (upTo[i - 1] ?? 0))),
    explicitBounds: bounds,
  }));
}
