/** A reload is a transaction: it holds as a whole, or changes nothing. */
import type { Breakage } from "../message.ts";
import { giveBack } from "./rolling.ts";
import { type Booting, isAlive, isSilent, type Limits, type Reload, type Worker } from "./state.ts";
import { change, kill, log, retire, type Turn } from "./turn.ts";

export function hangUp(turn: Turn): void {
  if (turn.arbiter.halt) return;
  if (turn.arbiter.reload) {
    turn.arbiter = { ...turn.arbiter, reloadAgain: true };
    return;
  }
  log(turn, "info", "hang-up", {});
  beginReload(turn);
}

/** Told by whoever watches the files, once for many changes: a reload like any other, in gunicorn's words. */
export function reloadChanged(turn: Turn, file: string): void {
  if (turn.arbiter.halt) return;
  log(turn, "info", "file-changed", { file });
  const { reload } = turn.arbiter;
  // What boots is not the newest any more, and may never be ready.
  if (reload?.phase === "booting") withdraw(turn, reload);
  else if (reload?.phase === "checking") turn.effects.push({ type: "end-preflight" });
  else if (reload) {
    turn.arbiter = { ...turn.arbiter, reloadAgain: true };
    return;
  }
  beginReload(turn);
}

export function beginGeneration(turn: Turn, limits: Limits): void {
  if (turn.arbiter.reload?.phase !== "reading") return;
  const generation = turn.arbiter.newest + 1;
  turn.arbiter = { ...turn.arbiter, newest: generation };
  if (!limits.preflight || bootsAtOnce(turn, limits) <= 1) return bootGeneration(turn, generation, limits);
  turn.arbiter = { ...turn.arbiter, reload: { phase: "checking", generation, limits } };
  turn.effects.push({ type: "preflight", generation });
}

/** The application was tried where it could do no harm. */
export function concludePreflight(turn: Turn, generation: number, breakage: Breakage | null): void {
  const { reload } = turn.arbiter;
  if (reload?.phase !== "checking" || reload.generation !== generation) return;
  if (breakage !== null) abandonReload(turn, breakage);
  else bootGeneration(turn, generation, reload.limits);
}

/** How many processes would find out at the same time that the application does not load. */
function bootsAtOnce({ arbiter }: Turn, { workers, canary = 0, maxSurge = Infinity }: Limits): number {
  const room = Math.max(workers, arbiter.target) + maxSurge - arbiter.workers.length;
  return canary > 0 ? 1 : Math.min(workers, room);
}

function bootGeneration(turn: Turn, generation: number, limits: Limits): void {
  const reload: Reload = {
    phase: "booting", generation, limits, targetBefore: turn.arbiter.target,
    ...(limits.canary ? { canary: { since: null } } : {}),
  };
  turn.arbiter = { ...turn.arbiter, target: limits.workers, reload };
}

/** The transaction holds: everyone of the new generation listens. */
export function commitReload(turn: Turn, reload: Booting): void {
  turn.arbiter = {
    ...turn.arbiter, generation: reload.generation, limits: reload.limits, reload: { phase: "retiring" }, restoring: null, broken: null, failures: 0,
  };
  for (const worker of turn.arbiter.workers) if (worker.generation < reload.generation) retire(turn, worker, "retired");
}

/** The transaction's end when it holds: from now on, nobody new gets an answer of the old generation. */
export function concludeReload(turn: Turn): void {
  const { reload, generation, workers, target } = turn.arbiter;
  if (reload?.phase !== "retiring") return;
  const mayAccept = (w: Worker) => w.generation < generation && w.phase === "draining" && !w.left && !isSilent(turn.arbiter, w);
  if (workers.some(mayAccept)) return;
  turn.arbiter = { ...turn.arbiter, reload: null };
  log(turn, "info", "reloaded", { generation, workers: target });
  followUp(turn);
}

/** The transaction's end when it does not hold: whatever was begun goes, and who served keeps serving. */
export function abandonReload(turn: Turn, breakage: Breakage): void {
  const { reload } = turn.arbiter;
  if (!reload) return;
  log(turn, "error", "reload-failed", { reason: breakage.reason, generation: turn.arbiter.generation });
  turn.arbiter = { ...turn.arbiter, reload: null };
  if (reload.phase === "booting") withdraw(turn, reload);
  if (turn.arbiter.limits.development) becomeBroken(turn, breakage);
  followUp(turn);
}

function beginReload(turn: Turn): void {
  turn.arbiter = { ...turn.arbiter, reload: { phase: "reading" }, reloadAgain: false };
  turn.effects.push({ type: "read-configuration" });
}

/** Workers that nobody could reach go at once. */
function withdraw(turn: Turn, reload: Booting): void {
  turn.arbiter = { ...turn.arbiter, target: reload.targetBefore };
  for (const worker of turn.arbiter.workers) {
    if (worker.generation !== reload.generation || !isAlive(worker) || worker.listens.length > 0) continue;
    kill(turn, worker, "QUIT");
    change(turn, worker.id, { phase: "draining", since: turn.at, cause: "retired" });
  }
  giveBack(turn, reload);
}

/** From now on, new workers of the serving generation do not even try to load the application: only newer code can mend it. */
export function becomeBroken(turn: Turn, breakage: Breakage): void {
  turn.arbiter = { ...turn.arbiter, broken: { ...breakage, from: turn.arbiter.broken?.from ?? turn.arbiter.nextId } };
  turn.effects.push({ type: "show-error", breakage });
}

function followUp(turn: Turn): void {
  if (!turn.arbiter.reloadAgain) return;
  if (turn.arbiter.limits.development) beginReload(turn);
  else hangUp(turn);
}
