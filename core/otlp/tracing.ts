/**
 * The server's spans: one for each request of a worker, named and described as OpenTelemetry's conventions for HTTP say, and sent by
 * the worker in the background. Loaded only where --otlp-endpoint is set.
 *
 * A span goes from the call of the handler to its answer; of a stream, to its head. Queries and headers are not in it: they are where
 * secrets are.
 */
import { parseAppUri } from "../arbiter/app_uri.ts";
import type { Address, NativeHandler } from "../arbiter/listener.ts";
import type { WorkerSystem } from "../arbiter/process.ts";
import { pathStart } from "../arbiter/register.ts";
import { peerOf } from "../arbiter/request_log.ts";
import type { Log } from "../logging/record.ts";
import type { Settings } from "../settings/table.ts";
import { keepTrace, parentOf, requestIdentity } from "../tracing/request_identity.ts";
import { newSpanId, newTraceId, parseTraceparent } from "../tracing/traceparent.ts";
import { VERSION } from "../version.ts";
import { carryOut, type OpenTelemetryApi, type TracingHost, within } from "./api.ts";
import { type OtlpOptions, otlpOptions } from "./options.ts";
import { Receiver } from "./receiver.ts";
import { KIND, now, Span, STATUS } from "./span.ts";
import { SpanQueue } from "./span_queue.ts";
import { tracesJson } from "./trace_json.ts";
import type { Attributes } from "./values.ts";

export interface TracingOptions {
  readonly system: Pick<WorkerSystem, "every" | "tracingHost">;
  readonly settings: Settings;
  readonly log: Log;
  readonly worker: { readonly id: number; readonly slot: number; readonly generation: number };
}

/** Null where the environment says that nothing is to be traced. */
export async function startTracing(options: TracingOptions): Promise<Tracing | null> {
  const host = await options.system.tracingHost();
  const otlp = otlpOptions(options.settings, host.env);
  return otlp === null || otlp.traces === null ? null : new Tracing(options, host, { ...otlp, traces: otlp.traces });
}

/** Who makes what is exported. */
export const SDK: Attributes = { "telemetry.sdk.name": "tsgi", "telemetry.sdk.version": VERSION };

/** Those that a span is named by; any other is somebody's invention. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"]);

export class Tracing {
  readonly #options: TracingOptions;
  readonly #host: TracingHost;
  readonly #otlp: OtlpOptions;
  readonly #queue: SpanQueue;
  readonly #ended: (span: Span) => void;
  /** Null until the application turns out to have one. */
  #api: OpenTelemetryApi | null = null;

  constructor(options: TracingOptions, host: TracingHost, otlp: OtlpOptions & { readonly traces: string }) {
    const { system, log, worker } = options;
    this.#options = options;
    this.#host = host;
    this.#otlp = otlp;
    const receiver = new Receiver({ url: otlp.traces, headers: otlp.headers, timeout: otlp.timeout, log, what: "spans" });
    const resource: Attributes = { ...otlp.resource, ...SDK, ...host.resource, "tsgi.worker.id": worker.id, "tsgi.worker.slot": worker.slot, "tsgi.generation": worker.generation };
    this.#queue = new SpanQueue({
      size: otlp.queueSize,
      batch: otlp.batchSize,
      period: otlp.spanPeriod,
      every: system.every,
      send: (spans, signal) => receiver.post(tracesJson(spans, resource, VERSION), signal),
      log,
    });
    this.#ended = (span) => this.#queue.add(span);
  }

  /** The application is loaded: its copy of the OpenTelemetry API, if it has one, is carried out. */
  async connect(): Promise<void> {
    const { settings, log } = this.#options;
    if (settings.interface === "wsgi") return; // It has none of JavaScript's.
    try {
      const api = await this.#host.api(parseAppUri(settings.app!).module);
      if (api === null) return;
      if (!carryOut({ api, storage: this.#host.storage(), sampler: this.#otlp.sampler, ended: this.#ended })) log("debug", "otlp-sdk");
      this.#api = api;
    } catch (error) {
      log("warning", "limitation", { text: `The application's spans are not those of its requests, its @opentelemetry/api cannot be used: ${(error as Error).message}` });
    }
  }

  /** `handler`, with a span around each request that comes to `address`. */
  around(handler: NativeHandler, address: Address): NativeHandler {
    const server: Attributes = address.kind === "tcp" ? { "server.address": address.host, "server.port": address.port } : address.kind === "unix" ? { "server.address": address.path } : {};
    return (request, platform) => {
      const span = this.#begin(request, platform, server);
      let answer: Response | Promise<Response>;
      try {
        answer = this.#api === null ? handler(request, platform) : within(this.#api, span, () => handler(request, platform));
      } catch (error) {
        failed(span, error);
        throw error;
      }
      if (answer instanceof Response) return answered(span, answer);
      // Bun takes undefined for an upgraded connection.
      if (answer === undefined) return end(span, answer);
      return answer.then((response) => answered(span, response), (error) => {
        failed(span, error);
        throw error;
      });
    };
  }

  /** Sends what is left, for at most `limit` milliseconds. */
  close(limit: number): Promise<void> {
    return this.#queue.close(limit);
  }

  #begin(request: Request, platform: unknown, server: Attributes): Span {
    const { headers, method } = request;
    const known = requestIdentity(request)?.trace ?? null;
    const parent = known === null ? parseTraceparent(headers.get("traceparent")) : parentOf(known);
    const traceId = known?.traceId ?? parent?.traceId ?? newTraceId();
    const isSampled = this.#otlp.sampler(traceId, parent);
    if (known !== null) keepTrace(known, isSampled);
    const isKnown = METHODS.has(method);
    return new Span({
      name: isKnown ? method : "HTTP",
      kind: KIND.server,
      trace: { traceId, spanId: known?.spanId ?? newSpanId(), isSampled },
      parent: parent?.spanId ?? null,
      state: known !== null ? known.tracestate : parent === null ? null : headers.get("tracestate"),
      start: now(),
      scope: "tsgi",
      attributes: isSampled ? { ...attributesOf(request, platform), ...(isKnown ? {} : { "http.request.method": "_OTHER", "http.request.method_original": method }), ...server } : {},
      ended: this.#ended,
    });
  }
}

function attributesOf(request: Request, platform: unknown): Attributes {
  const { url, method, headers } = request;
  const target = url.slice(pathStart(url));
  const end = target.search(/[?#]/);
  const peer = peerOf(request, platform);
  return {
    "http.request.method": method,
    "url.path": end < 0 ? target : target.slice(0, end),
    "url.scheme": url.startsWith("https:") ? "https" : "http",
    "network.protocol.name": "http",
    "network.peer.address": peer,
    "client.address": peer,
    "user_agent.original": headers.get("user-agent"),
  };
}

function answered(span: Span, response: Response): Response {
  const { status } = response;
  span.setAttribute("http.response.status_code", status);
  if (status >= 500) span.setAttribute("error.type", String(status)).setStatus({ code: STATUS.error });
  return end(span, response);
}

function failed(span: Span, error: unknown): void {
  span.recordException(error);
  span.setAttribute("error.type", error instanceof Error ? error.name : "_OTHER").setStatus({ code: STATUS.error });
  span.end();
}

function end<T>(span: Span, answer: T): T {
  span.end();
  return answer;
}
