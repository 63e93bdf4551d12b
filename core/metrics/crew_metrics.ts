/** The figures of a worker that serves with threads, each of which measures itself and tells the worker's main thread. */
import type { CrewMemory, WorkerSystem } from "../arbiter/process.ts";
import type { Report, ThreadReport } from "./census.ts";
import type { LagStats } from "./lag.ts";
import { pack, sumMeters } from "./meter.ts";
import type { MemoryStats, WorkerHealth } from "./stats.ts";

export class CrewMetrics {
  readonly #system: Pick<WorkerSystem, "memoryStats">;
  readonly #memory: CrewMemory;
  /** Of the threads that live, by ordinal, as they said last. */
  readonly #health = new Map<number, WorkerHealth>();
  #told: ThreadReport[] = [];

  constructor(system: Pick<WorkerSystem, "memoryStats">, memory: CrewMemory) {
    this.#system = system;
    this.#memory = memory;
  }

  /** A thread told what came. */
  heard(thread: number, { changes, lag, memory }: Report): void {
    this.#health.set(thread, { lag, memory });
    if (changes.length > 0) this.#told.push({ thread, changes });
  }

  /** A thread has ended. */
  over(thread: number): void {
    this.#health.delete(thread);
    this.#told.push({ thread, changes: [], isOver: true });
  }

  /** Whether there is more to say than how its threads are. */
  hasNews(): boolean {
    return this.#told.length > 0;
  }

  /** What there is to say since the last time. */
  report(): Report {
    const threads = this.#told;
    this.#told = [];
    const health = [...this.#health.values()];
    return {
      lag: worst(health.map(({ lag }) => lag).filter((lag) => lag !== null)),
      memory: together(this.#system.memoryStats(), health.map(({ memory }) => memory)),
      changes: [],
      ...(threads.length === 0 ? {} : { threads }),
      ...(this.#memory.beat !== null ? {} : { cells: pack(sumMeters(this.#memory.parts.map(({ meter }) => meter))) }),
    };
  }
}

/** A worker is as late as the latest of its threads. */
function worst(all: readonly LagStats[]): LagStats | null {
  if (all.length === 0) return null;
  const most = (of: (lag: LagStats) => number) => Math.max(...all.map(of));
  return { p50: most((lag) => lag.p50), p99: most((lag) => lag.p99), max: most((lag) => lag.max) };
}

/** Each thread has a heap of its own. */
function together({ rss, ...own }: MemoryStats, threads: readonly MemoryStats[]): MemoryStats {
  const all = [own, ...threads];
  return { rss, heapUsed: sum(all.map((one) => one.heapUsed)), heapTotal: sum(all.map((one) => one.heapTotal)) };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
