/** A worker's figures: what it counts, and what it says of itself with every beat. */
import type { Log } from "../logging/record.ts";
import type { SharedMemory, WorkerSystem } from "../arbiter/process.ts";
import type { Report } from "./census.ts";
import { type LagSampler, sampleLag } from "./lag.ts";
import { Meter, METER_SIZE, pack } from "./meter.ts";
import { setRegistry } from "./metrics.ts";
import { type Counter, Registry } from "./registry.ts";

type System = Pick<WorkerSystem, "now" | "every" | "clock" | "memoryStats">;

export interface WorkerMetrics {
  /** For the hot path. */
  readonly meter: Meter;
  /** Requests that never reached the application, by `why`. */
  readonly refused: Counter;
  /** Whether there is more to say than how the worker is. */
  hasNews(): boolean;
  /** What there is to say since the last time. */
  report(): Report;
}

/** Counts from now on; before the application is loaded, whose metrics are taken too. */
export function measure(system: System, shared: SharedMemory | null, log: Log): WorkerMetrics {
  // What the arbiter cannot see is counted here and sent.
  const memory = shared?.meter ?? new Uint8Array(METER_SIZE);
  const registry = new Registry((metric) => log("warning", "too-many-series", { metric }));
  setRegistry(registry);
  const lag: LagSampler = sampleLag(system);
  const meter = new Meter(memory, system.clock);
  const refused = registry.own("tsgi_requests_refused", { help: "Invalid requests that never reached the application, by what was wrong." });
  return { meter, refused, hasNews: () => registry.hasChanged(), report };

  function report(): Report {
    meter.reported();
    return {
      lag: lag.stats(),
      memory: system.memoryStats(),
      changes: registry.collect(),
      ...(shared === null ? { cells: pack(memory) } : {}),
    };
  }
}
