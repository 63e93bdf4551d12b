/** Whether load balancers should send anybody here: what `/readyz` says. */
import type { Controls } from "../control/controls.ts";
import type { Stats } from "../metrics/stats.ts";

/** Null for ready; else why not, as a short text. */
export function unreadiness(stats: Pick<Stats, "phase" | "states">, controls: Pick<Controls, "isDraining">): string | null {
  if (stats.phase !== "serving") return "the server is shutting down";
  if (controls.isDraining()) return "told to drain";
  return stats.states.serving === 0 ? "no worker serves" : null;
}
