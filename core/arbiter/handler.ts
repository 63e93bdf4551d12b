/**
 * What a worker's native server calls for each request: the application, counted, logged, and told to close when the worker leaves.
 * The hot path: nothing is made per request that the settings do not ask for.
 */
import { isTold } from "../gateway/error.ts";
import { createGateway, type Exchange } from "../gateway/gateway.ts";
import { splitTarget, type TargetRules } from "../gateway/target.ts";
import type { App, FetchHandler, HeaderList, ServerInfo } from "../gateway/types.ts";
import type { Log } from "../logging/record.ts";
import { metrics as applicationMetrics } from "../metrics/metrics.ts";
import type { WorkerMetrics } from "../metrics/worker_metrics.ts";
import type { Settings } from "../settings/table.ts";
import { identityFields, requestIdentity } from "../tracing/request_identity.ts";
import { VERSION } from "../version.ts";
import { stackOf, thrownText } from "./app_load_error.ts";
import type { Application } from "./application.ts";
import { checkAnswer, isAwaited, isResponse, plainAnswer, withHeader } from "./fetch_answer.ts";
import { forwardedServer } from "./forwarded.ts";
import { ForwarderHeaders } from "./forwarder_headers.ts";
import type { Address, NativeHandler } from "./listener.ts";
import { parseTrusted } from "./networks.ts";
import type { WorkerSystem } from "./process.ts";
import { quoted, type Refusals } from "./refusals.ts";
import type { HookedApp, RequestHooks } from "./request_hooks.ts";
import type { Register } from "./register.ts";
import type { RequestLog, Seen } from "./request_log.ts";
import { type Door, enter, leave, type Traffic } from "./traffic.ts";

export interface Handling {
  readonly system: Pick<WorkerSystem, "rawUrls" | "requestHeaders" | "responseHeader" | "checkHeaders" | "Response">;
  readonly settings: Settings;
  readonly address: Address;
  readonly scheme: "http" | "https";
  readonly door: Door;
  readonly traffic: Traffic;
  readonly log: Log;
  readonly requestLog: RequestLog | null;
  readonly requestHooks: RequestHooks | null;
  readonly refusals: Pick<Refusals, "note">;
  /** Where streams are noted, once their Response is out of hand. */
  readonly register: Register | null;
  /** Null with --no-metrics. */
  readonly metrics: WorkerMetrics | null;
  readonly multiprocess: boolean;
}

export interface Handler {
  readonly handler: NativeHandler;
  /** If the body of `response` is a stream, has `run` called just before it ends, and says true. Absent where nobody can tell. */
  readonly whenEnding?: (response: Response, run: () => void) => boolean;
  /** Nobody but the gateway gets the Requests. */
  readonly lightRequests?: boolean;
}

export function createHandler(application: Application, handling: Handling): Handler {
  const made = create(application, handling);
  return { ...made, handler: handling.traffic.turnstile.around(made.handler) };
}

function create(application: Application, handling: Handling): Handler {
  const { requestHooks } = handling;
  if (application.kind === "fetch") return fetchHandler(requestHooks === null ? application.fetch : requestHooks.fetch(application.fetch), handling);
  return requestHooks === null ? tsgiHandler(application.app, handling, null) : hookedHandler(requestHooks.app(application.app), handling);
}

function hookedHandler({ app, entering, finished }: HookedApp, handling: Handling): Handler {
  const inner = tsgiHandler(app, handling, finished);
  return {
    ...inner,
    handler: (request, platform) => {
      entering(request);
      return inner.handler(request, platform);
    },
  };
}

const SOFTWARE = "tsgi";

function tsgiHandler(app: App, { system, settings, address, scheme, door, traffic, log, requestLog, register, metrics, multiprocess, refusals }: Handling, hook: HookedApp["finished"]): Handler {
  const end = requestLog === null ? finished : finishedAndLogged;
  const streams = new WeakMap<Response, Note>();
  const notes = new WeakMap<Exchange, Note>();
  /** Streams that have not ended: while there are none, nobody looks for one. */
  let flowing = 0;
  const trusted = parseTrusted(settings.forwardedAllowIps);
  const forwarder = settings.forwarderHeaders.length === 0 ? null : new ForwarderHeaders({ names: settings.forwarderHeaders, trusted, refuses: settings.headerMap === "refuse" });
  const gateway = createGateway(forwarder === null ? app : forwarder.around(app), {
    server: forwardedServer(serverInfo({ address, scheme, multiprocess }), { trusted, secureHeaders: settings.secureSchemeHeaders, addresses: settings.proxyHeaders, requestHeaders: system.requestHeaders }),
    scheme,
    knowsTarget: false,
    scriptName: settings.rootPath ?? "",
    underscoreHeaders: settings.headerMap === "dangerous" ? "allow" : forwarder === null ? settings.headerMap : "drop",
    responseHeaders: settings.serverHeader ? SERVER_HEADER : [],
    print: (lines, request) => print(log, lines, request),
    noHost: () => door.madeUpHost,
    rawUrl: system.rawUrls,
    refused: (request, platform, why) => refusals.note(request, platform, { why, reason: refusedReason(request, why) }),
    isLast: true,
    environ: !settings.metrics ? {} : { "tsgi.metrics": applicationMetrics },
    requestHeaders: system.requestHeaders,
    ...(system.Response ? { Response: system.Response } : {}),
    streaming,
    finished: hook === null ? end : finishedAndHooked,
    ...(requestLog?.isTimed ? { clock: now } : {}),
  });
  return { handler, whenEnding, lightRequests: true };

  function handler(request: Request, platform: unknown): Response | Promise<Response> {
    enter(traffic, door);
    forwarder?.next(request);
    const answer = gateway(request, platform);
    return door.closing ? closing(answer) : answer;
  }

  function finished(exchange: Exchange): void {
    leave(traffic, door);
    if (flowing === 0) return;
    const note = notes.get(exchange);
    if (note === undefined) return;
    flowing--;
    metrics?.meter.flow(-1);
    note.whenEnding?.();
    if (note.slot !== null) register!.leave(note.slot, 0); // Its answer was noted when it began.
  }

  function finishedAndLogged(exchange: Exchange): void {
    const write = flowing === 0 ? undefined : notes.get(exchange)?.write;
    if (write) write(exchange.bytes);
    else requestLog!.write(exchange, exchange.bytes);
    finished(exchange);
  }

  /** While the hook runs, the request is not over. */
  function finishedAndHooked(exchange: Exchange): void {
    hook!(exchange);
    end(exchange);
  }

  function streaming(exchange: Exchange, response: Response): void {
    const note: Note = { whenEnding: null, write: requestLog === null ? null : requestLog.begin(exchange), slot: enterStream(exchange.request) };
    streams.set(response, note);
    notes.set(exchange, note);
    flowing++;
    metrics?.meter.flow(1);
  }

  function enterStream(request: Request): number | null {
    if (register === null) return null;
    const slot = register.enter(request.method, request.url, requestIdentity(request)?.id);
    register.wait(slot, performance.now());
    return slot;
  }

  function whenEnding(response: Response, run: () => void): boolean {
    const note = flowing === 0 ? undefined : streams.get(response);
    if (note === undefined) return false;
    note.whenEnding = run;
    return true;
  }

}

/** What is kept of an exchange whose response is a stream, until that has ended. */
interface Note {
  whenEnding: (() => void) | null;
  readonly write: ((bytes: number | null) => void) | null;
  /** In the register. */
  readonly slot: number | null;
}

function now(): number {
  return performance.now();
}

const SERVER_HEADER: HeaderList = [["Server", SOFTWARE]];

/** The listener's address, which the native server does not know: it thinks it serves somewhere else. */
function serverInfo({ address, scheme, multiprocess }: Pick<Handling, "address" | "scheme" | "multiprocess">): ServerInfo {
  const common = { software: `${SOFTWARE}/${VERSION}`, urlScheme: scheme, multiprocess } as const;
  if (address.kind !== "tcp") return common;
  return { ...common, serverName: address.host.includes(":") ? `[${address.host}]` : address.host, serverPort: address.port };
}

/** What the application wrote to `tsgi.errors`, and what the gateway says of its mistakes: the first line, and the rest below it. */
function print(log: Log, lines: string, request: Request | null): void {
  const end = lines.indexOf("\n");
  const about = request === null ? {} : identityFields(request);
  if (end < 0) log("error", "application", { text: lines, ...about });
  else log("error", "application", { text: lines.slice(0, end), detail: lines.slice(end + 1), ...about });
}

function closing(answer: Response | Promise<Response>): Response | Promise<Response> {
  return isAwaited(answer) ? answer.then((response) => withHeader(response, "connection", "close")) : withHeader(answer, "connection", "close");
}

/** What is wrong with a request that the gateway refuses. */
function refusedReason({ url, headers }: Request, why: "target" | "underscore"): string {
  return why === "target" ? `Invalid Host or target: ${quoted(url)}, Host ${quoted(headers.get("host") ?? "")}` : "Invalid HTTP Header: a name has an underscore";
}

/** A Fetch handler's request for the access log. The headers of its Response are not touched unless somebody asks for one: see `responseHeader` of the port. */
class Answered implements Seen {
  readonly request: Request;
  readonly platform: unknown;
  readonly since: number;
  readonly #response: Response;

  constructor(request: Request, platform: unknown, since: number, response: Response) {
    this.request = request;
    this.platform = platform;
    this.since = since;
    this.#response = response;
  }

  get statusCode(): number {
    return this.#response.status;
  }
  get headers(): Headers {
    return this.#response.headers;
  }
}

function fetchHandler(fetch: FetchHandler, { system, settings, scheme, door, traffic, log, requestLog, refusals }: Handling): Handler {
  const rules: TargetRules = { raw: system.rawUrls, scheme, noHost: () => door.madeUpHost };
  return { handler: requestLog === null ? handler : logged };

  function handler(request: Request, platform: unknown): Response | Promise<Response> {
    enter(traffic, door);
    let answer: unknown;
    try {
      answer = splitTarget(request.url, request, rules) < 0 ? refused(request, platform) : fetch(request, platform);
    } catch (error) {
      return failed(error, request, platform);
    }
    if (isResponse(answer)) return settled(answer, request, platform);
    return Promise.resolve(answer).then((response) => settled(response, request, platform), (error) => failed(error, request, platform));
  }

  function logged(request: Request, platform: unknown): Response | Promise<Response> {
    const since = requestLog!.isTimed ? performance.now() : 0;
    const answer = handler(request, platform);
    return isAwaited(answer) ? answer.then(noted) : noted(answer);

    function noted(response: Response): Response {
      const length = system.responseHeader(response, "content-length");
      requestLog!.write(new Answered(request, platform, since, response), length === null ? null : Number(length));
      return response;
    }
  }

  function refused(request: Request, platform: unknown): Response {
    refusals.note(request, platform, { why: "target", reason: refusedReason(request, "target") });
    return plainAnswer(400, "Bad Request");
  }

  function settled(answer: unknown, request: Request, platform: unknown): Response {
    try {
      checkAnswer(answer);
      system.checkHeaders(answer);
    } catch (error) {
      return failed(error, request, platform);
    }
    return ended(answer, request, platform);
  }

  function failed(error: unknown, request: Request, platform: unknown): Response {
    const stack = stackOf(error);
    if (!isTold(error)) log("error", "request-error", { method: request.method, path: request.url, reason: thrownText(error), ...(stack === undefined ? {} : { stack }), ...identityFields(request) });
    return ended(plainAnswer(500, "Internal Server Error"), request, platform);
  }

  function ended(answer: Response, request: Request, platform: unknown): Response {
    // An answer may go on reading the request's body, and Deno's shutdown would break that: there the server tells when all is done.
    const { method } = request;
    const completed = method === "GET" || method === "HEAD" ? undefined : (platform as { readonly completed?: Promise<void> }).completed;
    if (completed === undefined) done();
    else completed.then(done, done);
    if (answer.status === 101) return answer; // An upgraded connection: Deno ends its server if it gets another Response.
    const response = settings.serverHeader && !answer.headers.has("server") ? withHeader(answer, "server", SOFTWARE) : answer;
    return door.closing ? withHeader(response, "connection", "close") : response;
  }

  function done(): void {
    leave(traffic, door);
  }
}
