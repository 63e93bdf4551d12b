/**
 * What StatsD is told: the arbiter's figures over all workers as lines of its protocol, `tsgi.requests:12|c`.
 *
 * The rules:
 *
 * 1. A counter is what came since the last time. A gauge is what it is now; because a sign means a change, a negative one is set to 0 first.
 * 2. gunicorn sends a line per request and duration. Here durations are counted in buckets that are at most 1.6 % wide, and a bucket with n of
 *    them is one line, `:4.27|ms|@0.5`, that stands for n = 1 / rate. Servers count so many (the Datadog agent, Telegraf and statsd_exporter
 *    for percentiles too; Etsy's for counts and rates, while its percentiles take each line once).
 * 3. Labels are tags where tags are in use, else the values are parts of the name, in the order of the labels' names.
 */
import type { FamilyStats, SeriesStats } from "../metrics/aggregate.ts";
import { bucketValue, type Distribution, emptyDistribution, since } from "../metrics/distribution.ts";
import { EXIT_CAUSES } from "../metrics/ledger.ts";
import { LOG_KINDS } from "../metrics/log_counts.ts";
import type { Stats } from "../metrics/stats.ts";

export interface StatsdNames {
  readonly prefix: string | null;
  readonly tags: readonly string[];
  readonly compat: "gunicorn" | null;
}

/** The lines for what is so `now`, and has come since `before`; null for the beginning. */
export function statsdLines(now: Stats, before: Stats | null, names: StatsdNames): string[] {
  const lines = new Lines(names);
  requests(lines, now, before);
  server(lines, now, before);
  workers(lines, now);
  for (const family of now.application) application(lines, family, before?.application.find((one) => one.name === family.name && one.kind === family.kind));
  return lines.all;
}

/** What an Ethernet frame carries of one UDP datagram. */
const PACKET = 1432;

/** `lines` in as few datagrams as they fit into. A line that is longer than one goes alone. */
export function packets(lines: readonly string[], most = PACKET): string[] {
  const found: string[] = [];
  let packet = "";
  for (const line of lines) {
    // A name may hold characters of several bytes.
    if (packet !== "" && bytesOf(packet) + 1 + bytesOf(line) > most) {
      found.push(packet);
      packet = "";
    }
    packet = packet === "" ? line : `${packet}\n${line}`;
  }
  return packet === "" ? found : [...found, packet];
}

class Lines {
  readonly all: string[] = [];
  readonly #names: StatsdNames;
  readonly #prefix: string;

  constructor(names: StatsdNames) {
    this.#names = names;
    this.#prefix = names.prefix === null ? "" : `${names.prefix.replace(/\.+$/, "")}.`;
  }

  /** The name of what gunicorn has too. */
  shared(name: string): string {
    return `${this.#names.compat ?? "tsgi"}.${name}`;
  }

  counter(name: string, more: number, labels: Labels = []): void {
    if (more > 0) this.#add(name, `${numberText(more)}|c`, labels);
  }

  gauge(name: string, value: number, labels: Labels = []): void {
    if (value < 0) this.#add(name, "0|g", labels);
    this.#add(name, `${numberText(value)}|g`, labels);
  }

  /** One line a bucket, of values times `scale`. */
  values(name: string, values: Distribution, { type, scale, labels = [] }: { readonly type: "ms" | "h"; readonly scale: number; readonly labels?: Labels }): void {
    for (const bucket in values.buckets) {
      const count = values.buckets[bucket]!;
      this.#add(name, `${numberText(bucketValue(Number(bucket)) * scale)}|${type}${count === 1 ? "" : `|@${rateText(count)}`}`, labels);
    }
  }

  #add(name: string, rest: string, labels: Labels): void {
    const isTagged = this.#names.tags.length > 0;
    const named = isTagged ? name : [name, ...labels.map(([, value]) => value.replace(/[^\w-]/g, "_"))].join(".");
    const tags = [...this.#names.tags, ...labels.map(([label, value]) => `${label}:${value.replace(/[\s,|#]/g, "_")}`)];
    this.all.push(`${this.#prefix}${named}:${rest}${isTagged ? `|#${tags.join(",")}` : ""}`);
  }
}

type Labels = SeriesStats["labels"];

function requests(lines: Lines, { requests }: Stats, before: Stats | null): void {
  if (requests === null) return;
  const past = before?.requests ?? null;
  lines.counter(lines.shared("requests"), requests.total - (past?.total ?? 0));
  for (const code in requests.codes) lines.counter(lines.shared(`request.status.${code}`), requests.codes[code]! - (past?.codes[code] ?? 0));
  lines.values(lines.shared("request.duration"), since(requests.duration, past?.duration ?? emptyDistribution()), { type: "ms", scale: 1000 });
  lines.gauge("tsgi.requests.in_flight", requests.inFlight);
}

function server(lines: Lines, now: Stats, before: Stats | null): void {
  for (const kind of LOG_KINDS) lines.counter(lines.shared(`log.${kind}`), now.logged[kind] - (before?.logged[kind] ?? 0));
  lines.gauge(lines.shared("workers"), now.workers.length);
  const queues = now.listeners.flatMap(({ queue }) => (queue === null ? [] : [queue.queued]));
  if (queues.length > 0) lines.gauge(lines.shared("backlog"), queues.reduce((a, b) => a + b, 0));
  lines.gauge("tsgi.workers.target", now.target);
  lines.gauge("tsgi.workers.serving", now.states.serving);
  lines.gauge("tsgi.generation", now.generation);
  const { ledger } = now;
  lines.counter("tsgi.worker.spawns", ledger.spawned - (before?.ledger.spawned ?? 0));
  lines.counter("tsgi.worker.restarts", ledger.restarts - (before?.ledger.restarts ?? 0));
  for (const cause of EXIT_CAUSES) lines.counter(`tsgi.worker.exits.${cause}`, ledger.exits[cause] - (before?.ledger.exits[cause] ?? 0));
  for (const result of ["succeeded", "failed"] as const) lines.counter(`tsgi.reloads.${result}`, ledger.reloads[result] - (before?.ledger.reloads[result] ?? 0));
}

/** Together: whoever wants each worker by itself reads the metrics page. */
function workers(lines: Lines, { workers }: Stats): void {
  const known = workers.flatMap(({ health }) => (health === null ? [] : [health]));
  if (known.length > 0) lines.gauge("tsgi.workers.resident_memory_bytes", known.reduce((sum, { memory }) => sum + memory.rss, 0));
  const lags = known.flatMap(({ lag }) => (lag === null ? [] : [lag.p99]));
  if (lags.length > 0) lines.gauge("tsgi.workers.loop_lag_p99_ms", Math.max(...lags) * 1000);
}

function application(lines: Lines, { name, kind, series }: FamilyStats, before: FamilyStats | undefined): void {
  const past = new Map(before?.series.map((one) => [JSON.stringify(one.labels), one]));
  for (const { labels, value = 0, observed } of series) {
    const last = past.get(JSON.stringify(labels));
    if (observed !== undefined) lines.values(name, since(observed, last?.observed ?? emptyDistribution()), { type: "h", scale: 1, labels });
    else if (kind === "counter") lines.counter(name, value - (last?.value ?? 0), labels);
    else lines.gauge(name, value, labels);
  }
}

/** Six digits, and never as 1e-7, which not every server reads. */
function numberText(value: number): string {
  if (Number.isInteger(value)) return String(BigInt(value));
  const text = String(Number(value.toPrecision(6)));
  return text.includes("e") ? value.toFixed(12).replace(/\.?0+$/, "") : text;
}

/** 1 / count, rounded down: a server that cuts 1 / rate to a whole number has `count` then, and not one less. */
function rateText(count: number): string {
  const digits = 6 + Math.ceil(Math.log10(count));
  return (Math.floor(10 ** digits / count) / 10 ** digits).toFixed(digits).replace(/0+$/, "");
}

const encoder = new TextEncoder();

function bytesOf(text: string): number {
  return encoder.encode(text).length;
}
