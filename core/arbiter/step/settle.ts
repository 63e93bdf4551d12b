/** What is, compared with what should be. */
import type { Millis } from "../process.ts";
import { isCanary, watchCanary } from "./canary.ts";
import { coverSlots } from "./cover.ts";
import { commitReload, concludeReload } from "./reload.ts";
import { concludeRestoring, handOver, hasRoom, slotsInOrder } from "./rolling.ts";
import { isAlive, type Worker } from "./state.ts";
import { listen, retire, type Turn } from "./turn.ts";

/** A worker that somebody else told to go is replaced after this long. */
const FAREWELL: Millis = 100;

export function settle(turn: Turn): void {
  watchCanary(turn);
  shrink(turn);
  grow(turn);
  admit(turn);
  relieve(turn);
  concludeReload(turn);
  concludeRestoring(turn);
  if (turn.arbiter.covers) coverSlots(turn);
}

/** A worker whose slot is no longer wanted goes; its slot stays open and is covered. If nobody else serves yet, it serves until somebody does. */
function shrink(turn: Turn): void {
  // While a reload is under way the old generation stays whole: it may have to go on.
  if (turn.arbiter.reload?.phase === "booting") return;
  const { target, workers } = turn.arbiter;
  const isServed = target === 0 || workers.some((w) => w.slot < target && w.phase === "serving");
  for (const worker of workers) {
    if (isAlive(worker) && worker.slot >= target && (isServed || worker.phase !== "serving")) retire(turn, worker, "retired");
  }
}

function grow(turn: Turn): void {
  const { reload, target } = turn.arbiter;
  if (reload?.phase !== "booting") return replace(turn, target);
  const slots = reload.canary === undefined ? slotsInOrder(turn) : [0];
  const taken = slotsTaken(turn, reload.generation);
  for (const slot of slots) if (!taken.has(slot) && hasRoom(turn)) spawn(turn, slot, reload.generation);
  if (reload.canary !== undefined) replace(turn, reload.targetBefore);
}

/** The serving generation fills its slots again. */
function replace(turn: Turn, target: number): void {
  const { generation } = turn.arbiter;
  const taken = slotsTaken(turn, generation);
  for (let slot = 0; slot < target; slot++) {
    if (!taken.has(slot) && hasRoom(turn) && maySpawn(turn) && !hasJustLeft(turn, slot)) spawn(turn, slot, generation);
  }
}

function slotsTaken(turn: Turn, generation: number): ReadonlySet<number> {
  return new Set(turn.arbiter.workers.filter((w) => w.generation === generation && isAlive(w) && !w.outgoing).map((w) => w.slot));
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
  turn.effects.push({ type: "spawn", id, slot, generation, ...(isCanary(turn, worker) ? { canary: true } : {}) });
}

/**
 * Ready workers listen: at once, or, in a reload that changes over at once, when all of the new generation are ready; when all listen, it
 * is done.
 */
function admit(turn: Turn): void {
  const { reload } = turn.arbiter;
  if (reload?.phase !== "booting") {
    for (const worker of turn.arbiter.workers) if (worker.phase === "ready") listen(turn, worker, worker.slot);
    return;
  }
  const fresh = turn.arbiter.workers.filter((w) => w.generation === reload.generation && isAlive(w));
  const isRolling = reload.limits.maxSurge !== undefined;
  const isFirst = reload.canary !== undefined;
  // Successors of old workers: who waits for them would take the room of the new ones for ever.
  for (const worker of turn.arbiter.workers) if (worker.phase === "ready" && worker.generation < reload.generation) listen(turn, worker, worker.slot);
  if (!isRolling && !isFirst && fresh.some((w) => w.phase === "spawning" || w.phase === "booting")) return;
  for (const worker of fresh) if (worker.phase === "ready") listen(turn, worker, worker.slot);
  if (isFirst) return;
  if (isRolling) handOver(turn, reload);
  const isServed = (slot: number) => fresh.some((w) => w.slot === slot);
  if (fresh.every((w) => w.phase === "serving") && slotsInOrder(turn).every(isServed)) {
    commitReload(turn, reload);
    shrink(turn);
  }
}

/** An outgoing worker goes when its successor listens. */
function relieve(turn: Turn): void {
  for (const worker of turn.arbiter.workers.filter((w) => w.outgoing)) {
    // Nobody goes for one that is on trial.
    const mayFollow = (w: Worker) => w.phase === "serving" && !w.outgoing && (!isCanary(turn, w) || isCanary(turn, worker));
    const successor = turn.arbiter.workers.some((w) => w.slot === worker.slot && mayFollow(w));
    if (successor) retire(turn, worker, "retired");
  }
}
