/** What is the time: a clock that the hot path can afford to read twice for each request, and the zone of the logs. */
import { setZone } from "../core/logging/time.ts";
import { runtime } from "./current.ts";
import { libc } from "./libc.ts";

/** Milliseconds on a monotonic clock, from a zero that means nothing; without the C library, the dearer clock is better than none. */
export const clock: () => number = runtime.hasSlowClock && !(libc instanceof Error) ? libc.clock : () => performance.now();

/** To be called before the first record is written. */
export function findZone(): void {
  if (runtime.hasSlowZone && !(libc instanceof Error)) setZone(libc.minutesAhead);
}
