/** A server whose arbiter is in the test's own process, so that a test can look at its figures; workers are real processes. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { supervise } from "../../core/arbiter/supervise.ts";
import type { ArbiterSystem, Signal } from "../../core/arbiter/process.ts";
import type { EventName, Fields } from "../../core/logging/record.ts";
import type { Stats } from "../../core/metrics/stats.ts";
import { resolve } from "../../core/settings/resolve.ts";
import type { Settings } from "../../core/settings/table.ts";
import { VERSION } from "../../core/version.ts";
import { arbiterSystem } from "../../runtimes/process.ts";
import { root, runtime } from "./server.ts";

export interface Supervised {
  readonly port: number;
  /** The address as the log and the figures name it. */
  readonly address: string;
  readonly look: () => Stats;
  /** As if the process got it. */
  readonly signal: (signal: Signal) => void;
  readonly logged: readonly { readonly event: EventName; readonly fields: Fields }[];
  /** Resolves with the figures as soon as they are as wanted. */
  until(wanted: (stats: Stats) => boolean, what: string): Promise<Stats>;
  /** Orders the end, and resolves with the figures after it. */
  stop(): Promise<Stats>;
}

/** Without `isShared`, the arbiter sees nothing of a worker's memory, as where there is no FFI. */
export interface Circumstances {
  readonly isShared?: boolean;
}

/** Serves `app` with `given` settings for the time of `use`. */
export async function supervised(app: string, given: Partial<Settings>, use: (server: Supervised) => Promise<void>, { isShared = true }: Circumstances = {}): Promise<void> {
  const { settings: defaults } = resolve([], { chdir: dirname(app), runtime });
  const settings: Settings = { ...defaults, app, bind: [{ kind: "tcp", host: "127.0.0.1", port: 0 }], errorLogfile: join(dirname(app), "workers.log"), ...given };
  const handlers = new Map<Signal, () => void>();
  const logged: { event: EventName; fields: Fields }[] = [];
  let look: (() => Stats) | null = null;
  const real = arbiterSystem(`${root}runtimes/worker.ts`);
  const system: ArbiterSystem = {
    ...real,
    onSignal: (signal, run) => void handlers.set(signal, run),
    spawn: (options) => {
      const isMetered = isShared && options.metrics;
      return real.spawn({ ...options, watchdog: isShared && options.watchdog, metrics: isMetered });
    },
  };
  const code = supervise(system, {
    version: VERSION,
    settings,
    workers: (s) => Number(s.workers),
    reread: async () => ({ settings, pending: [] }),
    log: (_level, event, fields = {}) => void logged.push({ event, fields }),
    watch: () => ({ close: () => {} }),
    surroundings: () => ({ env: { PATH: process.env.PATH ?? "" }, directory: dirname(app), appDirectory: dirname(app) }),
    onControls: (controls) => (look = () => controls.stats()),
  });
  const until: Supervised["until"] = async (wanted, what) => {
    const end = performance.now() + 30_000;
    for (;;) {
      const stats = look?.();
      if (stats && wanted(stats)) return stats;
      if (performance.now() > end) throw new Error(`Waited in vain for ${what}: ${JSON.stringify(stats)}; ${JSON.stringify(logged)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const stop = async (): Promise<Stats> => {
    handlers.get("TERM")!();
    await code;
    return look!();
  };
  try {
    const { listeners } = await until((stats) => stats.states.serving === settings.workers, "workers that serve");
    const { address } = listeners[0]!;
    await use({ port: Number(/:(\d+)$/.exec(address)?.[1]), address, look: look!, signal: (signal) => handlers.get(signal)!(), logged, until, stop });
  } catch (error) {
    if (error instanceof Error) error.message += `\n--- the workers' log:\n${readFileSync(settings.errorLogfile, "utf8").slice(-6000)}`;
    throw error;
  } finally {
    handlers.get("QUIT")!();
    await code;
  }
}
