/**
 * How a worker serves: the classes there are, and those that are written for one server, with `-k path.ts`.
 *
 * A class is read twice: by the arbiter, which needs to know how to open the sockets, and by each worker. So it is data, and one function
 * that a worker alone calls.
 */
import type { Settings } from "../settings/table.ts";

/** Answers a request; `platform` is what the native server tells of it, and has to be passed on as it came. */
export type WorkerHandler = (request: Request, platform: unknown) => Response | Promise<Response>;

/** A worker as its class sees it. */
export interface ClassWorker {
  /** Its slot, from 0; its successor has the same. */
  readonly id: number;
  readonly pid: number;
  readonly settings: Settings;
}

/**
 * What a worker class decides. Everything is optional: `{}` serves as `async` does, and `sync` is
 * `{ limit: 1, beats: "between-requests", keepAlive: false, sockets: "shared" }`.
 *
 * @example
 * ```ts
 * import { defineWorkerClass } from "tsgi";
 *
 * export default defineWorkerClass({ name: "pair", limit: 2, sockets: "shared" });
 * ```
 */
export interface WorkerClass {
  /** What the log calls it after "Using worker: ". Default: the file as it was given. */
  readonly name?: string;
  /** Requests that a worker has in the application at a time; the others wait. Default: `worker-connections`. */
  readonly limit?: number;
  /**
   * `always` (default): the event loop beats, so that `timeout` bounds a blocked worker. `between-requests`: the worker beats while it has
   * no request, so that `timeout` bounds a request, and kills the worker that holds it.
   */
  readonly beats?: "always" | "between-requests";
  /** Whether a connection may have a second request. Default true. Say false where the next request had better go to another worker. */
  readonly keepAlive?: boolean;
  /**
   * `slots` (default): a socket for each worker on TCP, so that the kernel balances. `shared`: one for all, so that an idle worker takes
   * what a busy one cannot; for a small `limit`.
   */
  readonly sockets?: "slots" | "shared";
  /**
   * Called once for each address that a worker serves: what it returns is called in place of `handler`. It may answer itself, wait, or
   * change the answer. What it throws is logged and answered with 500. On Bun, idle connections are then kept for 255 s: nobody can tell
   * any more whether the answer is a stream.
   */
  readonly wrap?: (handler: WorkerHandler, worker: ClassWorker) => WorkerHandler;
}

/** Returns `workerClass` itself: write it around the default export of a worker class's file and the editor knows the keys. */
export function defineWorkerClass<C extends WorkerClass>(workerClass: C): C {
  return workerClass;
}

const SYNC: WorkerClass = { limit: 1, beats: "between-requests", keepAlive: false, sockets: "shared" };
/** Of each thread: its process beats, and a connection's next request waits for it at worst. */
const THREAD: WorkerClass = { limit: 1 };

const BUILT_IN: ReadonlyMap<string, WorkerClass> = new Map([["async", {}], ["sync", SYNC], ["gthread", THREAD], ["threads", THREAD]]);

/** The class that comes with tsgi under this name; undefined for the path of a module. */
export function builtInClass(name: string): WorkerClass | undefined {
  return BUILT_IN.get(name);
}

/** How many threads serve in a worker's process; null where it is the process itself. */
export function threadCount({ workerClass, threads }: Pick<Settings, "workerClass" | "threads">): number | null {
  return workerClass === "gthread" || workerClass === "threads" ? threads : null;
}
