/** Stats as metrics with names: what `prometheusText` and `openMetricsText` write. */
import type { FamilyStats, SeriesStats } from "./aggregate.ts";
import { countUpTo, type Distribution } from "./distribution.ts";
import { type Exposed, numberText, type Sample } from "./exposition.ts";
import { EXIT_CAUSES } from "./ledger.ts";
import { LOG_KINDS } from "./log_counts.ts";
import { STATUS_CLASSES } from "./meter.ts";
import { unitOf } from "./names.ts";
import { PHASES, type Stats, type WorkerStats } from "./stats.ts";

/** Prometheus's own, for seconds. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * Everything in `stats`, named and described.
 *
 * @example
 * ```ts
 * prometheusText(families(stats));
 * ```
 */
export function families(stats: Stats): Exposed[] {
  return [...server(stats), ...requests(stats), ...workers(stats), ...listeners(stats), ...stats.application.map(application)];
}

function server(stats: Stats): Exposed[] {
  const { ledger } = stats;
  return [
    { name: "tsgi_build", kind: "info", help: "What serves.", unit: null, samples: [sample(1, { version: stats.version, runtime: stats.runtime }, "_info")] },
    gauge("tsgi_uptime_seconds", "Since the arbiter began.", [sample(stats.uptime)]),
    gauge("tsgi_generation", "Reloads that held, and one.", [sample(stats.generation)]),
    gauge("tsgi_workers", "Workers there are, by phase.", PHASES.map((phase) => sample(stats.states[phase], { phase }))),
    gauge("tsgi_workers_target", "Workers there should be.", [sample(stats.target)]),
    counter("tsgi_worker_spawns", "Worker processes started.", [sample(ledger.spawned, {}, "_total")]),
    counter("tsgi_worker_spawn_failures", "Worker processes that could not be started.", [sample(ledger.spawnFailures, {}, "_total")]),
    counter("tsgi_worker_restarts", "Workers that ended and were replaced.", [sample(ledger.restarts, {}, "_total")]),
    counter("tsgi_worker_exits", "Workers that ended, by cause.", EXIT_CAUSES.map((cause) => sample(ledger.exits[cause], { cause }, "_total"))),
    counter("tsgi_reloads", "Reloads, by result.", [
      sample(ledger.reloads.succeeded, { result: "succeeded" }, "_total"),
      sample(ledger.reloads.failed, { result: "failed" }, "_total"),
    ]),
    counter("tsgi_log_records", "Log records, by kind.", LOG_KINDS.map((kind) => sample(stats.logged[kind], { kind }, "_total"))),
  ];
}

function requests({ requests }: Stats): Exposed[] {
  if (requests === null) return [];
  return [
    counter("tsgi_requests", "Requests answered, by class of status, over all workers there ever were.", STATUS_CLASSES.map((status) => sample(requests.statuses[status], { status }, "_total"))),
    gauge("tsgi_requests_in_flight", "Requests that are being handled.", [sample(requests.inFlight)]),
    histogram("tsgi_request_duration_seconds", "From the call of the handler to its answer, of a stream to its head; of more than 512 a second in a worker, one in eight is timed, for eight.", distribution(requests.duration, BOUNDS, [])),
  ];
}

function workers({ workers }: Stats): Exposed[] {
  const each = (name: string, help: string, value: (worker: WorkerStats) => number | null | undefined) => {
    const found = workers.map((w) => [w, value(w) ?? null] as const).filter((pair): pair is readonly [WorkerStats, number] => pair[1] !== null);
    // The id too: in a reload, two workers are in one slot.
    return gauge(name, help, found.map(([w, number]) => sample(number, { worker: String(w.id), slot: String(w.slot) })));
  };
  return [
    each("tsgi_worker_uptime_seconds", "Since the worker listens.", (w) => w.uptime),
    each("tsgi_worker_requests_in_flight", "Requests that the worker is handling.", (w) => w.requests?.inFlight),
    each("tsgi_worker_resident_memory_bytes", "Resident memory of the worker.", (w) => w.health?.memory.rss),
    each("tsgi_worker_heap_used_bytes", "The part of the worker's heap that is in use.", (w) => w.health?.memory.heapUsed),
    each("tsgi_worker_heap_size_bytes", "The worker's heap.", (w) => w.health?.memory.heapTotal),
    each("tsgi_worker_loop_lag_p50_seconds", "Median lateness of the worker's event loop in the last ten seconds.", (w) => w.health?.lag?.p50),
    each("tsgi_worker_loop_lag_p99_seconds", "99th percentile of that.", (w) => w.health?.lag?.p99),
  ].filter((family) => family.samples.length > 0);
}

function listeners({ listeners }: Stats): Exposed[] {
  const known = listeners.flatMap(({ address, queue }) => (queue === null ? [] : [{ labels: { address }, queue }]));
  if (known.length === 0) return [];
  return [
    gauge("tsgi_listener_queue", "Connections that no worker has accepted yet.", known.map(({ labels, queue }) => sample(queue.queued, labels))),
    gauge("tsgi_listener_longest_queue", "The longest queue of one of its sockets.", known.map(({ labels, queue }) => sample(queue.longest, labels))),
    gauge("tsgi_listener_connections", "Connections that are open.", known.map(({ labels, queue }) => sample(queue.connections, labels))),
  ];
}

function application({ name, kind, help, bounds, series }: FamilyStats): Exposed {
  return { name, kind, help, unit: unitOf(name), samples: series.flatMap((one) => applicationSamples(one, kind, bounds)) };
}

function applicationSamples({ labels, value = 0, observed }: SeriesStats, kind: FamilyStats["kind"], bounds: readonly number[]): Sample[] {
  if (observed !== undefined) return distribution(observed, bounds.length > 0 ? bounds : BOUNDS, labels);
  return [{ suffix: kind === "counter" ? "_total" : "", labels, value }];
}

/** The cumulative buckets, the sum and the count. */
function distribution(values: Distribution, bounds: readonly number[], labels: Sample["labels"]): Sample[] {
  const bucket = (le: string, value: number): Sample => ({ suffix: "_bucket", labels: [...labels, ["le", le]], value });
  return [
    ...bounds.map((bound) => bucket(boundText(bound), countUpTo(values, bound))),
    bucket("+Inf", values.count),
    { suffix: "_sum", labels, value: values.sum },
    { suffix: "_count", labels, value: values.count },
  ];
}

/** OpenMetrics writes a whole number with its point: `1.0`. */
function boundText(bound: number): string {
  const text = numberText(bound);
  return /^\d+$/.test(text) ? `${text}.0` : text;
}

function sample(value: number, labels: Readonly<Record<string, string>> = {}, suffix = ""): Sample {
  return { suffix, labels: Object.entries(labels), value };
}

function gauge(name: string, help: string, samples: readonly Sample[]): Exposed {
  return { name, kind: "gauge", help, unit: unitOf(name), samples };
}

function counter(name: string, help: string, samples: readonly Sample[]): Exposed {
  return { name, kind: "counter", help, unit: unitOf(name), samples };
}

function histogram(name: string, help: string, samples: readonly Sample[]): Exposed {
  return { name, kind: "histogram", help, unit: unitOf(name), samples };
}
