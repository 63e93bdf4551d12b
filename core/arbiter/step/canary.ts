/**
 * The first worker of a reload serves beside the old ones until it has proven itself. While it is on trial nobody retires for it, and the
 * old generation goes on being replaced where its workers go.
 */
import { abandonReload } from "./reload.ts";
import { type Booting, isAlive, isSilent, type Reload, type Worker } from "./state.ts";
import { log, type Turn } from "./turn.ts";

/** So many answers say enough before the time is over. */
const ENOUGH = 100;

/** Whether this worker is one on trial. */
export function isCanary(turn: Turn, worker: Worker): boolean {
  const { reload } = turn.arbiter;
  return reload?.phase === "booting" && reload.canary !== undefined && worker.generation === reload.generation;
}

/** Looks at the canary, and lets the others follow or calls it all off. */
export function watchCanary(turn: Turn): void {
  const { reload } = turn.arbiter;
  if (reload?.phase !== "booting" || reload.canary === undefined) return;
  const { since } = reload.canary;
  const canary = turn.arbiter.workers.find((w) => isCanary(turn, w) && isAlive(w) && w.phase === "serving");
  const time = reload.limits.canary ?? 0;
  if (since === null) {
    if (!canary) return;
    turn.arbiter = { ...turn.arbiter, reload: { ...reload, canary: { since: turn.at } } };
    return log(turn, "info", "canary-serves", { pid: canary.pid, generation: reload.generation, seconds: time / 1000 });
  }
  const { answers, errors } = count(turn, reload);
  const isOver = turn.at - since >= time;
  const most = reload.limits.canaryErrors ?? 0;
  if ((isOver || answers >= ENOUGH) && errors * 100 > answers * most) {
    return abandonReload(turn, { reason: `the canary answered ${errors} of ${answers} requests with 5xx, more than ${most} %` });
  }
  // One that is silent has not held: it beats again, or is murdered.
  if (isOver && canary && !isSilent(turn.arbiter, canary)) hold(turn, reload, { answers, errors });
}

/** Waking from SIGSTOP or a laptop's sleep, nobody has proven anything meanwhile. */
export function prolongTrial(turn: Turn): Reload | null {
  const { reload } = turn.arbiter;
  const isOn = reload?.phase === "booting" && reload.canary !== undefined && reload.canary.since !== null;
  return isOn ? { ...reload, canary: { since: turn.at } } : reload;
}

function hold(turn: Turn, { canary: _, ...reload }: Booting, fields: { readonly answers: number; readonly errors: number }): void {
  turn.arbiter = { ...turn.arbiter, reload };
  log(turn, "info", "canary-holds", fields);
}

/** All of them: one that is worn out has a successor. */
function count(turn: Turn, { generation }: Booting): { readonly answers: number; readonly errors: number } {
  const tallies = turn.arbiter.workers.filter((w) => w.generation === generation).map((w) => w.tally ?? { answers: 0, errors: 0 });
  return { answers: tallies.reduce((sum, t) => sum + t.answers, 0), errors: tallies.reduce((sum, t) => sum + t.errors, 0) };
}
