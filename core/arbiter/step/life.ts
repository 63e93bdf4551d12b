/** Workers come and go. */
import type { Breakage } from "../message.ts";
import type { Ending, Millis } from "../process.ts";
import { isCanary } from "./canary.ts";
import { halt } from "./halt.ts";
import { abandonReload, becomeBroken } from "./reload.ts";
import { type Failure, isAlive, type Worker } from "./state.ts";
import { change, find, kill, log, type Turn } from "./turn.ts";

/** A worker that served this long was healthy; its death says nothing about the next one. */
const HEALTHY: Millis = 5000;

const LONGEST_PAUSE: Millis = 60_000;

export function bear(turn: Turn, id: number, pid: number): void {
  const worker = find(turn, id);
  if (!worker) return;
  change(turn, id, { pid, heard: turn.at });
  if (worker.phase === "spawning") return change(turn, id, { phase: "booting", since: turn.at });
  // The order to go came before there was anybody to hear it, and so may have the end of all patience.
  if (worker.phase === "murdered") return kill(turn, { ...worker, pid }, "KILL");
  kill(turn, { ...worker, pid }, turn.arbiter.halt && !turn.arbiter.halt.quick ? "TERM" : "QUIT");
}

/** It said why before it goes, so nothing has to be guessed from an exit code. */
export function failToBoot(turn: Turn, id: number, failure: Failure): void {
  const worker = find(turn, id);
  if (!worker || !isAlive(worker)) return;
  change(turn, id, { phase: "draining", since: turn.at, cause: "failed" });
  mourn(turn, worker, failure);
}

export function becomeReady(turn: Turn, id: number): void {
  const worker = find(turn, id);
  if (worker?.phase === "booting") change(turn, id, { phase: "ready", since: turn.at, heard: turn.at });
}

export function becomeServing(turn: Turn, id: number, slot: number): void {
  const worker = find(turn, id);
  if (worker?.phase !== "ready" || worker.slot !== slot) return;
  change(turn, id, { phase: "serving", since: turn.at, heard: turn.at, servingSince: turn.at });
  log(turn, "debug", "serving", { pid: worker.pid, slot });
  turn.arbiter = { ...turn.arbiter, everServed: true };
}

/** It has stopped accepting: as it was told, or because somebody else told it to go, and then its slot needs a new worker. */
export function leave(turn: Turn, id: number): void {
  const worker = find(turn, id);
  if (!worker) return;
  change(turn, id, { left: true, heard: turn.at });
  if (isAlive(worker)) change(turn, id, { phase: "draining", since: turn.at, cause: "leaving" });
}

export function tire(turn: Turn, id: number, faulty: boolean): void {
  const worker = find(turn, id);
  if (worker?.phase !== "serving" || worker.outgoing) return;
  if (faulty && isCanary(turn, worker)) return abandonReload(turn, { reason: `the canary (pid:${worker.pid}) left an exception uncaught` });
  change(turn, id, { outgoing: true });
  if (faulty) countFailure(turn, worker);
}

export function cannotSpawn(turn: Turn, id: number, reason: string): void {
  log(turn, "error", "spawn-failed", { reason });
  const worker = find(turn, id);
  turn.arbiter = { ...turn.arbiter, workers: turn.arbiter.workers.filter((w) => w.id !== id) };
  if (worker) mourn(turn, worker, { exitCode: 3, reason });
}

interface Death {
  readonly ending: Ending;
  readonly outOfMemory?: boolean;
}

export function reap(turn: Turn, id: number, { ending, outOfMemory = false }: Death): void {
  const worker = find(turn, id);
  if (!worker) return;
  turn.arbiter = { ...turn.arbiter, workers: turn.arbiter.workers.filter((w) => w.id !== id) };
  report(turn, worker, { ending, outOfMemory });
  if (isAlive(worker)) mourn(turn, worker, null);
}

/** What follows from a worker that died, or is as good as dead, without having been told to go. */
export function mourn(turn: Turn, worker: Worker, failure: Failure | null): void {
  const { arbiter } = turn;
  if (arbiter.halt) return;
  if (arbiter.reload?.phase === "booting" && arbiter.reload.generation === worker.generation) {
    return abandonReload(turn, breakageOf(turn, worker, failure));
  }
  if (arbiter.limits.development && worker.phase === "booting" && worker.id < (arbiter.broken?.from ?? Infinity)) {
    return becomeBroken(turn, breakageOf(turn, worker, failure));
  }
  if (failure && !arbiter.everServed) {
    const reason = failure.exitCode === 4 ? "App failed to load." : "Worker failed to boot.";
    return halt(turn, { quick: false, exitCode: failure.exitCode, reason });
  }
  countFailure(turn, worker);
}

/** gunicorn's line about a death, but it never guesses: what the arbiter did itself it says itself. */
function report(turn: Turn, worker: Worker, { ending, outOfMemory }: Death): void {
  const { pid } = worker;
  if (ending.signal) {
    const expected = worker.phase === "murdered" || (turn.arbiter.halt !== null && worker.phase === "draining");
    const level = ending.signal === "SIGTERM" ? "info" : expected ? "warning" : ending.signal === "SIGKILL" ? "error" : "warning";
    log(turn, level, "signalled", { pid, signal: ending.signal, cause: worker.phase !== "murdered" && outOfMemory && ending.signal === "SIGKILL" ? "out-of-memory" : worker.cause });
  } else if (ending.code !== 0) {
    log(turn, "error", "exited", { pid, code: ending.code });
  }
}

function breakageOf(turn: Turn, worker: Worker, failure: Failure | null): Breakage {
  if (failure === null) {
    if (worker.servingSince === null) return { reason: `a new worker (pid:${worker.pid}) ended while it booted` };
    return { reason: `a new worker (pid:${worker.pid}) ${find(turn, worker.id)?.phase === "aborted" ? "was silent" : "ended"} while it served` };
  }
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
