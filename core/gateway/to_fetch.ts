import { createGateway } from "./gateway.ts";
import type { GatewayOptions } from "./gateway.ts";
import type { App, Environ, ErrorStream, FetchHandler, ServerInfo } from "./types.ts";

export interface ToFetchOptions<P extends unknown[] = unknown[]> {
  /** Where the application is mounted, `"/mnt"`. Requests for other paths are answered 404 without calling it (SPEC E-12). */
  scriptName?: string;
  /** What is known of the server: an object goes before what the platform's arguments say, a function replaces it (SPEC F-2, F-12). */
  server?: ServerInfo | ((request: Request, ...platform: P) => ServerInfo);
  /** The deployer's variables for environ; what comes from the request wins (SPEC E-5). */
  environ?: Record<string, unknown>;
  /** Where `tsgi.errors` and the gateway's own errors go. By default to console.error. */
  errors?: ErrorStream;
  /** What to do with headers whose names contain `_`: drop them, answer 400, or map them like those with `-` (SPEC E-16a). */
  underscoreHeaders?: "drop" | "refuse" | "allow";
  /** Told of every error, after it was logged. */
  onError?: (error: unknown, environ: Environ) => void;
}

/**
 * Makes a Fetch handler of an application, for every server and platform that takes one.
 *
 * The handler never throws or rejects. An Array body answered synchronously gives a Response, not a promise. When Deno.serve or Bun.serve
 * itself calls it, Content-Length is left to them, as is the reason phrase; elsewhere both are in the Response.
 *
 * Read from environ what you need before you answer: with the response, Deno and Bun let go of the request.
 *
 * Throws TypeError for options that could not work for any request.
 *
 * @example
 * ```ts
 * export default { fetch: toFetch(application) };
 * ```
 */
export function toFetch<P extends unknown[] = unknown[]>(app: App, options: ToFetchOptions<P> = {}): FetchHandler<P> {
  const { server } = options;
  if (typeof server !== "function") return createGateway(app, options as GatewayOptions) as unknown as FetchHandler<P>;
  const gateway = createGateway(app, { ...options, server: (request, argument, rest) => server(request, ...[argument, ...rest as unknown[]] as P) });
  // The function wants all that the platform passed; a gateway knows two.
  return (request, ...platform) => gateway(request, platform[0], platform.slice(1));
}
