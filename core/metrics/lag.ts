/** How late an event loop turns: measured ten times a second by a timer of its own, told as quantiles of the last ten seconds. */
import type { Millis, WorkerSystem } from "../arbiter/process.ts";

/** Seconds. */
export interface LagStats {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const PERIOD: Millis = 100;
const KEPT = 100;

export class LagSampler {
  readonly #late: Millis[] = [];
  #next = 0;

  /** Notes a turn that came so late. */
  note(late: Millis): void {
    this.#late[this.#next] = Math.max(0, late);
    this.#next = (this.#next + 1) % KEPT;
  }

  /** Null before the first turn. */
  stats(): LagStats | null {
    if (this.#late.length === 0) return null;
    const sorted = [...this.#late].sort((a, b) => a - b);
    const at = (q: number) => sorted[Math.ceil(q * sorted.length) - 1]! / 1000;
    return { p50: at(0.5), p99: at(0.99), max: at(1) };
  }
}

/** Measures from now on. */
export function sampleLag(system: Pick<WorkerSystem, "now" | "every">): LagSampler {
  const sampler = new LagSampler();
  let last = system.now();
  system.every(PERIOD, () => {
    const now = system.now();
    sampler.note(now - last - PERIOD);
    last = now;
  });
  return sampler;
}
