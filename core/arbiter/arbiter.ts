/**
 * What the arbiter decides. `step` turns a state and an event into a state and effects; it has no clock, no process and no I/O.
 *
 * The rules:
 *
 * 1. Every slot below `target` has one worker of the serving generation. A slot is a place at the listening socket, not a process.
 * 2. A worker counts when it is ready. It boots for at most `bootTimeout`, and then is silent for at most `timeout`.
 * 3. A reload is a transaction: a new generation boots beside the old one and listens only when all of it is ready; the old one retires
 *    only when all of the new listens. If one fails, the new generation goes and the old one stays. Before it boots, a process that never
 *    serves may have to load the application (preflight), and its first worker may have to prove itself beside the old ones (canary).
 *    A rolling reload changes over slot after slot with few surplus processes, and back again, slot after slot, if one fails.
 * 4. A slot, once open, always has somebody who takes its connections: if its worker is gone, booting, full or silent, a neighbour covers it.
 * 5. A crash loop slows down: the first two early deaths are replaced at once, then the pause doubles, and one worker at a time tries.
 * 6. Failing to boot ends the server only if nothing ever served.
 * 7. A worker that asks to be replaced serves until its successor does.
 * 8. Nobody is killed twice for one thing, and every order to go has a deadline.
 * 9. In development (`--reload`), a changed file is a reload, and while the newest code cannot be served, answers say why: also at the
 *    first start, which nothing ends then.
 * 10. An upgrade (USR2) takes nothing away: a new arbiter serves from the same sockets beside this one, and whoever is left has them.
 */
import { conclude } from "./step/halt.ts";
import { bear, becomeReady, becomeServing, cannotSpawn, failToBoot, leave, reap, tire } from "./step/life.ts";
import { obey } from "./step/obey.ts";
import { tick } from "./step/patience.ts";
import { abandonReload, beginGeneration, concludePreflight, reloadChanged } from "./step/reload.ts";
import { settle } from "./step/settle.ts";
import type { Arbiter, ArbiterEvent, Effect } from "./step/state.ts";
import { change, type Turn } from "./step/turn.ts";
import { cannotUpgrade, outlive, promote, succeed } from "./step/upgrade.ts";

/** One event in; the new state and what is to be done, in order. */
export function step(before: Arbiter, event: ArbiterEvent): [Arbiter, Effect[]] {
  if (before.phase === "halted") return [before, []];
  const turn: Turn = { arbiter: before, effects: [], at: event.at };
  handle(turn, event);
  if (turn.arbiter.phase === "serving") settle(turn);
  if (turn.arbiter.phase === "halting") conclude(turn);
  return [turn.arbiter, turn.effects];
}

function handle(turn: Turn, event: ArbiterEvent): void {
  switch (event.type) {
    case "started":
      return;
    case "ticked":
      return tick(turn, event.beats);
    case "signalled":
      return obey(turn, event.signal);
    case "spawned":
      return bear(turn, event.id, event.pid);
    case "spawn-failed":
      return cannotSpawn(turn, event.id, event.reason);
    case "readied":
      return becomeReady(turn, event.id);
    case "failed":
      return failToBoot(turn, event.id, event);
    case "listening":
      return becomeServing(turn, event.id, event.slot);
    case "beat":
      return change(turn, event.id, { heard: turn.at, ...(event.tally === undefined ? {} : { tally: event.tally }) });
    case "filled":
      return change(turn, event.id, { full: event.full, heard: turn.at });
    case "left":
      return leave(turn, event.id);
    case "tired":
      return tire(turn, event.id, event.faulty);
    case "fell-back":
      turn.arbiter = { ...turn.arbiter, covers: false };
      return;
    case "exited":
      return reap(turn, event.id, event);
    case "changed":
      return reloadChanged(turn, event.file);
    case "configured":
      return beginGeneration(turn, event.limits);
    case "refused":
      return abandonReload(turn, { reason: event.reason });
    case "preflighted":
      return concludePreflight(turn, event.generation, event.breakage);
    case "upgrade-started":
      return succeed(turn, event.pid);
    case "upgrade-failed":
      return cannotUpgrade(turn, event.reason);
    case "successor-exited":
      return outlive(turn, event);
    case "parent-exited":
      return promote(turn);
  }
}
