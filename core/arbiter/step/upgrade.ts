/**
 * A new arbiter in the old one's place (USR2): both serve from the same sockets until somebody ends one of them. TERM to the old one makes
 * the upgrade hold, TERM to the new one takes it back.
 */
import type { Ending } from "../process.ts";
import { log, type Turn } from "./turn.ts";

export function upgrade(turn: Turn): void {
  const { halt, successor, parent } = turn.arbiter;
  if (halt) return;
  if (successor) return log(turn, "warning", "upgrade-ignored", { who: "Child" });
  if (parent !== null) return log(turn, "warning", "upgrade-ignored", { who: "Parent" });
  turn.arbiter = { ...turn.arbiter, successor: { pid: null } };
  turn.effects.push({ type: "upgrade" });
}

export function succeed(turn: Turn, pid: number): void {
  turn.arbiter = { ...turn.arbiter, successor: { pid } };
  log(turn, "info", "upgrading", { pid });
}

/** There is none: USR2 may be tried again. */
export function cannotUpgrade(turn: Turn, reason: string): void {
  turn.arbiter = { ...turn.arbiter, successor: null };
  if (!turn.arbiter.halt) log(turn, "error", "upgrade-failed", { reason });
}

/** It has gone, before it served for a `reason`, or later as it was told: whatever it was, this arbiter has what it had. */
export function outlive(turn: Turn, { ending, reason }: { readonly ending: Ending; readonly reason: string | null }): void {
  const pid = turn.arbiter.successor?.pid;
  if (reason !== null) return cannotUpgrade(turn, reason);
  turn.arbiter = { ...turn.arbiter, successor: null };
  const level = ending.code === 0 ? "info" : "warning";
  log(turn, level, "upgrade-undone", { pid, how: ending.signal === null ? `with code ${ending.code}` : `by ${ending.signal}` });
}

/** The old arbiter has gone: the sockets are this one's alone. */
export function promote(turn: Turn): void {
  if (turn.arbiter.parent === null) return;
  turn.arbiter = { ...turn.arbiter, parent: null };
  log(turn, "info", "promoted", {});
  turn.effects.push({ type: "promote" });
}
