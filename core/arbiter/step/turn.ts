/** One step in the making, and the orders that are given in it. */
import type { EventName, Fields, Level } from "../../logging/record.ts";
import type { Millis, Signal } from "../process.ts";
import { type Arbiter, type Cause, type Effect, isAlive, type Worker } from "./state.ts";

/** One step in the making: replaced as a whole, never seen outside. */
export interface Turn {
  arbiter: Arbiter;
  readonly effects: Effect[];
  readonly at: Millis;
}

export function listen(turn: Turn, worker: Worker, slot: number): void {
  if (worker.listens.includes(slot)) return;
  change(turn, worker.id, { listens: [...worker.listens, slot] });
  turn.effects.push({ type: "listen", id: worker.id, slot });
}

export function unlisten(turn: Turn, worker: Worker, slot: number): void {
  change(turn, worker.id, { listens: worker.listens.filter((s) => s !== slot) });
  turn.effects.push({ type: "unlisten", id: worker.id, slot });
}

export function retire(turn: Turn, worker: Worker, cause: Cause): void {
  if (!isAlive(worker)) return;
  kill(turn, worker, "TERM");
  change(turn, worker.id, { phase: "draining", since: turn.at, cause });
}

export function kill(turn: Turn, worker: Worker, signal: Signal): void {
  if (worker.pid !== null) turn.effects.push({ type: "kill", id: worker.id, signal });
}

export function murder(turn: Turn, worker: Worker, cause: Cause): void {
  kill(turn, worker, "KILL");
  change(turn, worker.id, { phase: "murdered", since: turn.at, cause });
}

export function log(turn: Turn, level: Level, event: EventName, fields: Fields): void {
  turn.effects.push({ type: "log", level, event, fields });
}

export function find(turn: Turn, id: number): Worker | undefined {
  return turn.arbiter.workers.find((w) => w.id === id);
}

export function change(turn: Turn, id: number, patch: Partial<Worker>): void {
  turn.arbiter = { ...turn.arbiter, workers: turn.arbiter.workers.map((w) => (w.id === id ? { ...w, ...patch } : w)) };
}
