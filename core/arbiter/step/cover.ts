/** Every open slot has somebody who takes its connections. */
import type { Millis } from "../process.ts";
import { isCanary } from "./canary.ts";
import { isSilent, type Worker } from "./state.ts";
import { listen, type Turn, unlisten } from "./turn.ts";

/** A slot whose worker is gone or booting is covered after this long: most boots are quicker. */
const BARE: Millis = 200;

export function coverSlots(turn: Turn): void {
  const { workers, bare, slots } = turn.arbiter;
  // Nearly always a slot has its own worker and nobody else: then one look at the workers is enough for all slots.
  const owned = new Set(workers.filter((w) => accepts(turn, w, w.slot)).map((w) => w.slot));
  const covered = new Set(workers.flatMap((w) => w.listens.filter((slot) => slot !== w.slot)));
  for (let slot = 0; slot < slots; slot++) if (!owned.has(slot) || covered.has(slot) || slot in bare) coverSlot(turn, slot);
}

function coverSlot(turn: Turn, slot: number): void {
  const { workers } = turn.arbiter;
  const owned = workers.some((w) => w.slot === slot && accepts(turn, w, slot));
  const covering = workers.filter((w) => w.slot !== slot && w.phase === "serving" && w.listens.includes(slot));
  if (owned) {
    for (const worker of covering) unlisten(turn, worker, slot);
    return clothe(turn, slot);
  }
  if (covering.some((w) => accepts(turn, w, slot))) return clothe(turn, slot);
  const bareSince = turn.arbiter.bare[slot] ?? turn.at;
  turn.arbiter = { ...turn.arbiter, bare: { ...turn.arbiter.bare, [slot]: bareSince } };
  // A worker that is silent, full or not wanted any more will not be back at once; one that is gone or booting most often will.
  const owner = workers.find((w) => w.slot === slot && w.phase === "serving");
  if (!owner && slot < turn.arbiter.target && turn.at - bareSince < BARE) return;
  const able = workers.filter((w) => w.slot !== slot && accepts(turn, w, w.slot));
  // Who is on trial gets more only if nobody else can take it.
  const neighbour = leastBurdened(able.filter((w) => !isCanary(turn, w))) ?? leastBurdened(able);
  if (neighbour) {
    listen(turn, neighbour, slot);
    clothe(turn, slot);
  }
}

function clothe(turn: Turn, slot: number): void {
  if (!(slot in turn.arbiter.bare)) return;
  const { [slot]: _, ...bare } = turn.arbiter.bare;
  turn.arbiter = { ...turn.arbiter, bare };
}

function accepts(turn: Turn, worker: Worker, slot: number): boolean {
  return worker.phase === "serving" && !worker.full && !isSilent(turn.arbiter, worker) && worker.listens.includes(slot);
}

function leastBurdened(workers: readonly Worker[]): Worker | undefined {
  return workers.reduce<Worker | undefined>((best, w) => (best && best.listens.length <= w.listens.length ? best : w), undefined);
}
