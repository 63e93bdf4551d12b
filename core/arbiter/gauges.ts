/** What the threads of a worker count, in memory that they and the worker's main thread share: a thread that stands still tells nothing else. */

const IN_FLIGHT = 0;
const HANDLED = 1;
const SIZE = 2;

/** Each thread writes its own numbers only. */
export class Gauges {
  readonly buffer: SharedArrayBuffer;
  readonly #integers: Int32Array;

  /** For so many threads, or over the `buffer` of another. */
  constructor(of: number | SharedArrayBuffer) {
    this.buffer = typeof of === "number" ? new SharedArrayBuffer(of * SIZE * 4) : of;
    this.#integers = new Int32Array(this.buffer);
  }

  /** The requests that the application has in a thread. */
  inFlight(thread: number): number {
    return this.#integers[thread * SIZE + IN_FLIGHT]!;
  }

  setInFlight(thread: number, count: number): void {
    this.#integers[thread * SIZE + IN_FLIGHT] = count;
  }

  /** The requests that a thread, and those before it in its place, have had. */
  handled(thread: number): number {
    return this.#integers[thread * SIZE + HANDLED]!;
  }

  setHandled(thread: number, count: number): void {
    this.#integers[thread * SIZE + HANDLED] = count;
  }

  totalInFlight(): number {
    return this.#total(IN_FLIGHT);
  }

  totalHandled(): number {
    return this.#total(HANDLED);
  }

  #total(what: number): number {
    let total = 0;
    for (let at = what; at < this.#integers.length; at += SIZE) total += this.#integers[at]!;
    return total;
  }
}
