/**
 * `request-timeout`: the end of a request that takes too long, its body included. Loaded only where it is asked for.
 *
 * For TSGI it is the middleware timeout(). A Fetch handler gets the same: 504 before its Response, and afterwards a body that breaks off,
 * where the runtime can tell a stream from a body in memory. Its `request.signal` aborts.
 */
import { markTold } from "../gateway/error.ts";
import type { Environ, FetchHandler } from "../gateway/types.ts";
import type { Fields, Log } from "../logging/record.ts";
import { timeout } from "../middleware/timeout.ts";
import { identityFields } from "../tracing/request_identity.ts";
import type { Application } from "./application.ts";
import { plainAnswer } from "./fetch_answer.ts";
import type { Millis, WorkerSystem } from "./process.ts";
import { requestLine } from "./register.ts";

export interface RequestTimeoutOptions {
  readonly limit: Millis;
  readonly log: Log;
  readonly isWhole: WorkerSystem["isWhole"];
}

/** The application, within `limit`. */
export function withRequestTimeout(application: Application, { limit, log, isWhole }: RequestTimeoutOptions): Application {
  const tell = (request: string, about: Fields) => log("error", "request-timeout", { request, seconds: limit / 1000, ...about });
  if (application.kind === "fetch") return { ...application, fetch: bounded(application.fetch, { limit, isWhole, tell: (request) => tell(requestLine(request), identityFields(request)) }) };
  const onTimeout = (environ: Environ, error: Error) => {
    const { "tsgi.request_id": id, "tsgi.trace": trace } = environ;
    tell(requestLine({ method: environ.REQUEST_METHOD, url: `http://-${environ.REQUEST_URI}` }), id === undefined ? {} : { request_id: id, trace_id: trace?.traceId });
    markTold(error);
  };
  return { ...application, app: timeout(limit, { onTimeout })(application.app) };
}

interface Bounds {
  readonly limit: Millis;
  readonly isWhole: WorkerSystem["isWhole"];
  readonly tell: (request: Request) => void;
}

function bounded(fetch: FetchHandler, { limit, isWhole, tell }: Bounds): FetchHandler {
  return (request, ...platform) => {
    const due = performance.now() + limit;
    const controller = new AbortController();
    addSignal(request, controller.signal);
    const answer: unknown = fetch(request, ...platform);
    const expire = (): Error => {
      const error = new DOMException(`Cannot answer within ${limit} ms`, "TimeoutError");
      tell(request);
      controller.abort(error);
      return error;
    };
    const settled = (response: Response) => (isStream(response, isWhole) ? breaking(response, due, expire) : response);
    if (answer instanceof Response) return settled(answer);
    return new Promise((resolve, reject) => {
      let isExpired = false;
      const timer = setTimeout(() => {
        isExpired = true;
        expire();
        resolve(plainAnswer(504, "Gateway Timeout\n"));
      }, limit);
      Promise.resolve(answer as Response).then((response) => {
        clearTimeout(timer);
        if (isExpired) abandon(response);
        // What is no Response is told by whoever called us.
        else resolve(response instanceof Response ? settled(response) : response);
      }, (error) => {
        clearTimeout(timer);
        reject(error);
      });
    });
  };
}

/** Has the request's own signal abort with ours too. The Request itself stays the one that the native server knows. */
function addSignal(request: Request, signal: AbortSignal): void {
  let both: AbortSignal | null = null;
  const own = () => Reflect.get(Object.getPrototypeOf(request) as object, "signal", request) as AbortSignal;
  Object.defineProperty(request, "signal", { configurable: true, get: () => both ??= AbortSignal.any([own(), signal]) });
}

function isStream(response: Response, isWhole: WorkerSystem["isWhole"]): boolean {
  return response.status !== 101 && isWhole(response) === false && response.body !== null;
}

/** The response, whose body breaks when it is not over in time. */
function breaking(response: Response, due: Millis, expire: () => Error): Response {
  const reader = response.body!.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  let timer: ReturnType<typeof setTimeout>;
  let isOver = false;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      timer = setTimeout(() => {
        isOver = true;
        const error = expire();
        controller.error(error);
        reader.cancel(error).catch(nothing);
      }, Math.max(0, due - performance.now()));
    },
    pull: async (controller) => {
      const { done, value } = await reader.read().catch((error: unknown) => {
        clearTimeout(timer);
        throw error;
      });
      if (isOver) return;
      if (!done) return controller.enqueue(value);
      clearTimeout(timer);
      controller.close();
    },
    cancel: (reason) => {
      clearTimeout(timer);
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
  return new Response(body, response);
}

/** What came too late is of no use to anybody. */
function abandon(response: unknown): void {
  if (response instanceof Response && !response.bodyUsed) response.body?.cancel().catch(nothing);
}

function nothing(): void {}
