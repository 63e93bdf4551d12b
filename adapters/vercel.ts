/**
 * Vercel Functions, on their Node and Bun runtimes and in Routing Middleware.
 *
 * @module
 */
import type { App, ServerInfo } from "../core/gateway/types.ts";
import { type AdapterOptions, firstOf, platformGateway } from "./platform.ts";

/** What a function of Vercel exports. */
export interface VercelFunction {
  fetch(request: Request, context?: unknown): Response | Promise<Response>;
}

/**
 * Makes the default export of a Vercel Function.
 *
 * - REMOTE_ADDR is `x-real-ip`, else the first of `x-forwarded-for`: the platform sets both itself. Elsewhere a client could.
 * - `tsgi.wait_until` is that of the platform's request context, found by its symbol, or of the second argument; absent where there is neither.
 * - Where the client is, Vercel says in headers: `HTTP_X_VERCEL_IP_COUNTRY` and others.
 *
 * @example
 * ```ts
 * // api/hello.ts
 * import { toVercel } from "tsgi/vercel";
 *
 * export default toVercel(application);
 * ```
 */
export function toVercel(app: App, options: AdapterOptions = {}): VercelFunction {
  const fetch = platformGateway<unknown, unknown>(app, options, {
    info: (request, argument) => new VercelServerInfo(request, argument) as ServerInfo,
    gateway: { contentLength: "explicit", statusText: "explicit" },
  });
  return { fetch: (request, context) => fetch(request, context, undefined) };
}

type WaitUntil = (promise: PromiseLike<unknown>) => void;

/** Where the platform keeps what it knows of the request that is answered now; `@vercel/functions` reads the same. */
const CONTEXT = Symbol.for("@vercel/request-context");

class VercelServerInfo {
  readonly multiprocess = true;
  readonly waitUntil: WaitUntil | undefined;
  readonly #request: Request;

  constructor(request: Request, argument: unknown) {
    this.#request = request;
    this.waitUntil = waiting(contextNow()) ?? waiting(argument);
  }
  get remoteAddr(): string {
    const { headers } = this.#request;
    return firstOf(headers.get("x-real-ip")) ?? firstOf(headers.get("x-forwarded-for")) ?? "";
  }
}

function contextNow(): unknown {
  return (globalThis as { readonly [CONTEXT]?: { get?(): unknown } })[CONTEXT]?.get?.();
}

function waiting(context: unknown): WaitUntil | undefined {
  if (typeof context !== "object" || context === null || !("waitUntil" in context) || typeof context.waitUntil !== "function") return undefined;
  const waitUntil = context.waitUntil as (this: unknown, promise: Promise<unknown>) => void;
  return (promise) => waitUntil.call(context, Promise.resolve(promise));
}
