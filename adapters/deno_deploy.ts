/**
 * Deno Deploy, and `deno serve` by itself.
 *
 * @module
 */
import { toFetch } from "../core/gateway/to_fetch.ts";
import type { App, FetchHandler } from "../core/gateway/types.ts";
import type { AdapterOptions } from "./platform.ts";

/** What a module for `deno serve` exports; fits `Deno.ServeDefaultExport`. */
export interface DenoModule {
  readonly fetch: FetchHandler;
}

/**
 * Makes the default export that Deno Deploy and `deno serve` look for.
 *
 * REMOTE_ADDR and REMOTE_PORT are what Deno says of the connection. `tsgi.multiprocess` is true, for other instances and those of
 * `--parallel` serve the same application. There is no `tsgi.wait_until`: an instance lives on while it has something to do.
 *
 * @example
 * ```ts
 * import { toDenoDeploy } from "tsgi/deno_deploy";
 *
 * export default toDenoDeploy(application); // deno serve -A app.ts
 * ```
 */
export function toDenoDeploy(app: App, options: AdapterOptions = {}): DenoModule {
  return { fetch: toFetch(app, { ...options, server: { multiprocess: true } }) };
}
