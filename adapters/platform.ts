/** What the adapters have in common: a gateway whose environ says what one platform knows, and promises that it is kept awake for. */
import { createGateway } from "../core/gateway/gateway.ts";
import type { GatewayOptions } from "../core/gateway/gateway.ts";
import { fromFetch } from "../core/gateway/from_fetch.ts";
import type { App, Environ, FetchHandler, ServerInfo } from "../core/gateway/types.ts";
import type { ToFetchOptions } from "../core/gateway/to_fetch.ts";

/** Those of `toFetch`, but for `server`: each adapter knows its own. */
export type AdapterOptions = Omit<ToFetchOptions, "server">;

/** A Fetch application: `export default { fetch }`, an instance of Hono. */
export interface FetchApplication {
  fetch(request: Request, ...platform: never[]): Response | Promise<Response>;
}

/** What one platform says about each request, from the two arguments that it passes. */
export interface Platform<A, C> {
  /** Asked when environ is read: as late as after the first await. */
  readonly info: (request: Request, argument: A, context: C) => ServerInfo;
  /** Keys of environ that are the platform's own, under its own prefix (SPEC E-4). */
  readonly variables?: (request: Request, argument: A, context: C) => Record<string, unknown>;
  /** How this platform delivers requests and takes answers. */
  readonly gateway?: Pick<GatewayOptions, "contentLength" | "statusText" | "rawUrl" | "finished">;
}

/** Answers without throwing or rejecting. */
export type PlatformHandler<A, C> = (request: Request, argument: A, context: C) => Response | Promise<Response>;

/** The platform writes neither Content-Length nor the reason phrase, and its URLs are not the client's raw text. */
export const LEVELLED = { contentLength: "explicit", statusText: "explicit", rawUrl: false } as const;

/** Serves `app` as the platform wants it. Throws TypeError for what is no application. */
export function platformGateway<A, C>(app: App, options: AdapterOptions, platform: Platform<A, C>): PlatformHandler<A, C> {
  const { info, variables } = platform;
  const settled: GatewayOptions = { ...options, ...platform.gateway, server: (request, argument, context) => info(request, argument as A, context as C) };
  if (variables === undefined || typeof app !== "function") return createGateway(app, settled) as PlatformHandler<A, C>;
  // The gateway calls the application before it returns: between the two lines that use it, nothing else runs.
  let own: Record<string, unknown> = {};
  const gateway = createGateway((environ, startResponse) => app(Object.assign(environ, own), startResponse), settled);
  return (request, argument, context) => {
    own = variables(request, argument, context);
    return gateway(request, argument, context);
  };
}

/** The TSGI application that this is, or that a Fetch application becomes: `platform` makes what its handler gets after the request. */
export function asApp(application: App | FetchApplication, platform: (environ: Environ) => unknown[]): App {
  if (typeof application !== "object" || application === null || typeof application.fetch !== "function") return application as App;
  return fromFetch(application.fetch.bind(application) as FetchHandler, { platform });
}

/** The first of a comma-separated list, without blanks; undefined if there is none. */
export function firstOf(list: string | null): string | undefined {
  return list?.split(",", 1)[0]!.trim() || undefined;
}

/** Promises that come while a request is answered, for a platform that asks once when all is over. */
export class Waiting {
  readonly #promises: PromiseLike<unknown>[] = [];
  readonly add: (promise: PromiseLike<unknown>) => void = (promise) => void this.#promises.push(promise);

  /** Resolves when all have settled, those that came meanwhile too. */
  async settled(): Promise<void> {
    while (this.#promises.length > 0) await Promise.allSettled(this.#promises.splice(0));
  }
}
