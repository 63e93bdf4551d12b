/**
 * Hono, both ways: {@linkcode toHono} mounts an application in a Hono app, {@linkcode fromHono} makes an application of one.
 *
 * @module
 */
import { createGateway } from "../core/gateway/gateway.ts";
import { fromFetch } from "../core/gateway/from_fetch.ts";
import type { FromFetchOptions } from "../core/gateway/from_fetch.ts";
import { layerServerInfo, recogniseServer } from "../core/gateway/server_info.ts";
import type { App, Environ, ServerInfo } from "../core/gateway/types.ts";
import type { AdapterOptions } from "./platform.ts";

/** What is used of Hono's Context. */
export interface HonoContext {
  readonly req: { readonly raw: Request };
  readonly env: unknown;
  /** Throws where the platform has none. */
  readonly executionCtx: unknown;
}

/** What is used of a Hono app. */
export interface HonoApp {
  fetch(request: Request, env?: never, executionCtx?: never): Response | Promise<Response>;
}

/**
 * Makes a Hono handler of an application, for a route that ends in `/*`, or for `*`.
 *
 * Say in `scriptName` where it is mounted: that becomes SCRIPT_NAME, and PATH_INFO what follows. What Hono was given as `env` and execution
 * context by Deno, Bun, `@hono/node-server` or Cloudflare says REMOTE_ADDR and `tsgi.wait_until`.
 *
 * Not for `hono.mount("/p", toFetch(app))`, which hides the prefix: the application would not know where it is.
 *
 * @example
 * ```ts
 * import { toHono } from "tsgi/hono";
 *
 * const hono = new Hono();
 * hono.all("/wiki/*", toHono(application, { scriptName: "/wiki" }));
 * export default hono;
 * ```
 */
export function toHono(app: App, options: AdapterOptions = {}): (context: HonoContext) => Response | Promise<Response> {
  const handle = createGateway(app, {
    ...options,
    // What is around the handler may change the response.
    contentLength: "explicit",
    statusText: "explicit",
    server: (request, argument, context) => serverInfo(request, argument, context),
  });
  return (context) => handle(context.req.raw, nativeArgument(context.env), executionContext(context));
}

/**
 * Makes an application of a Hono app, so that middleware over environ can be put around it; `getConnInfo` of `hono/deno`, `hono/bun` and
 * `@hono/node-server` tells the peer that environ tells, also behind `proxyFix`.
 *
 * `c.env` has besides what those look for: `environ`, the request's, and the members of `["cloudflare.env"]` where there is one.
 * `c.executionCtx` is there where `tsgi.wait_until` is.
 *
 * Not for a Hono app alone: `export default hono` is served as it is.
 *
 * @example
 * ```ts
 * import { fromHono } from "tsgi/hono";
 *
 * export default proxyFix(fromHono(hono), { for: 1 });
 * ```
 */
export function fromHono(hono: HonoApp, options: Omit<FromFetchOptions, "platform"> = {}): App {
  return fromFetch((request, ...platform) => hono.fetch(request, ...platform as [never, never]), { ...options, platform: (environ) => [envOf(environ), executionContextOf(environ)] });
}

/** Hono's own way on Bun is `{ server }`, where `hono.fetch(request, server)` is not what is called. */
function nativeArgument(env: unknown): unknown {
  if (typeof env !== "object" || env === null || !("server" in env)) return env;
  const { server } = env;
  return typeof server === "object" && server !== null && "requestIP" in server ? server : env;
}

function executionContext(context: HonoContext): unknown {
  try {
    return context.executionCtx;
  } catch {
    // That is how Hono says that there is none.
    return undefined;
  }
}

/** Deno and Bun have no waitUntil of their own; another server's may come with Hono. */
function serverInfo(request: Request, argument: unknown, context: unknown): ServerInfo {
  const recognised = recogniseServer(request, argument, context);
  return recognised.waitUntil === undefined ? layerServerInfo(recognised, recogniseServer(request, undefined, context)) : recognised;
}

function envOf(environ: Environ): Record<string, unknown> {
  const bindings = environ["cloudflare.env"];
  const own = { ...(typeof bindings === "object" ? bindings : null), environ };
  const { REMOTE_ADDR: address, REMOTE_PORT } = environ;
  if (address === undefined) return { ...own, requestIP: () => null, remoteAddr: { transport: "unix", path: "" }, incoming: { socket: {} } };
  const port = REMOTE_PORT === undefined ? undefined : Number(REMOTE_PORT);
  const family = address.includes(":") ? "IPv6" : "IPv4";
  return {
    ...own,
    remoteAddr: { transport: "tcp", hostname: address, port },
    requestIP: () => ({ address, port, family }),
    incoming: { socket: { remoteAddress: address, remotePort: port, remoteFamily: family } },
  };
}

function executionContextOf(environ: Environ): unknown {
  const waitUntil = environ["tsgi.wait_until"];
  return waitUntil === undefined ? undefined : { waitUntil, passThroughOnException() {}, props: {} };
}
