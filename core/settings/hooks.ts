/**
 * gunicorn's server hooks: functions in the config file that are called as the server lives. One row each; SETTINGS.md and the check of
 * what a config file holds are derived from it.
 *
 * Settings are JSON and travel to the workers; functions cannot. So hooks are no rows of the settings' table: the arbiter keeps those of
 * its side, and a worker imports the config file itself for those of its own, only if there are any.
 */
import type { Ending } from "../arbiter/process.ts";
import type { Environ } from "../gateway/types.ts";
import type { Level } from "../logging/record.ts";
import { nearest } from "./nearest.ts";
import type { Settings } from "./table.ts";
import { showWritten } from "./value.ts";

/** Writes to the error log, at the level it is named after. */
export type HookLog = Readonly<Record<Level, (text: string) => void>>;

/** The server as its hooks see it, at the time of the call. */
export interface HookServer {
  /** The arbiter's process, in a worker too. */
  readonly pid: number;
  readonly log: HookLog;
  readonly settings: Settings;
  /** Where it listens, as the log has it: `http://127.0.0.1:8000`, `unix:/run/app.sock`. */
  readonly addresses: readonly string[];
}

/** The server as hooks in the arbiter see it. */
export interface HookArbiter extends HookServer {
  /** The number of workers there should be. */
  readonly numWorkers: number;
}

/** A worker as hooks see it. */
export interface HookWorker {
  /** Its slot, from 0; its successor has the same. */
  readonly id: number;
  readonly pid: number;
  /** Counts the workers ever ordered, from 1. */
  readonly age: number;
  /** Counts the configurations it could run with: 1, and one more for every reload. */
  readonly generation: number;
  readonly log: HookLog;
  readonly settings: Settings;
  /** Requests so far. In the arbiter: as it was last told, twice a second. */
  readonly requests: number;
}

/** A worker that has no process yet. */
export type HookUnborn = Omit<HookWorker, "pid"> & { readonly pid: null };

/** What a client was answered. */
export interface HookResponse {
  /** 0 if nothing was sent. */
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Of the body; null for a Fetch application, where nobody tells. */
  readonly bytes: number | null;
  /** What broke the answer, or null. */
  readonly error: unknown;
}

type Done = void | PromiseLike<void>;

/** What each hook is called with. */
export interface HookCalls {
  onStarting(server: HookArbiter): Done;
  onReload(server: HookArbiter): Done;
  whenReady(server: HookArbiter): Done;
  preFork(server: HookArbiter, worker: HookUnborn): Done;
  postFork(server: HookServer, worker: HookWorker): Done;
  postWorkerInit(worker: HookWorker): Done;
  workerInt(worker: HookWorker): Done;
  workerAbort(worker: HookWorker): Done;
  preRequest(worker: HookWorker, request: Request): Done;
  postRequest(worker: HookWorker, request: Request, environ: Environ | null, response: HookResponse): Done;
  childExit(server: HookArbiter, worker: HookWorker, ending: Ending): Done;
  workerExit(server: HookServer, worker: HookWorker): Done;
  nworkersChanged(server: HookArbiter, newValue: number, oldValue: number | null): Done;
  preExec(server: HookArbiter): Done;
  onExit(server: HookArbiter): Done;
}

export type HookName = keyof HookCalls;

/** The hooks of a config file. */
export type Hooks = { readonly [K in HookName]?: HookCalls[K] };

/** The hooks as a config file may write them; `undefined` is as good as absent. */
export type GivenHooks =
  & { readonly [K in HookName]?: HookCalls[K] | undefined }
  & {
    /** Another name for preFork. */
    readonly preSpawn?: HookCalls["preFork"] | undefined;
  };

/** Hooks, and the config file they stood in. */
export interface HookSource {
  readonly hooks: Hooks;
  readonly file: string | null;
}

export const NO_HOOKS: HookSource = { hooks: {}, file: null };

export interface HookRow {
  /** The process that calls it. */
  readonly side: "arbiter" | "worker";
  readonly parameters: readonly string[];
  /** How many of the parameters a function must take; the rest it may. */
  readonly least: number;
  /** Seconds it is waited for. `boot-timeout`: that setting; `stop`: what the order to stop allows; `null`: as long as it takes. */
  readonly within: number | "boot-timeout" | "stop" | null;
  /** When it is called. */
  readonly doc: string;
  /** What follows when it throws or, where it is not waited for any longer, does not finish. */
  readonly fails: string;
}

/** In the order in which a server's life calls them. */
export const HOOKS: Readonly<Record<HookName, HookRow>> = {
  nworkersChanged: {
    side: "arbiter", parameters: ["server", "newValue", "oldValue"], least: 3, within: 10,
    doc:
      "The number of workers is set: at the start, when the old value is null, at every reload even when it stays the same, by TTIN and " +
      "TTOU, and when a reload fails that had changed it.",
    fails: "At the start the server ends with 1; in a reload it is refused; otherwise the log says so.",
  },
  onStarting: {
    side: "arbiter", parameters: ["server"], least: 1, within: "boot-timeout",
    doc: "The server starts, and does not listen yet.",
    fails: "The server ends with 1.",
  },
  whenReady: {
    side: "arbiter", parameters: ["server"], least: 1, within: "boot-timeout",
    doc: "The server listens, and no worker is started yet.",
    fails: "The server ends with 1.",
  },
  onReload: {
    side: "arbiter", parameters: ["server"], least: 1, within: "boot-timeout",
    doc: "A HUP came and the new configuration is read: the server's settings are the new ones, and no new worker is started yet.",
    fails: "The reload is refused: that is how to veto it. The old settings and workers stay.",
  },
  preFork: {
    side: "arbiter", parameters: ["server", "worker"], least: 2, within: 10,
    doc: "A worker is about to be started: its pid is null. It may also be written preSpawn.",
    fails: "The worker is not started: the first time the server ends with 3, later it is tried again as after a crash. Too late, it is started.",
  },
  postFork: {
    side: "worker", parameters: ["server", "worker"], least: 2, within: "boot-timeout",
    doc: "In the new worker, before its application is imported.",
    fails: "The worker has failed to boot: it ends with 3, and with it a server that has not served yet, or the reload.",
  },
  postWorkerInit: {
    side: "worker", parameters: ["worker"], least: 1, within: "boot-timeout",
    doc: "The application is loaded and its startup() done; the worker does not listen yet.",
    fails: "As postFork.",
  },
  preRequest: {
    side: "worker", parameters: ["worker", "request"], least: 2, within: null,
    doc: "Before the application is called with a request. The body is the application's to read.",
    fails: "The application is not called, the client is answered 500, and the log says why.",
  },
  postRequest: {
    side: "worker", parameters: ["worker", "request", "environ", "response"], least: 2, within: null,
    doc:
      "After the answer to a request, whether the application succeeded or not. environ is null for a Fetch application, for which it is " +
      "called as soon as there is a Response. Of the request, url, method and headers can be read.",
    fails: "The log says so.",
  },
  workerInt: {
    side: "worker", parameters: ["worker"], least: 1, within: 0.8,
    doc: "The worker is told to end at once (QUIT), as it is when the server gets INT or QUIT, or when a reload fails it had been started for.",
    fails: "The log says so, and the worker ends.",
  },
  workerAbort: {
    side: "worker", parameters: ["worker"], least: 1, within: 0.4,
    doc: "The worker is told to abort (ABRT) because it was silent for longer than timeout. It can be called only if its loop turns again.",
    fails: "The log says so, and the worker ends.",
  },
  workerExit: {
    side: "worker", parameters: ["server", "worker"], least: 2, within: "stop",
    doc: "The worker is about to end: after its last response and the application's shutdown(). Not when it is killed, or its application calls exit.",
    fails: "The log says so, and the worker ends.",
  },
  childExit: {
    side: "arbiter", parameters: ["server", "worker", "ending"], least: 2, within: 10,
    doc: "A worker's process has ended, however it did: ending is { code, signal }.",
    fails: "The log says so.",
  },
  preExec: {
    side: "arbiter", parameters: ["server"], least: 1, within: "boot-timeout",
    doc: "USR2 came, and a new arbiter is about to be started in the place of this one.",
    fails: "It is not started: the log says why, and this one goes on.",
  },
  onExit: {
    side: "arbiter", parameters: ["server"], least: 1, within: 10,
    doc: "All workers have gone, and the server is about to end.",
    fails: "The log says so, and the server ends with the code it would have had.",
  },
};

export const HOOK_NAMES = Object.keys(HOOKS) as readonly HookName[];

/** The hook that a key of a config file is, under its name or its other one. */
export function hookOf(key: string): HookName | undefined {
  if (key === "preSpawn") return "preFork";
  return Object.hasOwn(HOOKS, key) ? (key as HookName) : undefined;
}

/** The hook whose name, in gunicorn's or any other spelling, `key` is; with `slips`, also one that it is nearly. */
export function nearestHook(key: string, { slips }: { readonly slips: boolean }): string | undefined {
  const names = [...HOOK_NAMES, "preSpawn"];
  const plain = (name: string) => name.toLowerCase().replace(/[-_]/g, "");
  return names.find((name) => plain(name) === plain(key)) ?? (slips ? nearest(key, names) : undefined);
}

/** What is wrong with a function given for a hook: the end of a sentence, or null. One without parameters fits every hook. */
export function hookProblem(name: HookName, written: unknown, { json }: { readonly json: boolean }): string | null {
  if (json) return "a hook is a function, which JSON cannot hold, write tsgi.config.ts instead";
  const { parameters, least } = HOOKS[name];
  const all = parameters.length;
  const range = least === all ? `${all} ${all === 1 ? "parameter" : "parameters"}` : `${least} to ${all} parameters`;
  const expected = `expected a function with ${range} (${parameters.join(", ")}) or none`;
  if (typeof written !== "function") return `${expected}, got ${showWritten(written)}`;
  if (written.length === 0 || (written.length >= least && written.length <= all)) return null;
  return `${expected}, got one with ${written.length}`;
}

/** Whether a worker has hooks to import. */
export function hasWorkerHooks(hooks: Hooks): boolean {
  return HOOK_NAMES.some((name) => HOOKS[name].side === "worker" && hooks[name] !== undefined);
}
