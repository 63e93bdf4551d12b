/**
 * All that the arbiter knows in figures, as one plain object: made when somebody asks, for the control socket, the pages, and whoever sends
 * it elsewhere. Nobody keeps it up to date.
 */
import type { Arbiter, Phase } from "../arbiter/step/state.ts";
import type { Millis } from "../arbiter/process.ts";
import type { FamilyStats } from "./aggregate.ts";
import type { LagStats } from "./lag.ts";
import type { LedgerStats } from "./ledger.ts";
import type { LogStats } from "./log_counts.ts";
import type { RequestStats } from "./meter.ts";
import type { QueueStats } from "./socket_table.ts";

/** A plain object, as JSON too: numbers, texts, lists, null for what is not known. Seconds and bytes throughout. */
export interface Stats {
  /** When it was made, in seconds since 1970. */
  readonly time: number;
  readonly version: string;
  /** Of the workers. */
  readonly runtime: string;
  /** The arbiter's. */
  readonly pid: number;
  readonly uptime: number;
  readonly phase: Arbiter["phase"];
  readonly generation: number;
  readonly reloading: boolean;
  /** How many workers there should be. */
  readonly target: number;
  /** Those there are, by phase; each phase is there. */
  readonly states: Readonly<Record<Phase, number>>;
  readonly workers: readonly WorkerStats[];
  readonly ledger: LedgerStats;
  /** Of all workers there ever were. Null with --no-metrics. */
  readonly requests: RequestStats | null;
  /** Log records of the arbiter and, unless with --no-metrics, of all workers there ever were. */
  readonly logged: LogStats;
  readonly listeners: readonly ListenerStats[];
  /** The application's own metrics, over all workers there ever were. */
  readonly application: readonly FamilyStats[];
}

export interface WorkerStats {
  /** Ordinal of its spawn, never reused. */
  readonly id: number;
  readonly slot: number;
  readonly generation: number;
  /** Null before it runs. */
  readonly pid: number | null;
  readonly phase: Phase;
  /** Since it listens; null before. */
  readonly uptime: number | null;
  /** Since it was heard last. */
  readonly silence: number;
  readonly full: boolean;
  /** It wants a successor, or was told to go. */
  readonly outgoing: boolean;
  /** Null with --no-metrics. */
  readonly requests: RequestStats | null;
  /** As of its last beat; null before, and with --no-metrics. */
  readonly health: WorkerHealth | null;
}

/** What a worker says of itself, twice a second. */
export interface WorkerHealth {
  readonly lag: LagStats | null;
  readonly memory: MemoryStats;
}

/** Bytes. */
export interface MemoryStats {
  readonly rss: number;
  readonly heapUsed: number;
  readonly heapTotal: number;
}

export interface ListenerStats {
  /** As in the log: `http://127.0.0.1:8000`, `unix:/run/app.sock`. */
  readonly address: string;
  /** Null where the system does not tell. */
  readonly queue: QueueStats | null;
}

/** What stats are made of. */
export interface Sources {
  readonly state: Arbiter;
  readonly server: Pick<Stats, "version" | "runtime" | "pid">;
  readonly started: Millis;
  readonly at: Millis;
  readonly ledger: LedgerStats;
  readonly requests: RequestStats | null;
  readonly logged: LogStats;
  readonly requestsOf: (worker: number) => RequestStats | null;
  readonly healthOf: (worker: number) => WorkerHealth | null;
  readonly listeners: readonly ListenerStats[];
  readonly application: readonly FamilyStats[];
}

export const PHASES = ["spawning", "booting", "ready", "serving", "draining", "aborted", "murdered"] as const satisfies readonly Phase[];

export function makeStats(sources: Sources): Stats {
  const { state, server, started, at, ledger, requests, logged, requestsOf, healthOf, listeners, application } = sources;
  const seconds = (since: Millis) => (at - since) / 1000;
  return {
    time: Date.now() / 1000,
    ...server,
    uptime: seconds(started),
    phase: state.phase,
    generation: state.generation,
    reloading: state.reload !== null,
    target: state.target,
    states: Object.fromEntries(PHASES.map((phase) => [phase, state.workers.filter((w) => w.phase === phase).length])) as Record<Phase, number>,
    workers: state.workers.map((w) => ({
      id: w.id,
      slot: w.slot,
      generation: w.generation,
      pid: w.pid,
      phase: w.phase,
      uptime: w.servingSince === null ? null : seconds(w.servingSince),
      silence: seconds(w.heard),
      full: w.full,
      outgoing: w.outgoing || w.cause !== null,
      requests: requestsOf(w.id),
      health: healthOf(w.id),
    })),
    ledger,
    requests,
    logged,
    listeners,
    application,
  };
}
