/**
 * preRequest and postRequest, wrapped around the application: what preRequest throws or waits for is treated as if it were the
 * application's. A worker that has neither hook has nothing of this.
 */
import type { Exchange } from "../gateway/gateway.ts";
import type { App, FetchHandler } from "../gateway/types.ts";
import type { Log } from "../logging/record.ts";
import type { HookResponse, Hooks, HookWorker } from "../settings/hooks.ts";
import { identityFields } from "../tracing/request_identity.ts";
import { logHookFailure } from "./hook_log.ts";
import { attempt } from "./hook_queue.ts";
import type { Millis, WorkerSystem } from "./process.ts";

export interface RequestHooks {
  /** For a native server of its own. */
  app(app: App): HookedApp;
  fetch(fetch: FetchHandler): FetchHandler;
  /** Resolves when every postRequest is over, or after `limit`. */
  settled(limit: Millis): Promise<void>;
}

export interface HookedApp {
  readonly app: App;
  /** To be called with each request, just before the gateway is. */
  readonly entering: (request: Request) => void;
  /** To be called when an exchange is over; null without postRequest. */
  readonly finished: ((exchange: Exchange) => void) | null;
}

export interface RequestHooksOptions {
  readonly worker: HookWorker;
  readonly log: Log;
  readonly system: Pick<WorkerSystem, "wait">;
}

/** Null if there is neither hook. */
export function requestHooks({ preRequest, postRequest }: Hooks, { worker, log, system }: RequestHooksOptions): RequestHooks | null {
  if (preRequest === undefined && postRequest === undefined) return null;
  let pending = 0;
  let noneLeft = () => {};
  const before = (request: Request): PromiseLike<void> | null => {
    if (postRequest !== undefined) keepReadable(request);
    const waiting = preRequest?.(worker, request);
    return isThenable(waiting) ? waiting : null;
  };
  const after = (request: Request, call: () => unknown): void => {
    const outcome = attempt(call, 0, system.wait);
    if (!(outcome instanceof Promise)) return logHookFailure(log, "postRequest", outcome, 0, identityFields(request));
    pending++;
    void outcome.then((ended) => {
      logHookFailure(log, "postRequest", ended, 0, identityFields(request));
      if (--pending === 0) noneLeft();
    });
  };
  return {
    app: (app) => hookedApp(app, before, postRequest && ((exchange) => after(exchange.request, () => postRequest(worker, exchange.request, exchange.environ, responseOf(exchange))))),
    fetch: (fetch) => hookedFetch(fetch, before, postRequest && ((request, response) => after(request, () => postRequest(worker, request, null, response)))),
    settled: async (limit) => {
      if (pending > 0) await Promise.race([new Promise<void>((resolve) => noneLeft = resolve), system.wait(limit)]);
    },
  };
}

type Before = (request: Request) => PromiseLike<void> | null;

/** An application is not told its Request, but the gateway calls it before it returns. A request that is refused reaches neither hook. */
function hookedApp(inner: App, before: Before, after: ((exchange: Exchange) => void) | undefined): HookedApp {
  let entered: Request | null = null;
  const begun = new WeakSet<Request>();
  return {
    entering: (request) => {
      entered = request;
    },
    app: (environ, startResponse) => {
      const request = entered!;
      begun.add(request);
      const waiting = before(request);
      return waiting === null ? inner(environ, startResponse) : waiting.then(() => inner(environ, startResponse));
    },
    finished: after === undefined ? null : (exchange) => {
      if (begun.has(exchange.request)) after(exchange);
    },
  };
}

function hookedFetch(inner: FetchHandler, before: Before, after: ((request: Request, response: HookResponse) => void) | undefined): FetchHandler {
  return (request, ...platform) => {
    try {
      const waiting = before(request);
      const answer: unknown = waiting === null ? inner(request, ...platform) : waiting.then(() => inner(request, ...platform));
      if (isThenable(answer)) return Promise.resolve(answer).then((later) => answered(request, later), (error) => failed(request, error));
      return answered(request, answer);
    } catch (error) {
      return failed(request, error);
    }
  };

  function answered(request: Request, answer: unknown): Response {
    if (answer instanceof Response) after?.(request, { status: answer.status, headers: [...answer.headers], bytes: null, error: null });
    else after?.(request, { ...FAILED, error: new TypeError("The application gave no Response") });
    return answer as Response;
  }

  function failed(request: Request, error: unknown): never {
    after?.(request, { ...FAILED, error });
    throw error;
  }
}

/** What the client is answered then. */
const FAILED: Omit<HookResponse, "error"> = { status: 500, headers: [["content-type", "text/plain; charset=utf-8"]], bytes: null };

function responseOf({ status, headers, bytes, error }: Exchange): HookResponse {
  return { status: status === null ? 0 : Number(status.slice(0, 3)), headers: headers ?? [], bytes, error };
}

/** Once the answer is out of hand the request is gone on Deno and Bun, but for what was read of it. */
function keepReadable(request: Request): void {
  void [request.method, request.url, request.headers];
}

function isThenable(value: unknown): value is PromiseLike<never> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
