/** Whom the arbiter waits for, and for how long. */
import type { Millis } from "../process.ts";
import { prolongTrial } from "./canary.ts";
import { stopLingering } from "./halt.ts";
import { mourn } from "./life.ts";
import type { Limits, Worker } from "./state.ts";
import { change, kill, log, murder, type Turn } from "./turn.ts";

/** From ABRT to KILL. */
const ABORT_GRACE: Millis = 1000;

/** A gap between two ticks that only a suspended process can have. */
const SUSPENDED: Millis = 3000;

export function tick(turn: Turn, beats: ReadonlyMap<number, Millis> = new Map()): void {
  const gap = turn.at - turn.arbiter.ticked;
  turn.arbiter = { ...turn.arbiter, ticked: turn.at };
  if (gap > SUSPENDED) return forgive(turn, gap);
  hear(turn, beats);
  stopLingering(turn);
  for (const worker of turn.arbiter.workers) watch(turn, worker);
}

function hear(turn: Turn, beats: ReadonlyMap<number, Millis>): void {
  if (beats.size === 0) return;
  const workers = turn.arbiter.workers.map((w) => ({ ...w, heard: Math.max(w.heard, beats.get(w.id) ?? w.heard) }));
  turn.arbiter = { ...turn.arbiter, workers };
}

/** Waking from SIGSTOP or a laptop's sleep, everyone looks silent, and nobody is at fault. */
function forgive(turn: Turn, gap: Millis): void {
  const workers = turn.arbiter.workers.map((w) => ({ ...w, heard: turn.at, since: turn.at }));
  const halt = turn.arbiter.halt && { ...turn.arbiter.halt, since: turn.at };
  turn.arbiter = { ...turn.arbiter, workers, halt, bare: {}, reload: prolongTrial(turn) };
  log(turn, "info", "woke", { seconds: gap / 1000 });
}

/** A new application may need a new configuration to boot in time. */
function limitsOf(turn: Turn, worker: Worker): Limits {
  const { reload, limits } = turn.arbiter;
  return reload?.phase === "booting" && worker.generation === reload.generation ? reload.limits : limits;
}

function watch(turn: Turn, worker: Worker): void {
  const limits = limitsOf(turn, worker);
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
