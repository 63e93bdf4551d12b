/**
 * A rolling reload changes over slot after slot: a new worker boots beside the old one, takes its slot's connections too, and the old one
 * retires. If one of them fails, slot after slot goes back in the same way: whoever serves does so until its successor does.
 */
import { type Booting, isAlive, type Worker } from "./state.ts";
import { change, log, retire, type Turn } from "./turn.ts";

/** Whether one more process may be started. Outside of rolling reloads there is no limit. */
export function hasRoom(turn: Turn): boolean {
  const { reload, restoring, target, workers } = turn.arbiter;
  const isBooting = reload?.phase === "booting";
  const maxSurge = isBooting ? reload.limits.maxSurge : restoring?.maxSurge;
  const base = isBooting ? Math.max(target, reload.targetBefore) : target;
  return workers.length < base + (maxSurge ?? Infinity);
}

/** The slots in the order in which they get a new worker: first where nobody is. */
export function slotsInOrder(turn: Turn): readonly number[] {
  const { target, workers } = turn.arbiter;
  const slots = Array.from({ length: target }, (_, slot) => slot);
  const isEmpty = (slot: number) => !workers.some((w) => w.slot === slot && isAlive(w));
  return [...slots.filter(isEmpty), ...slots.filter((slot) => !isEmpty(slot))];
}

/** Where a new worker serves, the old one retires. */
export function handOver(turn: Turn, reload: Booting): void {
  for (const worker of turn.arbiter.workers) {
    const successor = turn.arbiter.workers.some((w) => w.slot === worker.slot && w.generation === reload.generation && w.phase === "serving");
    if (worker.generation < reload.generation && successor) retire(turn, worker, "retired");
  }
}

/** Of a reload that failed: workers that have taken requests. They retire where another one serves, and where not, go on until one does. */
export function giveBack(turn: Turn, { generation, limits }: Booting): void {
  const given = turn.arbiter.workers.filter((w) => w.generation === generation && isAlive(w));
  const isAlone = (worker: Worker) =>
    worker.slot < turn.arbiter.target &&
    !turn.arbiter.workers.some((w) => w.slot === worker.slot && w.generation !== generation && w.phase === "serving");
  const alone = given.filter(isAlone);
  for (const worker of given) {
    if (alone.includes(worker)) change(turn, worker.id, { outgoing: true });
    else retire(turn, worker, "retired");
  }
  const isTaken = (slot: number) => turn.arbiter.workers.some((w) => w.slot === slot && w.generation === turn.arbiter.generation && isAlive(w));
  const lost = slotsInOrder(turn).filter((slot) => !isTaken(slot)).length;
  if (lost === 0 || (limits.maxSurge === undefined && alone.length === 0)) return;
  turn.arbiter = { ...turn.arbiter, restoring: { maxSurge: limits.maxSurge ?? Infinity } };
  log(turn, "warning", "rolling-back", { workers: lost, generation: turn.arbiter.generation });
}

/** The end of a way back: those who serve are those who served before. */
export function concludeRestoring(turn: Turn): void {
  const { restoring, reload, workers, target, generation } = turn.arbiter;
  if (restoring === null || reload?.phase === "booting") return;
  const alive = workers.filter(isAlive);
  const serves = (slot: number) => alive.some((w) => w.slot === slot && w.generation === generation && w.phase === "serving");
  if (alive.some((w) => w.generation !== generation) || !slotsInOrder(turn).every(serves) || target === 0) return;
  turn.arbiter = { ...turn.arbiter, restoring: null };
  log(turn, "info", "rolled-back", { generation });
}
