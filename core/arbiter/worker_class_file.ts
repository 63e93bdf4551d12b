/** A worker class in a module of its own, and what is wrong with it. */
import type { ConfigReader } from "../settings/config_file.ts";
import { nearest } from "../settings/nearest.ts";
import { showWritten } from "../settings/value.ts";
import type { WorkerClass } from "./worker_class.ts";

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
function classProblems(written: unknown): string[] {
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
