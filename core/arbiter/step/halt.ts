/** The end: everybody is told to go, and has gone. */
import type { Millis } from "../process.ts";
import { change, kill, log, murder, type Turn } from "./turn.ts";

/** A quick stop does not wait longer than this. */
const QUICK_LIMIT: Millis = 2000;

/** Whether there is somebody to serve, and nobody else who does. */
export function mayLinger({ arbiter }: Turn): boolean {
  return (arbiter.limits.shutdownDelay ?? 0) > 0 && arbiter.halt === null && arbiter.leavingSince === null && arbiter.everServed && arbiter.successor === null;
}

/** Goes on serving for a while, and says so: whoever sends traffic here shall hear of it first. */
export function linger(turn: Turn): void {
  log(turn, "info", "lingering", { seconds: turn.arbiter.limits.shutdownDelay! / 1000 });
  turn.arbiter = { ...turn.arbiter, leavingSince: turn.at };
}

/** The end of lingering: traffic has had its time to go elsewhere. */
export function stopLingering(turn: Turn): void {
  const { leavingSince, limits, halt: over } = turn.arbiter;
  if (leavingSince === null || over !== null || turn.at - leavingSince < (limits.shutdownDelay ?? 0)) return;
  halt(turn, { quick: false, exitCode: 0, reason: null });
}

/** Orders the end. A second order makes a graceful stop quick, and never changes the exit code. */
export function halt(turn: Turn, order: { readonly quick: boolean; readonly exitCode: number; readonly reason: string | null }): void {
  const before = turn.arbiter.halt;
  if (before?.quick || (before && !order.quick)) return;
  if (before) log(turn, "info", "quick-shutdown", {});
  if (turn.arbiter.reload?.phase === "checking") turn.effects.push({ type: "end-preflight" });
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
export function conclude(turn: Turn): void {
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
