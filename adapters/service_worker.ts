/**
 * The service worker's form, `addEventListener("fetch", ...)`: Fastly Compute and other engines on wasi:http, workerd's older syntax,
 * edge-runtime, and browsers.
 *
 * @module
 */
import { layerServerInfo, recogniseServer } from "../core/gateway/server_info.ts";
import type { App, ServerInfo } from "../core/gateway/types.ts";
import { type AdapterOptions, LEVELLED, platformGateway, Waiting } from "./platform.ts";

/** What is used of a FetchEvent; `client` is Fastly's. */
export interface ServiceWorkerEvent {
  readonly request: Request;
  readonly client?: { readonly address?: string };
  respondWith(response: Response | Promise<Response>): void;
  waitUntil(promise: Promise<unknown>): void;
}

/**
 * Makes a listener for `fetch` events of an application. It answers every one: ask in a listener of your own for less.
 *
 * REMOTE_ADDR is `event.client.address` where there is one, as on Fastly, and `cf-connecting-ip` on Cloudflare; else absent. The event
 * is kept alive until the response is over and all that was given to `tsgi.wait_until` has settled.
 *
 * @example
 * ```ts
 * import { toServiceWorker } from "tsgi/service_worker";
 *
 * addEventListener("fetch", toServiceWorker(application));
 * ```
 */
export function toServiceWorker(app: App, options: AdapterOptions = {}): (event: unknown) => void {
  const ends = new WeakMap<Request, () => void>();
  const handle = platformGateway<ServiceWorkerEvent, Waiting>(app, options, {
    info: (request, event, waiting) => layerServerInfo(serverInfo(event, waiting), recogniseServer(request)),
    gateway: { ...LEVELLED, finished: ({ request }) => ends.get(request)?.() },
  });
  return (event) => {
    const fetchEvent = event as ServiceWorkerEvent;
    const waiting = new Waiting();
    const over = Promise.withResolvers<void>();
    ends.set(fetchEvent.request, over.resolve);
    // Asked for now: when the response is over, an engine may refuse to wait any longer.
    fetchEvent.waitUntil(over.promise.then(() => waiting.settled()));
    fetchEvent.respondWith(handle(fetchEvent.request, fetchEvent, waiting));
  };
}

function serverInfo({ client }: ServiceWorkerEvent, { add }: Waiting): ServerInfo {
  const address = client?.address;
  return { multiprocess: true, waitUntil: add, ...(address === undefined ? {} : { remoteAddr: address }) };
}
