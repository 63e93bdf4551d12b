/**
 * Cloudflare Workers, and workerd by itself.
 *
 * @module
 */
import type { App, ServerInfo } from "../core/gateway/types.ts";
import { type AdapterOptions, LEVELLED, platformGateway } from "./platform.ts";

/** What is used of the platform's ExecutionContext. */
export interface CloudflareContext {
  waitUntil(promise: Promise<unknown>): void;
}

/** What a worker exports; fits `ExportedHandler` of `@cloudflare/workers-types`. */
export interface CloudflareWorker<Env> {
  fetch(request: Request, env: Env, ctx: CloudflareContext): Response | Promise<Response>;
}

/**
 * Makes a worker of an application.
 *
 * - `environ["cloudflare.env"]` are the bindings, as the object that the platform passes; `["cloudflare.ctx"]` its context and
 *   `["cloudflare.cf"]` what it says of the client, if it does.
 * - REMOTE_ADDR is `cf-connecting-ip`, which the platform sets itself; workerd without the platform does not, and a client could.
 * - SERVER_PROTOCOL is the client's, where `request.cf` is present. `tsgi.wait_until` is `ctx.waitUntil`.
 * - `tsgi.signal` notices a client that leaves during the response; one that leaves before it only with the compatibility flag
 *   `enable_request_signal`.
 *
 * There is no file system: `tsgi.file_wrapper` sends streams and Blobs only.
 *
 * @example
 * ```ts
 * import { toCloudflare } from "tsgi/cloudflare";
 *
 * export default toCloudflare((environ, startResponse) => {
 *   const { GREETING } = environ["cloudflare.env"] as { GREETING: string };
 *   startResponse("200 OK", [["Content-Type", "text/plain"]]);
 *   return [`${GREETING}\n`];
 * });
 * ```
 */
export function toCloudflare<Env = unknown>(app: App, options: AdapterOptions = {}): CloudflareWorker<Env> {
  const fetch = platformGateway<Env, CloudflareContext>(app, options, {
    info: (request, _env, ctx) => new CloudflareServerInfo(request as CloudflareRequest, ctx),
    variables: (request, env, ctx) => {
      const { cf } = request as CloudflareRequest;
      return { "cloudflare.env": env, "cloudflare.ctx": ctx, ...(cf === undefined ? {} : { "cloudflare.cf": cf }) };
    },
    gateway: LEVELLED,
  });
  return { fetch };
}

interface CloudflareRequest extends Request {
  readonly cf?: { readonly httpProtocol?: string };
}

class CloudflareServerInfo implements ServerInfo {
  /** Isolates of the same application run in many places. */
  readonly multiprocess = true;
  readonly waitUntil: (promise: PromiseLike<unknown>) => void;
  readonly #request: CloudflareRequest;

  constructor(request: CloudflareRequest, ctx: CloudflareContext) {
    this.#request = request;
    this.waitUntil = (promise) => ctx.waitUntil(Promise.resolve(promise));
  }
  get remoteAddr(): string {
    return this.#request.headers.get("cf-connecting-ip") ?? "";
  }
  get protocol(): string {
    return this.#request.cf?.httpProtocol ?? "";
  }
}
