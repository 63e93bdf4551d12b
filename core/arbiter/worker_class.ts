/**
 * How a worker serves: the classes there are, and those that are written for one server, with `-k path.ts`.
 *
 * A class is read twice: by the arbiter, which needs to know how to open the sockets, and by each worker. So it is data, and one function
 * that a worker alone calls.
 */
import type { ConfigReader } from "../settings/config_file.ts";
import { nearest } from "../settings/names.ts";
import type { Settings } from "../settings/table.ts";
import { showWritten } from "../settings/value.ts";

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

export interface ReadClass {
  /** Not to be used when there are problems. */
  readonly workerClass: WorkerClass;
  /** Ends of sentences that begin with "Cannot use PLACE: ". */
  readonly problems: readonly string[];
}

/** Reads the class in the module at the absolute `path`. Never throws. */
export async function readWorkerClass(reader: ConfigReader, path: string): Promise<ReadClass> {
  if (!reader.exists(path)) return { workerClass: {}, problems: [`there is no file ${path}`] };
  try {
    const exports = await reader.importModule(path);
    if (!("default" in exports)) return { workerClass: {}, problems: [`${path} has no default export, write "export default defineWorkerClass({ ... })"`] };
    const problems = classProblems(exports.default);
    return { workerClass: problems.length > 0 ? {} : exports.default as WorkerClass, problems };
  } catch (error) {
    const { message, place } = reader.explain(error, path);
    return { workerClass: {}, problems: [`cannot read ${path}: ${message}${place === undefined ? "" : ` (${place})`}`] };
  }
}

interface Member {
  readonly expected: string;
  readonly fits: (written: unknown) => boolean;
}

const MEMBERS: { readonly [K in keyof Required<WorkerClass>]: Member } = {
  name: { expected: "text without line breaks", fits: (written) => typeof written === "string" && /^[^\x00-\x1f\x7f]+$/.test(written) },
  limit: { expected: "a whole number >= 1", fits: (written) => Number.isInteger(written) && (written as number) >= 1 },
  beats: oneOf("always", "between-requests"),
  keepAlive: oneOf(true, false),
  sockets: oneOf("slots", "shared"),
  wrap: { expected: "a function (handler, worker) that returns a handler", fits: (written) => typeof written === "function" && written.length <= 2 },
};

/** Everything that is wrong with what should be a worker class. */
export function classProblems(written: unknown): string[] {
  if (typeof written !== "object" || written === null || Array.isArray(written) || written instanceof Promise) {
    return [`expected the default export to be an object with ${Object.keys(MEMBERS).join(", ")}, got ${showWritten(written)}`];
  }
  return Object.entries(written).flatMap(([key, value]): string[] => {
    if (!Object.hasOwn(MEMBERS, key)) {
      const meant = nearest(key, Object.keys(MEMBERS));
      return [`${key}: a worker class has no such member, ${meant === undefined ? `only ${Object.keys(MEMBERS).join(", ")}` : `did you mean ${meant}?`}`];
    }
    const { expected, fits } = MEMBERS[key as keyof WorkerClass];
    return value === undefined || fits(value) ? [] : [`${key}: expected ${expected}, got ${showWritten(value)}`];
  });
}

function oneOf(...values: readonly (string | boolean)[]): Member {
  return { expected: values.map(String).join(" or "), fits: (written) => values.includes(written as string) };
}
