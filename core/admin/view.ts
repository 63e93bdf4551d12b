/** The server as the status page shows it, once a second. */
import type { Controls } from "../control/controls.ts";
import type { Phase } from "../arbiter/step/state.ts";
import { quantile } from "../metrics/distribution.ts";
import type { RequestStats } from "../metrics/meter.ts";
import type { ListenerStats, Stats } from "../metrics/stats.ts";
import type { Point } from "./history.ts";
import type { Entry } from "./journal.ts";
import { unreadiness } from "./readiness.ts";

/** What `/events` sends first, as `start`. */
export interface Start {
  readonly points: readonly Point[];
  readonly entries: readonly Entry[];
  readonly view: View;
}

/** And then once a second, as `view`; an {@linkcode Entry} comes by itself, as `entry`. */
export interface View {
  readonly point: Point;
  readonly version: string;
  readonly runtime: string;
  readonly name: string;
  readonly pid: number;
  readonly uptime: number;
  readonly phase: Stats["phase"];
  /** Null for ready. */
  readonly unready: string | null;
  readonly generation: number;
  readonly reloading: boolean;
  readonly target: number;
  /** Whether who sees this may reload and resize. */
  readonly mayAct: boolean;
  /** Null with --no-metrics. */
  readonly requests: { readonly total: number; readonly statuses: RequestStats["statuses"] } | null;
  readonly restarts: number;
  readonly reloads: Stats["ledger"]["reloads"];
  readonly workers: readonly WorkerView[];
  readonly listeners: readonly ListenerStats[];
}

export interface WorkerView {
  readonly id: number;
  readonly slot: number;
  readonly generation: number;
  readonly pid: number | null;
  readonly phase: Phase;
  readonly full: boolean;
  readonly outgoing: boolean;
  readonly uptime: number | null;
  /** Since its start; null with --no-metrics. */
  readonly requests: number | null;
  readonly inFlight: number | null;
  readonly p99: number | null;
  readonly lag: number | null;
  readonly rss: number | null;
  /** What it is busy with, as a log names it; null where nobody knows. */
  readonly busyWith: string | null;
}

export function viewOf(stats: Stats, point: Point, controls: Controls): View {
  const { name, app, adminToken } = controls.settings();
  const busy = new Map(controls.inspect().map(({ id, requests }) => [id, requests]));
  return {
    point,
    version: stats.version,
    runtime: stats.runtime,
    name: name ?? app ?? "",
    pid: stats.pid,
    uptime: stats.uptime,
    phase: stats.phase,
    unready: unreadiness(stats, controls),
    generation: stats.generation,
    reloading: stats.reloading,
    target: stats.target,
    mayAct: adminToken !== null,
    requests: stats.requests && { total: stats.requests.total, statuses: stats.requests.statuses },
    restarts: stats.ledger.restarts,
    reloads: stats.ledger.reloads,
    workers: stats.workers.map((w) => ({
      id: w.id,
      slot: w.slot,
      generation: w.generation,
      pid: w.pid,
      phase: w.phase,
      full: w.full,
      outgoing: w.outgoing,
      uptime: w.uptime,
      requests: w.requests?.total ?? null,
      inFlight: w.requests?.inFlight ?? null,
      p99: w.requests === null ? null : quantile(w.requests.duration, 0.99),
      lag: w.health?.lag?.p99 ?? null,
      rss: w.health?.memory.rss ?? null,
      busyWith: busy.get(w.id) ?? null,
    })),
    listeners: stats.listeners,
  };
}
