/** What the arbiter knows, what can happen, and what it can order. */
import type { EventName, Fields, Level } from "../../logging/record.ts";
import type { Breakage, Tally } from "../message.ts";
import type { Ending, Millis, Signal } from "../process.ts";

/** A worker that beats twice a second and has not been heard for this long has its slot covered. */
const SILENT: Millis = 1000;

/** The settings that decide, in milliseconds; 0 turns a limit off. */
export interface Limits {
  readonly workers: number;
  /** How many TTIN may bring it to; no bound if absent. */
  readonly maxWorkers?: number;
  readonly timeout: Millis;
  readonly bootTimeout: Millis;
  readonly gracefulTimeout: Millis;
  /** How long it goes on serving when told to stop. */
  readonly shutdownDelay?: Millis;
  /** With --reload. */
  readonly development?: boolean;
  /** Whether an application is tried in a process of its own before several workers boot it. */
  readonly preflight?: boolean;
  /** How long the first worker of a reload serves before the others follow. */
  readonly canary?: Millis;
  /** The percentage of the canary's answers that may be 5xx. */
  readonly canaryErrors?: number;
  /** In a rolling reload: how many processes there may be beyond the number of workers. Absent for all at once. */
  readonly maxSurge?: number;
}

/**
 * spawning: the process was ordered. booting: it runs and loads. ready: loaded, not yet listening. serving: it listens.
 * draining: ordered to finish and go. aborted: sent ABRT. murdered: sent KILL.
 */
export type Phase = "spawning" | "booting" | "ready" | "serving" | "draining" | "aborted" | "murdered";

/** Why a worker was told to go, or what it said when it failed. */
export type Cause = "retired" | "leaving" | "silent" | "boot-timeout" | "failed" | "overdue" | "halted";

export interface Worker {
  readonly id: number;
  readonly slot: number;
  readonly generation: number;
  readonly pid: number | null;
  readonly phase: Phase;
  readonly since: Millis;
  readonly heard: Millis;
  /** The slots it was told to listen on; its own first, then those it covers. */
  readonly listens: readonly number[];
  readonly full: boolean;
  /** It asked to be replaced. */
  readonly outgoing: boolean;
  /** It has stopped accepting for good. */
  readonly left: boolean;
  readonly servingSince: Millis | null;
  readonly cause: Cause | null;
  /** What it has answered so far, if it is a canary. */
  readonly tally?: Tally;
}

export interface Failure {
  readonly exitCode: 3 | 4;
  readonly reason: string;
  readonly stack?: string;
}

export type Reload =
  | { readonly phase: "reading" }
  /** The application is tried in a process that never serves. */
  | { readonly phase: "checking"; readonly generation: number; readonly limits: Limits }
  | Booting
  /** It holds: the old generation was told to go, and is not known to have stopped accepting yet. */
  | { readonly phase: "retiring" };

/** Workers of the new generation boot, and in a rolling reload take over slot after slot. */
export interface Booting {
  readonly phase: "booting";
  readonly generation: number;
  readonly limits: Limits;
  readonly targetBefore: number;
  /** While the first worker has not proven itself: since when it serves, null before that. Absent if there is none or it holds. */
  readonly canary?: { readonly since: Millis | null };
}

export interface Arbiter {
  readonly phase: "serving" | "halting" | "halted";
  /** When halting: since when, how, and the exit code to end with. */
  readonly halt: { readonly since: Millis; readonly quick: boolean; readonly exitCode: number; readonly reason: string | null } | null;
  /** Told to stop, it serves for a while so that traffic can go elsewhere: since when. */
  readonly leavingSince: Millis | null;
  readonly limits: Limits;
  /** Whether a neighbour can take another slot's connections (mode `slots`). */
  readonly covers: boolean;
  /** Whether it has left its terminal: only then WINCH sends the workers away. */
  readonly daemon: boolean;
  readonly target: number;
  readonly generation: number;
  readonly newest: number;
  readonly reload: Reload | null;
  /** A HUP came while a reload was under way: one more follows it. */
  readonly reloadAgain: boolean;
  /** A rolling reload failed half-way, and its workers serve until those of the serving generation are back: at most so many surplus. */
  readonly restoring: { readonly maxSurge: number } | null;
  readonly workers: readonly Worker[];
  readonly nextId: number;
  /** The new arbiter that USR2 started beside this one; its pid once it has one. */
  readonly successor: { readonly pid: number | null } | null;
  /** The old arbiter that started this one by USR2, for as long as it lives. */
  readonly parent: number | null;
  /** Slots opened so far; none is ever closed. */
  readonly slots: number;
  /** Since when a slot has nobody who accepts. */
  readonly bare: Readonly<Record<number, Millis>>;
  readonly everServed: boolean;
  /** In development: why the newest code is not served, and the id of the first worker that was started knowing it. */
  readonly broken: (Breakage & { readonly from: number }) | null;
  readonly failures: number;
  readonly spawnAfter: Millis;
  readonly ticked: Millis;
}

export type ArbiterEvent =
  & { readonly at: Millis }
  & (
    | { readonly type: "started" }
    /** `beats`: those of workers that show their arbiter when they beat, by id. */
    | { readonly type: "ticked"; readonly beats?: ReadonlyMap<number, Millis> }
    | { readonly type: "signalled"; readonly signal: Signal }
    | { readonly type: "spawned"; readonly id: number; readonly pid: number }
    | { readonly type: "spawn-failed"; readonly id: number; readonly reason: string }
    | { readonly type: "readied"; readonly id: number }
    | { readonly type: "failed"; readonly id: number; readonly exitCode: 3 | 4; readonly reason: string; readonly stack?: string }
    | { readonly type: "listening"; readonly id: number; readonly slot: number }
    | { readonly type: "beat"; readonly id: number; readonly tally?: Tally }
    | { readonly type: "filled"; readonly id: number; readonly full: boolean }
    | { readonly type: "left"; readonly id: number }
    /** It goes on, but wants a successor; `faulty` if something in it broke. */
    | { readonly type: "tired"; readonly id: number; readonly faulty: boolean }
    /** Sockets cannot be handed over after all. */
    | { readonly type: "fell-back" }
    /** `outOfMemory`: the kernel says that it ended somebody for want of memory meanwhile. */
    | { readonly type: "exited"; readonly id: number; readonly ending: Ending; readonly outOfMemory?: boolean }
    /** With --reload: what is served was changed on disk. */
    | { readonly type: "changed"; readonly file: string }
    | { readonly type: "configured"; readonly limits: Limits }
    | { readonly type: "refused"; readonly reason: string }
    /** The application of that generation was tried; null if it can be served. */
    | { readonly type: "preflighted"; readonly generation: number; readonly breakage: Breakage | null }
    | { readonly type: "upgrade-started"; readonly pid: number }
    | { readonly type: "upgrade-failed"; readonly reason: string }
    /** The new arbiter has gone; `reason` if it never served. */
    | { readonly type: "successor-exited"; readonly ending: Ending; readonly reason: string | null }
    | { readonly type: "parent-exited" }
  );

export type Effect =
  /** A canary tells with its beats what it answers. */
  | { readonly type: "spawn"; readonly id: number; readonly slot: number; readonly generation: number; readonly canary?: true }
  | { readonly type: "listen"; readonly id: number; readonly slot: number }
  | { readonly type: "unlisten"; readonly id: number; readonly slot: number }
  | { readonly type: "kill"; readonly id: number; readonly signal: Signal }
  | { readonly type: "read-configuration" }
  /** Try the application in a process that never serves; or do not any more. */
  | { readonly type: "preflight"; readonly generation: number }
  | { readonly type: "end-preflight" }
  /** Start a new arbiter beside this one, with its sockets. */
  | { readonly type: "upgrade" }
  /** Take over the names of the old arbiter, which has gone. */
  | { readonly type: "promote" }
  /** Every worker of the serving generation answers with a page about it from now on. */
  | { readonly type: "show-error"; readonly breakage: Breakage }
  /** Here and in every worker. */
  | { readonly type: "reopen-logs" }
  /** `of`: with what this worker has in flight. */
  | { readonly type: "log"; readonly level: Level; readonly event: EventName; readonly fields: Fields; readonly of?: number }
  | { readonly type: "exit"; readonly code: number };

/** What else the first state depends on. `slots`: how many of them are open already; `parent`: the arbiter to take the place of. */
export interface Origin {
  readonly covers: boolean;
  readonly daemon?: boolean;
  readonly slots?: number;
  readonly parent?: number | null;
}

/** The arbiter before its first event. */
export function arbiter(limits: Limits, options: Origin, at: Millis): Arbiter {
  return {
    phase: "serving",
    halt: null,
    leavingSince: null,
    limits,
    covers: options.covers,
    daemon: options.daemon ?? false,
    target: limits.workers,
    generation: 1,
    newest: 1,
    reload: null,
    reloadAgain: false,
    restoring: null,
    workers: [],
    nextId: 1,
    successor: null,
    parent: options.parent ?? null,
    slots: Math.max(limits.workers, options.slots ?? 0),
    bare: {},
    everServed: false,
    broken: null,
    failures: 0,
    spawnAfter: at,
    ticked: at,
  };
}

/** Beats that are shown are looked at with each tick: what came since, nobody knows. */
export function isSilent({ ticked }: Arbiter, worker: Worker): boolean {
  return ticked - worker.heard >= SILENT;
}

/** Not yet told to go. */
export function isAlive(worker: Worker): boolean {
  return worker.phase === "spawning" || worker.phase === "booting" || worker.phase === "ready" || worker.phase === "serving";
}
