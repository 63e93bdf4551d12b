/**
 * For every platform that takes `export default { fetch }` and is not known to tsgi by name.
 *
 * @module
 */
import { toFetch } from "../core/gateway/to_fetch.ts";
import type { ToFetchOptions } from "../core/gateway/to_fetch.ts";
import type { App, FetchHandler } from "../core/gateway/types.ts";

/**
 * The object that such platforms import: `toFetch(app)` as its `fetch`, which needs no `this`.
 *
 * What Deno.serve, Bun.serve, srvx, `@hono/node-server` and workerd pass is recognised. For others nobody knows the client's address, and
 * REMOTE_ADDR is absent: say it with `server`.
 *
 * Throws TypeError for options that could not work for any request.
 *
 * @example
 * ```ts
 * export default toFetchObject(application, { server: (request) => ({ remoteAddr: request.headers.get("x-client-ip") ?? "" }) });
 * ```
 */
export function toFetchObject<P extends unknown[] = unknown[]>(app: App, options: ToFetchOptions<P> = {}): { readonly fetch: FetchHandler<P> } {
  return { fetch: toFetch(app, options) };
}
