/** A Python application as a worker serves it: `interface` is wsgi. The adapter that starts Python is the system's to find. */
import type { App } from "../gateway/types.ts";
import type { Level, Log } from "../logging/record.ts";
import type { Settings } from "../settings/table.ts";
import type { Application } from "./application.ts";
import type { WorkerSystem } from "./process.ts";

/** What is used of the adapter, which is outside core. */
export interface WsgiAdapter {
  wrapWsgi(app: string, options: WsgiOptions): App & { startup(): Promise<void>; shutdown(): Promise<void> };
}

interface WsgiOptions {
  readonly processes: number;
  readonly threads: number;
  readonly python: string;
  readonly path: readonly string[];
  /** Milliseconds, as `bootTimeout`. */
  readonly timeout: number;
  readonly bootTimeout: number;
  readonly maxRequests: number;
  readonly maxRequestsJitter: number;
  readonly log: (level: Level, text: string) => void;
}

/** Starts the Python processes; resolves when all are ready. Throws AppLoadError. */
export async function loadWsgi(system: WorkerSystem, settings: Settings, log: Log): Promise<Application> {
  const { wrapWsgi } = await system.wsgi();
  const app = wrapWsgi(settings.app!, {
    processes: settings.pythonProcesses,
    threads: settings.pythonThreads,
    python: settings.python!,
    path: settings.pythonPath,
    timeout: Math.ceil(settings.timeout * 1000),
    bootTimeout: Math.ceil(settings.bootTimeout * 1000),
    maxRequests: settings.maxRequests,
    maxRequestsJitter: settings.maxRequestsJitter,
    log: (level, text) => print(log, level, text),
  });
  await app.startup();
  return { kind: "tsgi", app, shutdown: () => app.shutdown() };
}

function print(log: Log, level: Level, text: string): void {
  const end = text.indexOf("\n");
  log(level, "python", end < 0 ? { text } : { text: text.slice(0, end), detail: text.slice(end + 1) });
}
