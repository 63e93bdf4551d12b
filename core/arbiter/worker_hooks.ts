/**
 * A worker's side of the hooks: read from the config file when the arbiter says that there are any, called around what serve.ts carries out.
 * Loaded only then.
 */
import type { Log } from "../logging/record.ts";
import { type ConfigReader, readConfig } from "../settings/config_file.ts";
import type { HookName, Hooks, HookServer, HookWorker } from "../settings/hooks.ts";
import { AppLoadError, stackOf, thrownText } from "./app_load_error.ts";
import { hookLimit, hookLog, logHookFailure } from "./hook_log.ts";
import { attempt } from "./hook_queue.ts";
import type { ToWorker } from "./message.ts";
import type { Millis, Signal, WorkerSystem } from "./process.ts";
import { type RequestHooks, requestHooks } from "./request_hooks.ts";

/** How long workerExit is waited for: the arbiter kills 2 s after QUIT and 1 s after ABRT, and the hook before it has had its part. */
const EXIT_LIMITS: Readonly<Partial<Record<Signal, Millis>>> = { QUIT: 800, ABRT: 400 };
const EXIT_LIMIT: Millis = 10_000;

export interface WorkerHooks {
  /** Rejects with {@linkcode AppLoadError}. */
  postFork(): Promise<void>;
  /** Rejects with {@linkcode AppLoadError}. */
  postWorkerInit(): Promise<void>;
  /** What the signal calls, before it is obeyed. Null if nothing. */
  signalled(signal: Signal): Promise<void> | null;
  workerExit(): Promise<void>;
  /** Null if there are none for requests. */
  readonly requests: RequestHooks | null;
}

export interface WorkerHooksOptions {
  readonly system: Pick<WorkerSystem, "pid" | "wait" | "configReader">;
  readonly start: Extract<ToWorker, { type: "start" }>;
  readonly log: Log;
  /** Requests so far. */
  readonly handled: () => number;
}

/** Reads the hooks. Rejects with {@linkcode AppLoadError} when the config file cannot be used any more. */
export async function workerHooks({ system, start, log, handled }: WorkerHooksOptions): Promise<WorkerHooks> {
  const { file, pid, addresses } = start.hooks!;
  const hooks = await read(await system.configReader(), file);
  const { settings } = start;
  const write = hookLog(log);
  const server: HookServer = { pid, log: write, settings, addresses };
  const worker: HookWorker = {
    id: start.slot, pid: system.pid, age: start.id, generation: start.generation, log: write, settings,
    get requests() {
      return handled();
    },
  };
  let last: Signal | null = null;
  return {
    postFork: () => must("postFork", () => hooks.postFork?.(server, worker)),
    postWorkerInit: () => must("postWorkerInit", () => hooks.postWorkerInit?.(worker)),
    signalled,
    workerExit: () => may("workerExit", () => hooks.workerExit?.(server, worker), (last && EXIT_LIMITS[last]) ?? EXIT_LIMIT),
    requests: requestHooks(hooks, { worker, log, system }),
  };

  function signalled(signal: Signal): Promise<void> | null {
    const name = signal === "QUIT" ? "workerInt" : signal === "ABRT" ? "workerAbort" : null;
    if (name === null || last === signal) return null;
    last = signal;
    const hook = hooks[name];
    return hook === undefined ? null : may(name, () => hook(worker), hookLimit(name, 0));
  }

  async function must(name: HookName, call: () => unknown): Promise<void> {
    try {
      await call();
    } catch (error) {
      throw new AppLoadError(`Cannot boot: ${name}() failed: ${thrownText(error)}`, 3, stackOf(error));
    }
  }

  async function may(name: HookName, call: () => unknown, limit: Millis): Promise<void> {
    logHookFailure(log, name, await attempt(call, limit, (time) => system.wait(time)), limit);
  }
}

async function read(reader: ConfigReader, file: string): Promise<Hooks> {
  const { hooks, problems } = await readConfig(reader, file, file.slice(file.lastIndexOf("/") + 1));
  if (problems.length > 0) throw new AppLoadError(problems.map((problem) => problem.message).join("; "), 3);
  return hooks;
}
