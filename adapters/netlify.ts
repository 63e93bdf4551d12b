/**
 * Netlify Edge Functions.
 *
 * @module
 */
import type { App, ServerInfo } from "../core/gateway/types.ts";
import { type AdapterOptions, LEVELLED, platformGateway } from "./platform.ts";

/** What is used of the platform's Context. Members differ from one release of the platform to the next; none has to be there. */
export interface NetlifyContext {
  readonly ip?: string;
  readonly geo?: unknown;
  readonly requestId?: string;
  readonly params?: unknown;
  readonly site?: unknown;
  readonly deploy?: unknown;
  waitUntil?(promise: Promise<unknown>): void;
}

/**
 * Makes an edge function of an application: it answers every request of the paths in `config`.
 *
 * - REMOTE_ADDR is `context.ip`, `tsgi.wait_until` is `context.waitUntil`.
 * - `environ["netlify.geo"]`, `["netlify.request_id"]`, `["netlify.params"]`, `["netlify.site"]` and `["netlify.deploy"]` are the context's,
 *   where it has them. Its `next()` and `cookies` are not passed on: they would go past startResponse and the middleware around.
 *
 * @example
 * ```ts
 * // netlify/edge-functions/app.ts
 * import { toNetlify } from "tsgi/netlify";
 *
 * export default toNetlify(application);
 * export const config = { path: "/*" };
 * ```
 */
export function toNetlify(app: App, options: AdapterOptions = {}): (request: Request, context: NetlifyContext) => Response | Promise<Response> {
  const handle = platformGateway<NetlifyContext, undefined>(app, options, {
    info: (_request, context) => serverInfo(context),
    variables: (_request, context) => variables(context),
    gateway: { ...LEVELLED, rawUrl: true },
  });
  return (request, context) => handle(request, context, undefined);
}

function serverInfo(context: NetlifyContext): ServerInfo {
  const { ip = "" } = context;
  if (typeof context.waitUntil !== "function") return { remoteAddr: ip, multiprocess: true };
  return { remoteAddr: ip, multiprocess: true, waitUntil: (promise) => context.waitUntil!(Promise.resolve(promise)) };
}

function variables({ geo, requestId, params, site, deploy }: NetlifyContext): Record<string, unknown> {
  const all = { "netlify.geo": geo, "netlify.request_id": requestId, "netlify.params": params, "netlify.site": site, "netlify.deploy": deploy };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
