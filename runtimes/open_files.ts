/**
 * The limit of open files that this process, and each worker after it, has from the system; and what is needed to serve at all, measured on
 * both runtimes with some room. A server that could be started and would then fail at its first reload, or its first client, is not started.
 */
import { readFileSync } from "node:fs";
import type { Objection } from "../core/settings/problem.ts";
import type { Settings } from "../core/settings/table.ts";
import { threadCount } from "../core/arbiter/worker_class.ts";

/** Of the arbiter: its own (27 on Deno), and for each worker channels, its slot at each address, and during a reload its successor's. */
const ARBITER = 34;
const WORKER = 8;
/** In a worker: its own (29 on Deno, 36 with threads), three for each address, and what each further thread adds. */
const SERVING = 38;
const THREAD = 10;
/** Connections that a worker is to have room for at least. */
const CONNECTIONS = 16;
/** With fewer, people should know. */
const FEW = 256;

type Wanted = Pick<Settings, "bind" | "workerClass" | "threads"> & Partial<Pick<Settings, "redirectHttp">>;

export interface OpenFiles {
  readonly settings: Wanted;
  readonly workers: number;
  /** By default that of this process. */
  readonly limit?: number | null;
}

/** What the limit has against the settings. Without a limit that can be read, nothing. */
export function openFilesObjections({ settings, workers, limit = openFilesLimit() }: OpenFiles): Objection[] {
  const forArbiter = ARBITER + workers * (WORKER + addressCount(settings));
  const need = Math.max(forArbiter, inWorker(settings) + CONNECTIONS);
  if (limit === null || limit >= need) return [];
  const name = forArbiter === need || threadCount(settings) === null ? "workers" : "threads";
  const what = name === "threads" ? `${settings.threads} threads` : `${workers} ${workers === 1 ? "worker" : "workers"}`;
  return [{ name, reason: `${what} would need ${need} open files, and the limit is ${limit}, raise it with ulimit -n ${need} or LimitNOFILE=${need}` }];
}

/** A sentence for the log where few connections fit; null where many do. */
export function openFilesNote({ settings, limit = openFilesLimit() }: Omit<OpenFiles, "workers">): string | null {
  if (limit === null || limit >= FEW) return null;
  const room = Math.max(0, limit - inWorker(settings));
  return `Only about ${room} connections fit in a worker: the limit of open files is ${limit}, raise it with ulimit -n or LimitNOFILE=`;
}

function inWorker(settings: Wanted): number {
  return SERVING + 3 * addressCount(settings) + THREAD * ((threadCount(settings) ?? 1) - 1);
}

/** The limit in force; null where the system does not tell, or there is none. */
export function openFilesLimit(): number | null {
  try {
    const [, limit = ""] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8")) ?? [];
    return limit === "" ? null : Number(limit);
  } catch {
    return null; // No Linux: nobody knows.
  }
}

function addressCount({ bind, redirectHttp = [] }: Wanted): number {
  return bind.length + redirectHttp.length;
}
