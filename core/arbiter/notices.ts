/**
 * What a service manager is told of the arbiter, in the lines of sd_notify(3).
 *
 * While an arbiter is there that an upgrade is to replace, the service manager hears that one only: the new one is silent until it is
 * promoted, and the old one names it when it goes, because a service whose main process ends has ended.
 */
import { MESSAGES } from "../logging/messages.ts";
import { type Arbiter, type Effect, isAlive } from "./step/state.ts";

/** The messages that a step makes due, in order; `pid` is the arbiter's own. */
export function notices(before: Arbiter, after: Arbiter, { effects, pid }: { readonly effects: readonly Effect[]; readonly pid: number }): string[] {
  if (after.parent !== null) return [];
  const heir = heirOf(after);
  if (heir !== null) return heirOf(before) === heir ? [] : [`MAINPID=${heir}`];
  const status = failureIn(effects) ?? statusOf(after);
  const lines = [...news(before, after, pid), ...(isNew(before, status) ? [`STATUS=${status}`] : [])];
  return lines.length === 0 ? [] : [lines.join("\n")];
}

function news(before: Arbiter, after: Arbiter, pid: number): string[] {
  const lines = before.parent === null ? [] : [`MAINPID=${pid}`];
  const isLeaving = (a: Arbiter) => a.phase !== "serving" || a.leavingSince !== null;
  if (isLeaving(after)) return isLeaving(before) ? lines : [...lines, "STOPPING=1"];
  if (!after.everServed) return lines;
  if (!before.everServed || before.parent !== null) return [...lines, "READY=1"];
  if (after.reload !== null && before.reload === null) return [...lines, "RELOADING=1"];
  return after.reload === null && before.reload !== null ? [...lines, "READY=1"] : lines;
}

/** The new arbiter that goes on when this one goes. */
function heirOf(arbiter: Arbiter): number | null {
  return arbiter.phase === "serving" ? null : arbiter.successor?.pid ?? null;
}

function isNew(before: Arbiter, status: string): boolean {
  return before.parent !== null || statusOf(before) !== status;
}

/** What did not hold is worth more than a count. */
function failureIn(effects: readonly Effect[]): string | null {
  const found = effects.find((effect) => effect.type === "log" && (effect.event === "reload-failed" || effect.event === "upgrade-failed"));
  return found?.type === "log" ? MESSAGES[found.event](found.fields).split("\n")[0]! : null;
}

function statusOf({ phase, workers, target, generation, everServed, reload, leavingSince }: Arbiter): string {
  if (phase !== "serving") return `Stopping: ${workers.length} ${workers.length === 1 ? "worker" : "workers"} to go`;
  if (leavingSince !== null) return "Stopping: serving until shutdown-delay is over";
  const serving = workers.filter((w) => w.generation === generation && w.phase === "serving" && isAlive(w)).length;
  const count = `${serving} of ${target} ${target === 1 ? "worker" : "workers"} serving`;
  if (!everServed) return `Starting: ${count}`;
  return reload === null ? `${count}, generation ${generation}` : `Reloading: ${serving} ${serving === 1 ? "worker" : "workers"} of generation ${generation} serving`;
}
