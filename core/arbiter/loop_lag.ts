/** Tells when the event loop was held up: by a timer that comes too late. */
import type { Log } from "../logging/record.ts";
import type { InFlight } from "./in_flight.ts";
import type { Millis, WorkerSystem } from "./process.ts";

/** Warns in the log of every hold-up that is longer than `threshold`. What is measured is up to a quarter of the threshold too short. */
export function watchLoop(system: Pick<WorkerSystem, "now" | "every">, threshold: Millis, { inFlight, log }: { readonly inFlight: InFlight; readonly log: Log }): void {
  const period = Math.min(Math.max(threshold / 4, 5), 500);
  let last = system.now();
  system.every(period, () => {
    const now = system.now();
    const late = now - last - period;
    last = now;
    if (late <= threshold) inFlight.relax();
    else log("warning", "loop-lag", { seconds: late / 1000, requests: inFlight.suspects(late) });
  });
}
