/** A monotonic clock that the hot path can afford to read twice for each request. */
import { runtime } from "./current.ts";
import { libc } from "./libc.ts";

/** Milliseconds, from a zero that means nothing; without the C library, the dearer clock is better than none. */
export const clock: () => number = runtime.hasSlowClock && !(libc instanceof Error) ? libc.clock : () => performance.now();
