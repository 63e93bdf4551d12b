/**
 * Spans that wait to be sent: a bounded number, together, in the background.
 *
 * The rules:
 *
 * 1. Nobody waits for a receiver. What there is no room for is dropped and counted.
 * 2. What was refused stays and is tried again, ever more seldom; what would be refused again is dropped and counted.
 * 3. At the end, what is left has a moment.
 */
import type { Timer } from "../arbiter/process.ts";
import type { Log } from "../logging/record.ts";
import type { Sent } from "./receiver.ts";
import type { Span } from "./span.ts";

export interface SpanQueueOptions {
  readonly size: number;
  readonly batch: number;
  /** Milliseconds between two batches that are not full. */
  readonly period: number;
  readonly every: (period: number, run: () => void) => Timer;
  readonly send: (spans: readonly Span[], signal: AbortSignal | null) => Promise<Sent>;
  readonly log: Log;
}

/** The longest rest, in periods. */
const LONGEST_REST = 12;

export class SpanQueue {
  readonly #options: SpanQueueOptions;
  readonly #timer: Timer;
  #spans: Span[] = [];
  #isSending = false;
  #sending: Promise<void> = Promise.resolve();
  /** Periods to let pass, and how many at the next failure. */
  #rest = 0;
  #nextRest = 1;
  #dropped = 0;
  #untold = 0;

  constructor(options: SpanQueueOptions) {
    this.#options = options;
    this.#timer = options.every(options.period, () => {
      if (this.#rest > 0) this.#rest--;
      else void this.#flush(null);
    });
  }

  /** How many were given up. */
  get dropped(): number {
    return this.#dropped;
  }

  add(span: Span): void {
    if (this.#spans.length >= this.#options.size) return this.#drop(1);
    this.#spans.push(span);
    if (this.#spans.length >= this.#options.batch && this.#rest === 0 && !this.#isSending) void this.#flush(null);
  }

  /** Sends what is left, for at most `limit` milliseconds. */
  async close(limit: number): Promise<void> {
    this.#timer.stop();
    const signal = AbortSignal.timeout(limit);
    await Promise.race([this.#last(signal), new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()))]);
    this.#drop(this.#spans.length);
    this.#tell();
  }

  async #last(signal: AbortSignal): Promise<void> {
    while (this.#spans.length > 0 || this.#isSending) {
      if (this.#isSending) await this.#sending;
      else await this.#flush(signal);
      if (signal.aborted || this.#rest > 0) return;
    }
  }

  #flush(signal: AbortSignal | null): Promise<void> {
    if (this.#isSending || this.#spans.length === 0) return Promise.resolve();
    this.#isSending = true;
    this.#sending = this.#send(signal).finally(() => (this.#isSending = false));
    return this.#sending;
  }

  async #send(signal: AbortSignal | null): Promise<void> {
    const { batch, send } = this.#options;
    while (this.#spans.length > 0) {
      const spans = this.#spans.slice(0, batch);
      const sent = await send(spans, signal);
      if (sent === "refused") {
        this.#rest = this.#nextRest;
        this.#nextRest = Math.min(LONGEST_REST, this.#nextRest * 2);
        return;
      }
      this.#spans = this.#spans.slice(spans.length);
      if (sent === "lost") this.#drop(spans.length);
      else {
        [this.#rest, this.#nextRest] = [0, 1];
        this.#tell();
      }
    }
  }

  #drop(count: number): void {
    this.#dropped += count;
    this.#untold += count;
  }

  #tell(): void {
    if (this.#untold > 0) this.#options.log("warning", "spans-dropped", { spans: this.#untold });
    this.#untold = 0;
  }
}
