/**
 * What is inside this program, where `tsgi build` made one file of tsgi, an application and its configuration. Such a file is arbiter and
 * worker: it starts itself once more for each worker, and the channel's variable tells them apart.
 */
import process from "node:process";
import type { WsgiAdapter } from "../core/arbiter/wsgi.ts";
import type { Objection } from "../core/settings/problem.ts";
import type { Settings } from "../core/settings/table.ts";
import { parseAppUri } from "../core/arbiter/app_uri.ts";
import { runtime } from "./current.ts";

export interface Contents {
  /** The application as it was named: `app.ts`, `app.ts:create_app()`. */
  readonly app: string;
  /** The configuration's name, or null if there is none. */
  readonly config: string | null;
  importApplication(): Promise<Record<string, unknown>>;
  importConfig(): Promise<Record<string, unknown>>;
  importWsgi(): Promise<WsgiAdapter>;
  /** Whether the runtime is inside too. */
  readonly isExecutable: boolean;
}

interface Inside extends Contents {
  /** The application's module as it was named. */
  readonly module: string;
}

let contents: Inside | null = null;

/** What is inside this program; null where nothing is. */
export function inside(): Inside | null {
  return contents;
}

/** What the one file runs, in a process or in a thread of a worker. */
export async function runInside(given: Contents): Promise<void> {
  contents = { ...given, module: parseAppUri(given.app).module, config: given.config === null ? null : `/inside/${given.config}` };
  if (runtime.isThread) await import("./thread.ts");
  else if (process.env.TSGI_WORKER !== undefined) await import("./worker.ts");
  else await (await import("./main.ts")).main();
}

/** What a program with its application inside cannot do. */
export function insideObjections(settings: Settings): Objection[] {
  if (contents === null) return [];
  const found: Objection[] = [];
  if (settings.reload && settings.app === contents.app) {
    found.push({ name: "reload", reason: "the application is inside this program and does not change, leave it out" });
  }
  if (contents.isExecutable && settings.runtime !== "bun") {
    found.push({ name: "runtime", reason: "this program has only Bun inside, leave it out" });
  }
  return found;
}
