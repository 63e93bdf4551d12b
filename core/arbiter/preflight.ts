/** A process that loads the application as a worker would and never listens: what a reload asks first, and what `--check-config` asks. */
import type { Settings } from "../settings/table.ts";
import type { Breakage, HooksOrder } from "./message.ts";
import type { ArbiterSystem, Child, Ending } from "./process.ts";
import type { Surroundings } from "./supervise_options.ts";

export interface PreflightOptions {
  readonly settings: Settings;
  readonly title: string;
  readonly surroundings: Surroundings;
  readonly generation: number;
  readonly multiprocess: boolean;
  /** Those of the worker's side run in it as in a worker. */
  readonly hooks?: HooksOrder;
}

export interface Preflight {
  /** Null if there is no process. */
  readonly pid: number | null;
  /** Null if the application can be served; else why not. Settles when the process has ended. */
  readonly outcome: Promise<Breakage | null>;
  /** Ends it early. */
  end(): void;
}

/** Starts the process. It has as long as a worker has to boot. */
export function preflight(system: ArbiterSystem, { settings, title, surroundings, generation, multiprocess, hooks }: PreflightOptions): Preflight {
  // What is right has nothing to say, and a process that never listens needs no socket to be adopted.
  const quiet: Settings = { ...settings, logLevel: "error", accessLogfile: null, disableRedirectAccessToSyslog: true, reusePort: true, adminBind: null, adminToken: null };
  const limit = settings.bootTimeout > 0 ? settings.bootTimeout * 1000 : Infinity;
  const since = system.now();
  let child: Child | null = null;
  const outcome = new Promise<Breakage | null>((resolve) => {
    let found: Breakage | null | undefined;
    const timer = system.every(250, () => {
      if (system.now() - since <= limit) return;
      found ??= { reason: `the application did not load within ${settings.bootTimeout} s in the preflight` };
      child?.kill("KILL");
    });
    try {
      child = system.spawn({
        title,
        runtime: settings.runtime,
        ...surroundings,
        watchdog: false,
        metrics: false,
        descriptors: () => [],
        onMessage: (message) => {
          if (message.type === "hello") {
            child!.send({ type: "start", id: 0, slot: 0, generation, settings: quiet, multiprocess, ...(hooks === undefined ? {} : { hooks }) });
          } else if (message.type === "failed") {
            found = { reason: message.reason, ...(message.stack === undefined ? {} : { stack: message.stack }) };
          } else if (message.type === "ready") {
            found = null;
            child!.kill("QUIT");
          }
        },
        onExit: (ending) => {
          timer.stop();
          resolve(found === undefined ? { reason: `the preflight ${endingText(ending)} while it loaded the application` } : found);
        },
      });
    } catch (error) {
      timer.stop();
      resolve({ reason: error instanceof Error ? error.message : String(error) });
    }
  });
  return { pid: (child as Child | null)?.pid ?? null, outcome, end: () => child?.kill("KILL") };
}

function endingText({ code, signal }: Ending): string {
  return signal === null ? `ended with code ${code}` : `was sent ${signal}`;
}
