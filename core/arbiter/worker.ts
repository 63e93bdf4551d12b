/**
 * What a worker decides about its own life. `step` turns a state and an event into a state and effects: no clock, no process, no I/O.
 *
 * The rules:
 *
 * 1. It loads, says ready, and listens only when told to.
 * 2. To go, it stops accepting without closing anything, answers what it has with `Connection: close`, and leaves when nothing is in
 *    flight and a quiet time has passed: whoever was already connected but had not spoken yet is still served. HTTP/2 connections never
 *    become quiet by themselves: their server is told to end soon, with requests in flight, which it finishes.
 * 3. At its limit of connections it stops accepting, and says so; below it, it accepts again.
 * 4. When something in it breaks, or it has served for long enough, it asks for a successor and goes on until that one serves.
 * 5. Told to abort, it answers whoever waits with 503 before it ends, if its loop still turns.
 */
import type { EventName, Fields, Level } from "../logging/record.ts";
import type { FromWorker, Tally } from "./message.ts";
import type { Millis, Signal } from "./process.ts";

export type WorkerPhase = "starting" | "loading" | "serving" | "draining" | "closing" | "aborting" | "ended";

export interface WorkerState {
  readonly phase: WorkerPhase;
  readonly pid: number;
  readonly since: Millis;
  readonly gracefulTimeout: Millis;
  readonly limits: Wear;
  /** Clients may have several requests on a connection at a time, which `Connection: close` does not end. */
  readonly multiplexes: boolean;
  readonly full: boolean;
  /** It wants a successor. */
  readonly tired: boolean;
  /** Because something in it broke. */
  readonly faulty: boolean;
}

/** When a worker is worn out; Infinity for never. */
export interface Wear {
  /** Bytes of resident memory. */
  readonly rss: number;
  readonly lifetime: Millis;
}

export type WorkerEvent =
  & { readonly at: Millis }
  & (
    | { readonly type: "started"; readonly gracefulTimeout: Millis; readonly limits: Wear; readonly multiplexes?: boolean }
    | { readonly type: "loaded" }
    | { readonly type: "load-failed"; readonly exitCode: 3 | 4; readonly reason: string; readonly stack?: string }
    | { readonly type: "told-to-listen"; readonly slot: number }
    | { readonly type: "told-to-let-go"; readonly slot: number }
    | { readonly type: "told-to-reopen" }
    | { readonly type: "listened"; readonly slot: number }
    | { readonly type: "listen-failed"; readonly slot: number; readonly own: boolean; readonly reason: string }
    /** The listening sockets are let go. */
    | { readonly type: "left" }
    | { readonly type: "signalled"; readonly signal: Signal }
    | { readonly type: "orphaned" }
    | { readonly type: "faulted"; readonly kind: string; readonly reason: string; readonly stack?: string }
    | { readonly type: "server-ended"; readonly reason: string }
    /** A thread of it broke, and has said so. */
    | { readonly type: "thread-tired" }
    | { readonly type: "counted"; readonly full: boolean }
    /** It has handled as many requests as it should. */
    | { readonly type: "worn" }
    | { readonly type: "ticked"; readonly inFlight: number; readonly handled: number; readonly rss: number; readonly tally?: Tally }
    | { readonly type: "closed" }
  );

export type WorkerEffect =
  | { readonly type: "load" }
  | { readonly type: "listen"; readonly slot: number }
  | { readonly type: "let-go"; readonly slot: number }
  | { readonly type: "reopen-logs" }
  | { readonly type: "pause" }
  | { readonly type: "resume" }
  /** Let the listening sockets go for good. */
  | { readonly type: "leave" }
  /** From now on every answer says `Connection: close`. */
  | { readonly type: "announce-close" }
  /** End the servers and shut the application down, within `deadline`. */
  | { readonly type: "close"; readonly deadline: Millis }
  /** Answer whoever still waits, and end the servers, within `deadline`. */
  | { readonly type: "abort"; readonly deadline: Millis }
  | { readonly type: "report"; readonly message: FromWorker }
  | { readonly type: "log"; readonly level: Level; readonly event: EventName; readonly fields: Fields }
  | { readonly type: "exit"; readonly code: number };

/** How long a draining worker goes on answering: a real network's clients may need this to send what they meant to. */
export const QUIET: Millis = 1000;

/** The same while requests go on, where connections carry several at a time: WebSockets have been closed by then. */
export const MULTIPLEXED: Millis = 3000;

/** How long an aborting worker has for its last answers: the arbiter sends KILL a second after ABRT. */
export const LAST_ANSWERS: Millis = 700;

export function worker(pid: number, at: Millis): WorkerState {
  return { phase: "starting", pid, since: at, gracefulTimeout: 30_000, limits: { rss: Infinity, lifetime: Infinity }, multiplexes: false, full: false, tired: false, faulty: false };
}

export function step(before: WorkerState, event: WorkerEvent): [WorkerState, WorkerEffect[]] {
  if (before.phase === "ended") return [before, []];
  const { pid } = before;
  switch (event.type) {
    case "started":
      return [{ ...before, phase: "loading", since: event.at, gracefulTimeout: event.gracefulTimeout, limits: event.limits, multiplexes: event.multiplexes ?? false }, [
        log("info", "booting", { pid }),
        { type: "load" },
      ]];
    case "loaded":
      if (before.phase !== "loading") return [before, []];
      return [{ ...before, phase: "serving", since: event.at }, [report({ type: "ready" })]];
    case "load-failed":
      return end(before, event.exitCode, [
        log("error", "load-failed", { reason: event.reason, stack: event.stack }),
        report({ type: "failed", exitCode: event.exitCode, reason: event.reason, ...(event.stack === undefined ? {} : { stack: event.stack }) }),
      ]);
    case "told-to-listen":
      return [before, before.phase === "serving" ? [{ type: "listen", slot: event.slot }] : []];
    case "told-to-let-go":
      return [before, before.phase === "serving" ? [{ type: "let-go", slot: event.slot }] : []];
    case "told-to-reopen":
      return [before, [{ type: "reopen-logs" }]];
    case "listened":
      // What it said before it served was nobody's business: at the first of its sockets it may have broken while it opened the next.
      return [before, [report({ type: "listening", slot: event.slot }), ...(before.tired ? [report({ type: "tired", faulty: before.faulty })] : [])]];
    case "listen-failed":
      return failToListen(before, event);
    case "left":
      return [before, [report({ type: "leaving" })]];
    case "signalled":
      return obey(before, event.signal, event.at);
    case "orphaned":
      return drain(before, event.at, [log("info", "parent-changed", { pid })]);
    case "faulted":
      return askForSuccessor(before, true, [log("error", "unhandled", { kind: event.kind, reason: event.reason, stack: event.stack })]);
    case "server-ended":
      return askForSuccessor(before, true, [log("critical", "server-ended", { reason: event.reason })]);
    case "thread-tired":
      return askForSuccessor(before, true, []);
    case "worn":
      return askForSuccessor(before, false, [log("info", "autorestarting", {})]);
    case "counted":
      return count(before, event.full);
    case "ticked":
      return tick(before, event);
    case "closed":
      return end(before, before.phase === "aborting" ? 1 : 0, []);
  }
}

/** Nobody could reach a worker without a place of its own: it goes, and its successor tries anew. Covering for another is a favour. */
function failToListen(before: WorkerState, { slot, own, reason }: Extract<WorkerEvent, { type: "listen-failed" }>): [WorkerState, WorkerEffect[]] {
  const said = log("error", "listen-failed", { slot, reason });
  return own ? end(before, 1, [said]) : [before, [said]];
}

function obey(before: WorkerState, signal: Signal, at: Millis): [WorkerState, WorkerEffect[]] {
  switch (signal) {
    case "TERM":
      if (before.phase === "starting" || before.phase === "loading") return end(before, 0, []);
      return drain(before, at, []);
    case "QUIT":
      return end(before, 0, []);
    case "ABRT":
      return abort(before, at);
    case "USR1":
      return [before, [{ type: "reopen-logs" }]];
    case "WINCH":
      return [before, [log("debug", "worker-winch-ignored", {})]];
    default:
      return [before, []];
  }
}

/** Who sends it wants the process gone, but a loop that still turns owes its clients an answer. */
function abort(before: WorkerState, at: Millis): [WorkerState, WorkerEffect[]] {
  const said = log("error", "aborting", { pid: before.pid });
  if (before.phase === "starting" || before.phase === "loading") return end(before, 1, [said]);
  if (before.phase === "aborting") return [before, []];
  return [{ ...before, phase: "aborting", since: at }, [said, { type: "announce-close" }, { type: "abort", deadline: LAST_ANSWERS }]];
}

function drain(before: WorkerState, at: Millis, first: readonly WorkerEffect[]): [WorkerState, WorkerEffect[]] {
  if (before.phase === "draining" || before.phase === "closing" || before.phase === "aborting") return [before, []];
  return [{ ...before, phase: "draining", since: at }, [...first, { type: "announce-close" }, { type: "leave" }]];
}

function askForSuccessor(before: WorkerState, faulty: boolean, first: readonly WorkerEffect[]): [WorkerState, WorkerEffect[]] {
  if (before.phase !== "serving" || before.tired) return [before, faulty ? [...first] : []];
  return [{ ...before, tired: true, faulty }, [...first, report({ type: "tired", faulty })]];
}

function count(before: WorkerState, full: boolean): [WorkerState, WorkerEffect[]] {
  if (before.phase !== "serving" || before.full === full) return [before, []];
  return [{ ...before, full }, [{ type: full ? "pause" : "resume" }, report({ type: "full", full })]];
}

function tick(before: WorkerState, event: Extract<WorkerEvent, { type: "ticked" }>): [WorkerState, WorkerEffect[]] {
  const beat = report({ type: "beat", inFlight: event.inFlight, handled: event.handled, ...(event.tally === undefined ? {} : { tally: event.tally }) });
  const age = event.at - before.since;
  if (before.phase === "serving" && !before.tired) {
    const worn = wear(before, event, age);
    const [after, effects] = worn ? askForSuccessor(before, false, [worn]) : [before, []];
    return [after, [beat, ...effects]];
  }
  const isQuiet = event.inFlight === 0 ? age >= QUIET : before.multiplexes && age >= MULTIPLEXED;
  if (before.phase !== "draining" || !isQuiet) return [before, [beat]];
  const deadline = Math.max(0, before.gracefulTimeout - age);
  return [{ ...before, phase: "closing", since: event.at }, [beat, { type: "close", deadline }]];
}

function wear({ limits, pid }: WorkerState, { rss }: { readonly rss: number }, age: Millis): WorkerEffect | null {
  if (rss > limits.rss) return log("warning", "too-large", { pid, mebibytes: Math.round(rss / 2 ** 20), limit: Math.round(limits.rss / 2 ** 20) });
  return age > limits.lifetime ? log("info", "too-old", { pid, seconds: limits.lifetime / 1000 }) : null;
}

function end(before: WorkerState, code: number, first: readonly WorkerEffect[]): [WorkerState, WorkerEffect[]] {
  return [{ ...before, phase: "ended" }, [...first, log("info", "exiting", { pid: before.pid }), { type: "exit", code }]];
}

function report(message: FromWorker): WorkerEffect {
  return { type: "report", message };
}

function log(level: Level, event: EventName, fields: Fields): WorkerEffect {
  return { type: "log", level, event, fields };
}
