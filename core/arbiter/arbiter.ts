/**
 * What the arbiter decides. `step` turns a state and an event into a state and effects; it has no clock, no process and no I/O.
 *
 * The rules:
 *
 * 1. Every slot below `target` has one worker of the serving generation. A slot is a place at the listening socket, not a process.
 * 2. A worker counts when it is ready. It boots for at most `bootTimeout`, and then is silent for at most `timeout`.
 * 3. A reload is a transaction: a new generation boots beside the old one and listens only when all of it is ready; the old one retires
 *    only when all of the new listens. If one fails, the new generation goes and the old one stays.
 * 4. A slot, once open, always has somebody who takes its connections: if its worker is gone, booting, full or silent, a neighbour covers it.
 * 5. A crash loop slows down: the first two early deaths are replaced at once, then the pause doubles, and one worker at a time tries.
 * 6. Failing to boot ends the server only if nothing ever served.
 * 7. A worker that asks to be replaced serves until its successor does.
 * 8. Nobody is killed twice for one thing, and every order to go has a deadline.
 * 9. In development (`--reload`), a changed file is a reload, and while the newest code cannot be served, answers say why: also at the
 *    first start, which nothing ends then.
 */
import type { EventName, Fields, Level } from "../logging/record.ts";
import type { Breakage } from "./message.ts";
import type { Ending, Millis, Signal } from "./process.ts";

/** The settings that decide, in milliseconds; 0 turns a limit off. */
export interface Limits {
  readonly workers: number;
  readonly timeout: Millis;
  readonly bootTimeout: Millis;
  readonly gracefulTimeout: Millis;
  /** With --reload. */
  readonly development?: boolean;
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
}

export interface Failure {
  readonly exitCode: 3 | 4;
  readonly reason: string;
  readonly stack?: string;
}

export type Reload =
  | { readonly phase: "reading" }
  | { readonly phase: "booting"; readonly generation: number; readonly limits: Limits; readonly targetBefore: number }
  /** It holds: the old generation was told to go, and is not known to have stopped accepting yet. */
  | { readonly phase: "retiring" };

export interface Arbiter {
  readonly phase: "serving" | "halting" | "halted";
  /** When halting: since when, how, and the exit code to end with. */
  readonly halt: { readonly since: Millis; readonly quick: boolean; readonly exitCode: number; readonly reason: string | null } | null;
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
  readonly workers: readonly Worker[];
  readonly nextId: number;
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
    | { readonly type: "ticked" }
    | { readonly type: "signalled"; readonly signal: Signal }
    | { readonly type: "spawned"; readonly id: number; readonly pid: number }
    | { readonly type: "spawn-failed"; readonly id: number; readonly reason: string }
    | { readonly type: "readied"; readonly id: number }
    | { readonly type: "failed"; readonly id: number; readonly exitCode: 3 | 4; readonly reason: string; readonly stack?: string }
    | { readonly type: "listening"; readonly id: number; readonly slot: number }
    | { readonly type: "beat"; readonly id: number }
    | { readonly type: "filled"; readonly id: number; readonly full: boolean }
    | { readonly type: "left"; readonly id: number }
    /** It goes on, but wants a successor; `faulty` if something in it broke. */
    | { readonly type: "tired"; readonly id: number; readonly faulty: boolean }
    /** Sockets cannot be handed over after all. */
    | { readonly type: "fell-back" }
    | { readonly type: "exited"; readonly id: number; readonly ending: Ending }
    /** With --reload: what is served was changed on disk. */
    | { readonly type: "changed"; readonly file: string }
    | { readonly type: "configured"; readonly limits: Limits }
    | { readonly type: "refused"; readonly reason: string }
  );

export type Effect =
  | { readonly type: "spawn"; readonly id: number; readonly slot: number; readonly generation: number }
  | { readonly type: "listen"; readonly id: number; readonly slot: number }
  | { readonly type: "unlisten"; readonly id: number; readonly slot: number }
  | { readonly type: "kill"; readonly id: number; readonly signal: Signal }
  | { readonly type: "read-configuration" }
  /** Every worker of the serving generation answers with a page about it from now on. */
  | { readonly type: "show-error"; readonly breakage: Breakage }
  /** Here and in every worker. */
  | { readonly type: "reopen-logs" }
  /** `of`: with what this worker has in flight. */
  | { readonly type: "log"; readonly level: Level; readonly event: EventName; readonly fields: Fields; readonly of?: number }
  | { readonly type: "exit"; readonly code: number };

/** A worker that beats twice a second and has not been heard for this long has its slot covered. */
export const SILENT: Millis = 1000;
/** A slot whose worker is gone or booting is covered after this long: most boots are quicker. */
export const BARE: Millis = 200;
/** A worker that somebody else told to go is replaced after this long. */
export const FAREWELL: Millis = 100;
/** From ABRT to KILL. */
export const ABORT_GRACE: Millis = 1000;
/** A quick stop does not wait longer than this. */
export const QUICK_LIMIT: Millis = 2000;
/** A worker that served this long was healthy; its death says nothing about the next one. */
export const HEALTHY: Millis = 5000;
/** A gap between two ticks that only a suspended process can have. */
export const SUSPENDED: Millis = 3000;
const LONGEST_PAUSE: Millis = 60_000;

/** The arbiter before its first event. */
export function arbiter(limits: Limits, options: { readonly covers: boolean; readonly daemon?: boolean }, at: Millis): Arbiter {
  return {
    phase: "serving",
    halt: null,
    limits,
    covers: options.covers,
    daemon: options.daemon ?? false,
    target: limits.workers,
    generation: 1,
    newest: 1,
    reload: null,
    reloadAgain: false,
    workers: [],
    nextId: 1,
    slots: limits.workers,
    bare: {},
    everServed: false,
    broken: null,
    failures: 0,
    spawnAfter: at,
    ticked: at,
  };
}

/** One event in; the new state and what is to be done, in order. */
export function step(before: Arbiter, event: ArbiterEvent): [Arbiter, Effect[]] {
  if (before.phase === "halted") return [before, []];
  const turn: Turn = { arbiter: before, effects: [], at: event.at };
  handle(turn, event);
  if (turn.arbiter.phase === "serving") settle(turn);
  if (turn.arbiter.phase === "halting") conclude(turn);
  return [turn.arbiter, turn.effects];
}

/** One step in the making: replaced as a whole, never seen outside. */
interface Turn {
  arbiter: Arbiter;
  readonly effects: Effect[];
  readonly at: Millis;
}

function handle(turn: Turn, event: ArbiterEvent): void {
  switch (event.type) {
    case "started":
      return;
    case "ticked":
      return tick(turn);
    case "signalled":
      return obey(turn, event.signal);
    case "spawned":
      return bear(turn, event.id, event.pid);
    case "spawn-failed":
      return cannotSpawn(turn, event.id, event.reason);
    case "readied":
      return becomeReady(turn, event.id);
    case "failed":
      return failToBoot(turn, event.id, event);
    case "listening":
      return becomeServing(turn, event.id, event.slot);
    case "beat":
      return change(turn, event.id, { heard: turn.at });
    case "filled":
      return change(turn, event.id, { full: event.full, heard: turn.at });
    case "left":
      return leave(turn, event.id);
    case "tired":
      return tire(turn, event.id, event.faulty);
    case "fell-back":
      turn.arbiter = { ...turn.arbiter, covers: false };
      return;
    case "exited":
      return reap(turn, event.id, event.ending);
    case "changed":
      return reloadChanged(turn, event.file);
    case "configured":
      return beginGeneration(turn, event.limits);
    case "refused":
      return abandonReload(turn, { reason: event.reason });
  }
}

// --- time ---------------------------------------------------------------------------------------------------------------

function tick(turn: Turn): void {
  const gap = turn.at - turn.arbiter.ticked;
  turn.arbiter = { ...turn.arbiter, ticked: turn.at };
  if (gap > SUSPENDED) return forgive(turn, gap);
  for (const worker of turn.arbiter.workers) watch(turn, worker);
}

/** Waking from SIGSTOP or a laptop's sleep, everyone looks silent, and nobody is at fault. */
function forgive(turn: Turn, gap: Millis): void {
  const workers = turn.arbiter.workers.map((w) => ({ ...w, heard: turn.at, since: turn.at }));
  const halt = turn.arbiter.halt && { ...turn.arbiter.halt, since: turn.at };
  turn.arbiter = { ...turn.arbiter, workers, halt, bare: {} };
  log(turn, "info", "woke", { seconds: gap / 1000 });
}

function watch(turn: Turn, worker: Worker): void {
  const { limits } = turn.arbiter;
  const age = turn.at - worker.since;
  const silence = turn.at - worker.heard;
  switch (worker.phase) {
    case "booting":
      if (limits.bootTimeout > 0 && age > limits.bootTimeout) {
        log(turn, "error", "boot-timeout", { pid: worker.pid, seconds: limits.bootTimeout / 1000 });
        murder(turn, worker, "boot-timeout");
        mourn(turn, worker, { exitCode: 3, reason: `a new worker (pid:${worker.pid}) did not boot within ${limits.bootTimeout / 1000} s` });
      }
      return;
    case "ready":
    case "serving":
      if (limits.timeout > 0 && silence > limits.timeout) {
        const fields = { pid: worker.pid, seconds: silence / 1000 };
        turn.effects.push({ type: "log", level: "critical", event: "worker-timeout", fields, of: worker.id });
        kill(turn, worker, "ABRT");
        change(turn, worker.id, { phase: "aborted", since: turn.at, cause: "silent" });
        mourn(turn, worker, null);
      }
      return;
    case "aborted":
      if (age >= ABORT_GRACE) murder(turn, worker, worker.cause ?? "silent");
      return;
    case "draining":
      if (!turn.arbiter.halt && age > limits.gracefulTimeout) {
        log(turn, "warning", "overdue", { pid: worker.pid, seconds: limits.gracefulTimeout / 1000 });
        murder(turn, worker, "overdue");
      }
  }
}

function murder(turn: Turn, worker: Worker, cause: Cause): void {
  kill(turn, worker, "KILL");
  change(turn, worker.id, { phase: "murdered", since: turn.at, cause });
}

// --- signals ------------------------------------------------------------------------------------------------------------

function obey(turn: Turn, signal: Signal): void {
  log(turn, "info", "handling-signal", { signal: signal.toLowerCase() });
  switch (signal) {
    case "TERM":
      return halt(turn, { quick: turn.arbiter.halt !== null, exitCode: 0, reason: null });
    case "INT":
    case "QUIT":
      return halt(turn, { quick: true, exitCode: 0, reason: null });
    case "HUP":
      turn.effects.push({ type: "reopen-logs" });
      return hangUp(turn);
    case "USR1":
      turn.effects.push({ type: "reopen-logs" });
      return;
    case "WINCH":
      return dismiss(turn);
    case "TTIN":
      return resize(turn, turn.arbiter.target + 1);
    case "TTOU":
      // After WINCH there are none, and one less is none too.
      return resize(turn, Math.min(turn.arbiter.target, Math.max(1, turn.arbiter.target - 1)));
  }
}

/** All workers go, and the sockets stay: connections wait in the kernel's queue until a HUP brings workers back. */
function dismiss(turn: Turn): void {
  if (!turn.arbiter.daemon) return log(turn, "debug", "winch-ignored", {});
  log(turn, "info", "dismissed", {});
  resize(turn, 0);
}

function resize(turn: Turn, target: number): void {
  if (!turn.arbiter.halt) turn.arbiter = { ...turn.arbiter, target };
}

/** Orders the end. A second order makes a graceful stop quick, and never changes the exit code. */
function halt(turn: Turn, order: { readonly quick: boolean; readonly exitCode: number; readonly reason: string | null }): void {
  const before = turn.arbiter.halt;
  if (before?.quick || (before && !order.quick)) return;
  if (before) log(turn, "info", "quick-shutdown", {});
  turn.arbiter = {
    ...turn.arbiter,
    phase: "halting",
    reload: null,
    reloadAgain: false,
    halt: { since: turn.at, quick: order.quick, exitCode: before?.exitCode ?? order.exitCode, reason: before?.reason ?? order.reason },
  };
  for (const worker of turn.arbiter.workers) {
    if (worker.phase === "murdered" || worker.cause === "failed") continue;
    kill(turn, worker, order.quick ? "QUIT" : "TERM");
    change(turn, worker.id, { phase: "draining", since: turn.at, cause: "halted" });
  }
}

/** The end of halting: everybody gone, or out of time. */
function conclude(turn: Turn): void {
  const { halt, workers, limits } = turn.arbiter;
  if (!halt) return;
  const overdue = turn.at - halt.since > (halt.quick ? QUICK_LIMIT : limits.gracefulTimeout);
  if (overdue) {
    for (const worker of workers) if (worker.phase !== "murdered") murder(turn, worker, "overdue");
  }
  if (workers.length > 0) return;
  const level = halt.reason === null ? "info" : "error";
  log(turn, level, "shutting-down", {});
  if (halt.reason !== null) log(turn, level, "reason", { reason: halt.reason });
  turn.effects.push({ type: "exit", code: halt.exitCode });
  turn.arbiter = { ...turn.arbiter, phase: "halted" };
}

// --- reload -------------------------------------------------------------------------------------------------------------

function hangUp(turn: Turn): void {
  if (turn.arbiter.halt) return;
  if (turn.arbiter.reload) {
    turn.arbiter = { ...turn.arbiter, reloadAgain: true };
    return;
  }
  log(turn, "info", "hang-up", {});
  beginReload(turn);
}

/** Told by whoever watches the files, once for many changes: a reload like any other, in gunicorn's words. */
function reloadChanged(turn: Turn, file: string): void {
  if (turn.arbiter.halt) return;
  log(turn, "info", "file-changed", { file });
  const { reload } = turn.arbiter;
  // What boots is not the newest any more, and may never be ready.
  if (reload?.phase === "booting") withdraw(turn, reload);
  else if (reload) {
    turn.arbiter = { ...turn.arbiter, reloadAgain: true };
    return;
  }
  beginReload(turn);
}

function beginReload(turn: Turn): void {
  turn.arbiter = { ...turn.arbiter, reload: { phase: "reading" }, reloadAgain: false };
  turn.effects.push({ type: "read-configuration" });
}

function beginGeneration(turn: Turn, limits: Limits): void {
  if (turn.arbiter.reload?.phase !== "reading") return;
  const generation = turn.arbiter.newest + 1;
  const reload: Reload = { phase: "booting", generation, limits, targetBefore: turn.arbiter.target };
  turn.arbiter = { ...turn.arbiter, newest: generation, target: limits.workers, reload };
}

/** The transaction holds: everyone of the new generation listens. */
function commitReload(turn: Turn, reload: Extract<Reload, { phase: "booting" }>): void {
  turn.arbiter = { ...turn.arbiter, generation: reload.generation, limits: reload.limits, reload: { phase: "retiring" }, broken: null, failures: 0 };
  for (const worker of turn.arbiter.workers) if (worker.generation < reload.generation) retire(turn, worker, "retired");
}

/** The transaction's end when it holds: from now on, nobody new gets an answer of the old generation. */
function concludeReload(turn: Turn): void {
  const { reload, generation, workers, target } = turn.arbiter;
  if (reload?.phase !== "retiring") return;
  const mayAccept = (w: Worker) => w.generation < generation && w.phase === "draining" && !w.left && turn.at - w.heard < SILENT;
  if (workers.some(mayAccept)) return;
  turn.arbiter = { ...turn.arbiter, reload: null };
  log(turn, "info", "reloaded", { generation, workers: target });
  followUp(turn);
}

/** The transaction's end when it does not hold: whatever was begun goes, and who served keeps serving. */
function abandonReload(turn: Turn, breakage: Breakage): void {
  const { reload } = turn.arbiter;
  if (!reload) return;
  log(turn, "error", "reload-failed", { reason: breakage.reason, generation: turn.arbiter.generation });
  if (reload.phase === "booting") withdraw(turn, reload);
  turn.arbiter = { ...turn.arbiter, reload: null };
  if (turn.arbiter.limits.development) becomeBroken(turn, breakage);
  followUp(turn);
}

function withdraw(turn: Turn, reload: Extract<Reload, { phase: "booting" }>): void {
  for (const worker of turn.arbiter.workers) {
    if (worker.generation !== reload.generation || !isAlive(worker)) continue;
    kill(turn, worker, "QUIT");
    change(turn, worker.id, { phase: "draining", since: turn.at, cause: "retired" });
  }
  turn.arbiter = { ...turn.arbiter, target: reload.targetBefore };
}

/** From now on, new workers of the serving generation do not even try to load the application: only newer code can mend it. */
function becomeBroken(turn: Turn, breakage: Breakage): void {
  turn.arbiter = { ...turn.arbiter, broken: { ...breakage, from: turn.arbiter.broken?.from ?? turn.arbiter.nextId } };
  turn.effects.push({ type: "show-error", breakage });
}

function followUp(turn: Turn): void {
  if (!turn.arbiter.reloadAgain) return;
  if (turn.arbiter.limits.development) beginReload(turn);
  else hangUp(turn);
}

// --- workers come and go ------------------------------------------------------------------------------------------------

function bear(turn: Turn, id: number, pid: number): void {
  const worker = find(turn, id);
  if (!worker) return;
  change(turn, id, { pid, heard: turn.at });
  if (worker.phase === "spawning") return change(turn, id, { phase: "booting", since: turn.at });
  // The order to go came before there was anybody to hear it.
  kill(turn, { ...worker, pid }, turn.arbiter.halt && !turn.arbiter.halt.quick ? "TERM" : "QUIT");
}

/** It said why before it goes, so nothing has to be guessed from an exit code. */
function failToBoot(turn: Turn, id: number, failure: Failure): void {
  const worker = find(turn, id);
  if (!worker || !isAlive(worker)) return;
  change(turn, id, { phase: "draining", since: turn.at, cause: "failed" });
  mourn(turn, worker, failure);
}

function becomeReady(turn: Turn, id: number): void {
  const worker = find(turn, id);
  if (worker?.phase === "booting") change(turn, id, { phase: "ready", since: turn.at, heard: turn.at });
}

function becomeServing(turn: Turn, id: number, slot: number): void {
  const worker = find(turn, id);
  if (worker?.phase !== "ready" || worker.slot !== slot) return;
  change(turn, id, { phase: "serving", since: turn.at, heard: turn.at, servingSince: turn.at });
  turn.arbiter = { ...turn.arbiter, everServed: true };
}

/** It has stopped accepting: as it was told, or because somebody else told it to go, and then its slot needs a new worker. */
function leave(turn: Turn, id: number): void {
  const worker = find(turn, id);
  if (!worker) return;
  change(turn, id, { left: true, heard: turn.at });
  if (isAlive(worker)) change(turn, id, { phase: "draining", since: turn.at, cause: "leaving" });
}

function tire(turn: Turn, id: number, faulty: boolean): void {
  const worker = find(turn, id);
  if (worker?.phase !== "serving" || worker.outgoing) return;
  change(turn, id, { outgoing: true });
  if (faulty) countFailure(turn, worker);
}

function cannotSpawn(turn: Turn, id: number, reason: string): void {
  log(turn, "error", "spawn-failed", { reason });
  const worker = find(turn, id);
  turn.arbiter = { ...turn.arbiter, workers: turn.arbiter.workers.filter((w) => w.id !== id) };
  if (worker) mourn(turn, worker, { exitCode: 3, reason });
}

function reap(turn: Turn, id: number, ending: Ending): void {
  const worker = find(turn, id);
  if (!worker) return;
  turn.arbiter = { ...turn.arbiter, workers: turn.arbiter.workers.filter((w) => w.id !== id) };
  report(turn, worker, ending);
  if (isAlive(worker)) mourn(turn, worker, null);
}

/** gunicorn's line about a death, but it never guesses: what the arbiter did itself it says itself. */
function report(turn: Turn, worker: Worker, ending: Ending): void {
  const { pid } = worker;
  if (ending.signal) {
    const expected = worker.phase === "murdered" || (turn.arbiter.halt !== null && worker.phase === "draining");
    const level = ending.signal === "SIGTERM" ? "info" : expected ? "warning" : ending.signal === "SIGKILL" ? "error" : "warning";
    log(turn, level, "signalled", { pid, signal: ending.signal, cause: worker.cause });
  } else if (ending.code !== 0) {
    log(turn, "error", "exited", { pid, code: ending.code });
  }
}

/** What follows from a worker that died, or is as good as dead, without having been told to go. */
function mourn(turn: Turn, worker: Worker, failure: Failure | null): void {
  const { arbiter } = turn;
  if (arbiter.halt) return;
  if (arbiter.reload?.phase === "booting" && arbiter.reload.generation === worker.generation) {
    return abandonReload(turn, breakageOf(worker, failure));
  }
  if (arbiter.limits.development && worker.phase === "booting" && worker.id < (arbiter.broken?.from ?? Infinity)) {
    return becomeBroken(turn, breakageOf(worker, failure));
  }
  if (failure && !arbiter.everServed) {
    const reason = failure.exitCode === 4 ? "App failed to load." : "Worker failed to boot.";
    return halt(turn, { quick: false, exitCode: failure.exitCode, reason });
  }
  countFailure(turn, worker);
}

function breakageOf(worker: Worker, failure: Failure | null): Breakage {
  if (failure === null) return { reason: `a new worker (pid:${worker.pid}) ended while it booted` };
  return { reason: failure.reason, ...(failure.stack === undefined ? {} : { stack: failure.stack }) };
}

function countFailure(turn: Turn, worker: Worker): void {
  const { arbiter } = turn;
  const healthy = worker.servingSince !== null && turn.at - worker.servingSince >= HEALTHY;
  const failures = healthy ? 0 : arbiter.failures + 1;
  const pause = failures <= 2 ? 0 : Math.min(500 * 2 ** (failures - 3), LONGEST_PAUSE);
  turn.arbiter = { ...arbiter, failures, spawnAfter: turn.at + pause };
  if (pause > 0) log(turn, "warning", "crash-loop", { failures, seconds: pause / 1000 });
}

// --- what is, compared with what should be ------------------------------------------------------------------------------

function settle(turn: Turn): void {
  shrink(turn);
  grow(turn);
  admit(turn);
  relieve(turn);
  concludeReload(turn);
  if (turn.arbiter.covers) coverSlots(turn);
}

/** A worker whose slot is no longer wanted goes; its slot stays open and is covered. */
function shrink(turn: Turn): void {
  // While a reload is under way the old generation stays whole: it may have to go on.
  if (turn.arbiter.reload?.phase === "booting") return;
  for (const worker of turn.arbiter.workers) {
    if (isAlive(worker) && worker.slot >= turn.arbiter.target) retire(turn, worker, "retired");
  }
}

function grow(turn: Turn): void {
  const { reload, target } = turn.arbiter;
  const reloading = reload?.phase === "booting";
  const generation = reloading ? reload.generation : turn.arbiter.generation;
  for (let slot = 0; slot < target; slot++) {
    const taken = turn.arbiter.workers.some((w) => w.slot === slot && w.generation === generation && isAlive(w) && !w.outgoing);
    if (!taken && (reloading || (maySpawn(turn) && !hasJustLeft(turn, slot)))) spawn(turn, slot, generation);
  }
}

/** In a crash loop one worker at a time tries, after the pause. */
function maySpawn(turn: Turn): boolean {
  const { failures, spawnAfter, workers } = turn.arbiter;
  if (turn.at < spawnAfter) return false;
  const unproven = workers.some((w) => w.phase === "spawning" || w.phase === "booting");
  return failures <= 2 || !unproven;
}

/** A service manager that ends everybody at once tells the workers too: the arbiter's own order is only a moment away. */
function hasJustLeft(turn: Turn, slot: number): boolean {
  return turn.arbiter.workers.some((w) => w.slot === slot && w.cause === "leaving" && turn.at - w.since < FAREWELL);
}

function spawn(turn: Turn, slot: number, generation: number): void {
  const id = turn.arbiter.nextId;
  const worker: Worker = {
    id, slot, generation, pid: null, phase: "spawning", since: turn.at, heard: turn.at,
    listens: [], full: false, outgoing: false, left: false, servingSince: null, cause: null,
  };
  turn.arbiter = {
    ...turn.arbiter,
    nextId: id + 1,
    slots: Math.max(turn.arbiter.slots, slot + 1),
    workers: [...turn.arbiter.workers, worker],
  };
  turn.effects.push({ type: "spawn", id, slot, generation });
}

/** Ready workers listen: at once, or, in a reload, when all of the new generation are ready; when all listen, it is done. */
function admit(turn: Turn): void {
  const { reload } = turn.arbiter;
  if (reload?.phase !== "booting") {
    for (const worker of turn.arbiter.workers) if (worker.phase === "ready") listen(turn, worker, worker.slot);
    return;
  }
  const fresh = turn.arbiter.workers.filter((w) => w.generation === reload.generation && isAlive(w));
  if (fresh.some((w) => w.phase === "spawning" || w.phase === "booting")) return;
  for (const worker of fresh) if (worker.phase === "ready") listen(turn, worker, worker.slot);
  if (fresh.length >= turn.arbiter.target && fresh.every((w) => w.phase === "serving")) {
    commitReload(turn, reload);
    shrink(turn);
  }
}

/** An outgoing worker goes when its successor listens. */
function relieve(turn: Turn): void {
  for (const worker of turn.arbiter.workers) {
    const successor = turn.arbiter.workers.some((w) => w.slot === worker.slot && w.phase === "serving" && !w.outgoing);
    if (worker.outgoing && successor) retire(turn, worker, "retired");
  }
}

function coverSlots(turn: Turn): void {
  for (let slot = 0; slot < turn.arbiter.slots; slot++) coverSlot(turn, slot);
}

function coverSlot(turn: Turn, slot: number): void {
  const { workers } = turn.arbiter;
  const owned = workers.some((w) => w.slot === slot && accepts(turn, w, slot));
  const covering = workers.filter((w) => w.slot !== slot && w.phase === "serving" && w.listens.includes(slot));
  if (owned) {
    for (const worker of covering) unlisten(turn, worker, slot);
    return clothe(turn, slot);
  }
  if (covering.some((w) => accepts(turn, w, slot))) return clothe(turn, slot);
  const bareSince = turn.arbiter.bare[slot] ?? turn.at;
  turn.arbiter = { ...turn.arbiter, bare: { ...turn.arbiter.bare, [slot]: bareSince } };
  // A worker that is silent, full or not wanted any more will not be back at once; one that is gone or booting most often will.
  const owner = workers.find((w) => w.slot === slot && w.phase === "serving");
  if (!owner && slot < turn.arbiter.target && turn.at - bareSince < BARE) return;
  const neighbour = leastBurdened(workers.filter((w) => w.slot !== slot && accepts(turn, w, w.slot)));
  if (neighbour) {
    listen(turn, neighbour, slot);
    clothe(turn, slot);
  }
}

function clothe(turn: Turn, slot: number): void {
  if (!(slot in turn.arbiter.bare)) return;
  const { [slot]: _, ...bare } = turn.arbiter.bare;
  turn.arbiter = { ...turn.arbiter, bare };
}

function accepts(turn: Turn, worker: Worker, slot: number): boolean {
  return worker.phase === "serving" && !worker.full && turn.at - worker.heard < SILENT && worker.listens.includes(slot);
}

function leastBurdened(workers: readonly Worker[]): Worker | undefined {
  return workers.reduce<Worker | undefined>((best, w) => (best && best.listens.length <= w.listens.length ? best : w), undefined);
}

// --- orders -------------------------------------------------------------------------------------------------------------

function listen(turn: Turn, worker: Worker, slot: number): void {
  if (worker.listens.includes(slot)) return;
  change(turn, worker.id, { listens: [...worker.listens, slot] });
  turn.effects.push({ type: "listen", id: worker.id, slot });
}

function unlisten(turn: Turn, worker: Worker, slot: number): void {
  change(turn, worker.id, { listens: worker.listens.filter((s) => s !== slot) });
  turn.effects.push({ type: "unlisten", id: worker.id, slot });
}

function retire(turn: Turn, worker: Worker, cause: Cause): void {
  if (!isAlive(worker)) return;
  kill(turn, worker, "TERM");
  change(turn, worker.id, { phase: "draining", since: turn.at, cause });
}

function kill(turn: Turn, worker: Worker, signal: Signal): void {
  if (worker.pid !== null) turn.effects.push({ type: "kill", id: worker.id, signal });
}

function log(turn: Turn, level: Level, event: EventName, fields: Fields): void {
  turn.effects.push({ type: "log", level, event, fields });
}

function find(turn: Turn, id: number): Worker | undefined {
  return turn.arbiter.workers.find((w) => w.id === id);
}

function change(turn: Turn, id: number, patch: Partial<Worker>): void {
  turn.arbiter = { ...turn.arbiter, workers: turn.arbiter.workers.map((w) => (w.id === id ? { ...w, ...patch } : w)) };
}

/** Not yet told to go. */
function isAlive(worker: Worker): boolean {
  return worker.phase === "spawning" || worker.phase === "booting" || worker.phase === "ready" || worker.phase === "serving";
}
