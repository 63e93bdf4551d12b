/**
 * `--warmup`: requests that a new worker answers to itself before it says ready. They go through the same handler as a client's, but not
 * through a socket, and they are in no access log, no hook and no count.
 */
import { PUBLIC_HEADERS } from "../gateway/request_headers.ts";
import type { Log } from "../logging/record.ts";
import type { Settings } from "../settings/table.ts";
import { isSecure } from "../settings/tls.ts";
import { parseWarmup, type Warmup } from "../settings/warmup.ts";
import { AppLoadError, thrownText } from "./app_load_error.ts";
import type { Application } from "./application.ts";
import { createHandler } from "./handler.ts";
import type { Address } from "./listener.ts";
import type { WorkerSystem } from "./process.ts";
import { Turnstile } from "./turnstile.ts";

export interface WarmingUp {
  readonly system: WorkerSystem;
  readonly settings: Settings;
  readonly log: Log;
  readonly multiprocess: boolean;
}

/** Sends `application` the requests of --warmup, one after another, and reads the answers. Throws {@linkcode AppLoadError} for the first that is not right. */
export async function warmUp(application: Application, { system, settings, log, multiprocess }: WarmingUp): Promise<void> {
  const address = settings.bind[0]!;
  const traffic = { inFlight: 0, handled: 0, limit: Infinity, full: false, onFull: () => {}, worn: Infinity, onWorn: () => {}, turnstile: new Turnstile(Infinity) };
  const door = { inFlight: 0, closing: false, madeUpHost: null };
  // The URL is ours, whatever the runtime makes of a client's.
  const own = { rawUrls: false, requestHeaders: PUBLIC_HEADERS, responseHeader: system.responseHeader, checkHeaders: system.checkHeaders };
  const scheme = isSecure(settings) ? "https" : "http";
  const handling = { system: own, settings, address, scheme, door, traffic, log, requestLog: null, requestHooks: null, refusals: { note: () => {} }, register: null, metrics: null, multiprocess } as const;
  const { handler } = createHandler(application, handling);
  for (const warmup of settings.warmup.map(parseWarmup)) {
    for (let i = 0; i < warmup.times; i++) await ask(handler, warmup, { origin: `${scheme}://${hostOf(address)}`, host: hostOf(address), app: settings.app });
  }
}

type Handler = ReturnType<typeof createHandler>["handler"];

async function ask(handler: Handler, warmup: Warmup, { origin, host, app }: { readonly origin: string; readonly host: string; readonly app: string | null }): Promise<void> {
  const { method, path, status } = warmup;
  const request = new Request(origin + path, { method, headers: { host, "user-agent": "tsgi-warmup" } });
  const failed = (why: string) => new AppLoadError(`Cannot warm ${app} up: ${method} ${path} ${why}`, 3);
  const response = await handler(request, PEER);
  const expected = status === null ? response.status < 500 : response.status === status;
  if (!expected) throw failed(`answered ${response.status}, expected ${status ?? "a status below 500"}`);
  try {
    await response.arrayBuffer();
  } catch (error) {
    throw failed(`broke its answer off: ${thrownText(error)}`);
  }
}

/** What a native server would pass besides the request, in the shape of either: the peer is this machine. */
const PEER = {
  remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: 0 },
  completed: Promise.resolve(),
  requestIP: () => ({ address: "127.0.0.1", family: "IPv4", port: 0 }),
};

function hostOf(address: Address): string {
  if (address.kind !== "tcp") return "localhost";
  return `${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
}
