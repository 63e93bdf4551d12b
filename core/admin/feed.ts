/** What `/events` sends to everybody who looks, as server-sent events: how things were, how they are each second, and what happens. */
import type { Controls } from "../control/controls.ts";
import { History } from "./history.ts";
import type { Stats } from "../metrics/stats.ts";
import type { Journal } from "./journal.ts";
import { type Start, type View, viewOf } from "./view.ts";

const PERIOD = 1000;
/** So many may look at a time. */
const MOST = 32;
/** Bytes that wait for one who reads slowly: beyond, he misses a view. */
const MOST_WAITING = 1 << 20;

type Sink = ReadableStreamDefaultController<Uint8Array>;

export class Feed {
  readonly #controls: Controls;
  readonly #journal: Journal;
  readonly #history = new History();
  readonly #sinks = new Set<Sink>();
  #stats: Stats;
  readonly #stop: () => void;

  constructor(controls: Controls, journal: Journal, system: { every(period: number, run: () => void): { stop(): void } }) {
    this.#controls = controls;
    this.#journal = journal;
    this.#stats = this.#look();
    const timer = system.every(PERIOD, () => this.#tick());
    const unfollow = journal.follow((entry) => this.#send("entry", entry));
    this.#stop = () => {
      timer.stop();
      unfollow();
    };
  }

  /** The events from now on, until the reader goes; null if there are too many readers. */
  open(): ReadableStream<Uint8Array> | null {
    if (this.#sinks.size >= MOST) return null;
    let own: Sink;
    return new ReadableStream<Uint8Array>({
      start: (sink) => {
        own = sink;
        this.#sinks.add(sink);
        sink.enqueue(event("start", { points: this.#history.points, entries: this.#journal.entries, view: this.#view() } satisfies Start));
      },
      cancel: () => void this.#sinks.delete(own),
    }, new ByteLengthQueuingStrategy({ highWaterMark: MOST_WAITING }));
  }

  /** Sends everybody away: those who may come back will. */
  dismiss(): void {
    for (const sink of this.#sinks) sink.close();
    this.#sinks.clear();
  }

  close(): void {
    this.#stop();
    this.dismiss();
  }

  #tick(): void {
    this.#stats = this.#look();
    if (this.#sinks.size > 0) this.#send("view", this.#view());
  }

  #look(): Stats {
    const stats = this.#controls.stats();
    this.#history.note(stats);
    return stats;
  }

  #view(): View {
    return viewOf(this.#stats, this.#history.points.at(-1)!, this.#controls);
  }

  #send(name: string, data: unknown): void {
    if (this.#sinks.size === 0) return;
    const bytes = event(name, data);
    for (const sink of this.#sinks) if ((sink.desiredSize ?? 0) > 0) sink.enqueue(bytes);
  }
}

/** JSON has no line end outside its strings, and those inside are escaped. */
function event(name: string, data: unknown): Uint8Array {
  return new TextEncoder().encode(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
}
