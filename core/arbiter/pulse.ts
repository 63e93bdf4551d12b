/**
 * A worker's beats. Where its arbiter sees its memory, that it lives is written there and costs the arbiter nothing; a message goes out only
 * when there is something to tell: a worker that nobody asks anything says seldom how it is.
 */
import type { Report } from "../metrics/census.ts";
import type { FromWorker } from "./message.ts";
import type { Millis, WorkerSystem } from "./process.ts";

type Beat = Extract<FromWorker, { type: "beat" }>;

/** How old its lag and memory may be, as the arbiter knows them, of a worker that does nothing. */
const SELDOM: Millis = 5000;

export interface PulseOptions {
  /** Has the arbiter see that the worker lives; null where it has to be told. */
  readonly show: (() => void) | null;
  readonly metrics: { hasNews(): boolean; report(): Report } | null;
}

export class Pulse {
  readonly #system: Pick<WorkerSystem, "now" | "send">;
  readonly #options: PulseOptions;
  #told: Beat | null = null;
  #toldAt: Millis = 0;

  constructor(system: Pick<WorkerSystem, "now" | "send">, options: PulseOptions) {
    this.#system = system;
    this.#options = options;
  }

  beat(beat: Beat): void {
    const { show, metrics } = this.#options;
    show?.();
    const now = this.#system.now();
    if (show !== null && now - this.#toldAt < SELDOM && !this.#isNews(beat)) return;
    this.#told = beat;
    this.#toldAt = now;
    this.#system.send(metrics === null ? beat : { ...beat, report: metrics.report() });
  }

  #isNews({ inFlight, handled, tally }: Beat): boolean {
    const told = this.#told;
    return told === null || inFlight !== told.inFlight || handled !== told.handled || tally?.answers !== told.tally?.answers || this.#options.metrics?.hasNews() === true;
  }
}
