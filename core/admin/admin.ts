/**
 * The admin pages: what the arbiter itself answers, beside its workers. Request in, Response out; who listens is in runtimes/admin.ts.
 *
 * - `/livez` and `/readyz` are for probes, and need no token.
 * - `/metrics`, `/stats.json` and `/events` tell what the server does: where there is a token, they want it.
 * - `/` is the status page. It has no figure in it, so it needs no token: it asks for one, and fetches the rest with it.
 * - `POST /reload`, `/workers/add` and `/workers/remove` always want it, and are not there without one.
 */
import type { Address } from "../arbiter/listener.ts";
import type { Controls } from "../control/controls.ts";
import { CommandError, VERBS } from "../control/verbs.ts";
import { splitTarget } from "../gateway/target.ts";
import { hasToken, isForeign, isMeant } from "./access.ts";
import type { Feed } from "./feed.ts";
import { metricsText } from "./metrics_text.ts";
import { PAGE, PAGE_POLICY } from "./page.ts";
import { unreadiness } from "./readiness.ts";

export interface AdminOptions {
  readonly controls: Controls;
  readonly feed: Feed;
  /** As bound. */
  readonly address: Address;
  /** Whether `request.url` is the client's raw text. */
  readonly rawUrls: boolean;
}

interface Route {
  readonly method: "GET" | "POST";
  /** Whether it wants the token, if there is one. */
  readonly isOpen?: true;
  readonly answer: (options: AdminOptions, request: Request) => Response | Promise<Response>;
}

const ROUTES: Readonly<Record<string, Route>> = {
  "/": { method: "GET", isOpen: true, answer: page },
  "/livez": { method: "GET", isOpen: true, answer: () => text(200, "alive") },
  "/readyz": { method: "GET", isOpen: true, answer: ready },
  "/metrics": { method: "GET", answer: metrics },
  "/stats.json": { method: "GET", answer: stats },
  "/events": { method: "GET", answer: events },
  "/reload": { method: "POST", answer: ({ controls }) => act(controls, "reload", ["--wait"]) },
  "/workers/add": { method: "POST", answer: ({ controls }) => act(controls, "worker add", []) },
  "/workers/remove": { method: "POST", answer: ({ controls }) => act(controls, "worker remove", []) },
};

/** Answers every request; never rejects. */
export async function answerAdmin(request: Request, options: AdminOptions): Promise<Response> {
  const { controls, address, rawUrls } = options;
  const start = splitTarget(request.url, request, { raw: rawUrls, scheme: "http" });
  if (start < 0) return text(400, "The request's target or Host is none that this server knows");
  if (!isMeant(request, address)) return text(421, "This address answers to localhost, 127.0.0.1 and [::1] only: a proxy in front has to send one of these as Host");
  const path = request.url.slice(start).replace(/[?#].*$/s, "") || "/";
  const route = Object.hasOwn(ROUTES, path) ? ROUTES[path]! : null;
  if (route === null) return text(404, `There is no ${JSON.stringify(path.slice(0, 100))} here, only ${Object.keys(ROUTES).join(", ")}`);
  const { method, isOpen = false, answer } = route;
  if (request.method !== method && !(method === "GET" && request.method === "HEAD")) {
    return text(405, `${path} takes ${method} only`, { allow: method === "GET" ? "GET, HEAD" : method });
  }
  const token = controls.settings().adminToken;
  if (method === "POST" && token === null) return text(403, "Without a token nobody may act here: set TSGI_ADMIN_TOKEN");
  if (method === "POST" && isForeign(request)) return text(403, "A page of another site may not act here");
  if (!isOpen && token !== null && !(await hasToken(request, token))) {
    return text(401, "This needs the token of --admin-token, as Authorization: Bearer TOKEN", { "www-authenticate": 'Bearer realm="tsgi"' });
  }
  return await answer(options, request);
}

/** It asks for the token if there is one, before it asks for figures. */
function page({ controls }: AdminOptions): Response {
  const html = controls.settings().adminToken === null ? PAGE : PAGE.replace("<html ", "<html data-token ");
  return new Response(html, { headers: { ...HEADERS, "content-type": "text/html; charset=utf-8", "content-security-policy": PAGE_POLICY } });
}

function ready({ controls }: AdminOptions): Response {
  const reason = unreadiness(controls.stats(), controls);
  return reason === null ? text(200, "ready") : text(503, `not ready: ${reason}`);
}

function metrics({ controls }: AdminOptions, request: Request): Response {
  const { type, text } = metricsText(controls.stats(), request.headers.get("accept"));
  return new Response(text, { headers: { ...HEADERS, "content-type": type, vary: "accept" } });
}

function stats({ controls }: AdminOptions): Response {
  const now = controls.stats();
  const unready = unreadiness(now, controls);
  return json(200, { ...now, ready: unready === null, unready, draining: controls.isDraining() });
}

function events({ feed }: AdminOptions, request: Request): Response {
  const headers = { ...HEADERS, "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no" };
  if (request.method === "HEAD") return new Response(null, { headers });
  const stream = feed.open();
  return stream === null ? text(503, "Too many look at this already", { "retry-after": "10" }) : new Response(stream, { headers });
}

async function act(controls: Controls, verb: "reload" | "worker add" | "worker remove", args: readonly string[]): Promise<Response> {
  try {
    return json(200, await VERBS[verb]!.run(controls, args));
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return json(409, { success: false, error: error.message });
  }
}

/** On every answer: nothing is kept, framed, guessed, or embedded by another site. */
const HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

function text(status: number, line: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(`${line}\n`, { status, headers: { ...HEADERS, ...headers, "content-type": "text/plain; charset=utf-8" } });
}

function json(status: number, value: unknown): Response {
  return new Response(`${JSON.stringify(value)}\n`, { status, headers: { ...HEADERS, "content-type": "application/json" } });
}
