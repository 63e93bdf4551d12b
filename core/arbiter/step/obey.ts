/** What each signal to the arbiter means. */
import type { Signal } from "../process.ts";
import { halt, linger, mayLinger } from "./halt.ts";
import { hangUp } from "./reload.ts";
import { log, type Turn } from "./turn.ts";
import { upgrade } from "./upgrade.ts";

export function obey(turn: Turn, signal: Signal): void {
  log(turn, "info", "handling-signal", { signal: signal.toLowerCase() });
  switch (signal) {
    case "TERM":
      return mayLinger(turn) ? linger(turn) : halt(turn, { quick: turn.arbiter.halt !== null, exitCode: 0, reason: null });
    case "INT":
    case "QUIT":
      return halt(turn, { quick: true, exitCode: 0, reason: null });
    case "HUP":
      turn.effects.push({ type: "reopen-logs" });
      return hangUp(turn);
    case "USR1":
      turn.effects.push({ type: "reopen-logs" });
      return;
    case "USR2":
      return upgrade(turn);
    case "WINCH":
      return dismiss(turn);
    case "TTIN":
      return grow(turn);
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

function grow(turn: Turn): void {
  const { target, limits } = turn.arbiter;
  if (target < (limits.maxWorkers ?? Infinity)) resize(turn, target + 1);
  else log(turn, "warning", "enough-workers", { workers: target });
}

function resize(turn: Turn, target: number): void {
  if (!turn.arbiter.halt) turn.arbiter = { ...turn.arbiter, target };
}
