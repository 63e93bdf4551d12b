/** The adapter for Python's applications, and what settings it cannot serve. */
import type { WsgiAdapter } from "../core/arbiter/wsgi.ts";
import { threadCount } from "../core/arbiter/worker_class.ts";
import type { Objection } from "../core/settings/problem.ts";
import type { Settings } from "../core/settings/table.ts";
import { inside } from "./inside.ts";

/** By its place, as an application is loaded: nothing here depends on adapters. */
export async function importWsgi(): Promise<WsgiAdapter> {
  const packed = inside();
  if (packed !== null) return await packed.importWsgi();
  return await import(import.meta.url.replace(/runtimes\/wsgi(\.\w+)$/, "adapters/python$1")) as WsgiAdapter;
}

/** What contradicts `interface: wsgi`. */
export function wsgiObjections(settings: Pick<Settings, "interface" | "workerClass" | "threads" | "pythonThreads">): Objection[] {
  if (settings.interface !== "wsgi" || threadCount(settings) === null) return [];
  const name = settings.threads > 1 ? "threads" : "workerClass";
  return [{ name, reason: "a worker's own threads run no Python, use --python-threads for threads in each Python process" }];
}
