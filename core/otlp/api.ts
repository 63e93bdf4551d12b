/**
 * The OpenTelemetry API's side of tracing: with it, `trace.getActiveSpan()` in the application is the server's span, and spans that the
 * application makes are recorded below it. The API (`@opentelemetry/api`, an optional peer of the application) does nothing without somebody
 * who carries it out; where the application brings an SDK for that, the SDK has it, and gets the server's span as the parent of its own.
 */
import type { Env } from "../settings/environment.ts";
import { formatTraceparent, newSpanId, newTraceId, parseTraceparent, type TraceParent } from "../tracing/traceparent.ts";
import type { Sampler } from "./sampler.ts";
import { KIND, millisOf, Span, type SpanContext, type SpanLink, type TimeInput } from "./span.ts";
import type { Attributes } from "./values.ts";

/** The port: what tracing asks of the system. */
export interface TracingHost {
  readonly env: Env;
  /** What is said of this process. */
  readonly resource: Attributes;
  storage(): Storage<Context>;
  /** The copy that `module`, a path, would import; null if there is none. */
  api(module: string): Promise<OpenTelemetryApi | null>;
}

/** AsyncLocalStorage. */
export interface Storage<T> {
  getStore(): T | undefined;
  run<R>(store: T, run: () => R): R;
}

/** Of the API, what is used here. */
export interface OpenTelemetryApi {
  readonly ROOT_CONTEXT: Context;
  readonly trace: {
    setGlobalTracerProvider(provider: object): boolean;
    setSpan(context: Context, span: object): Context;
    getSpanContext(context: Context): SpanContext | undefined;
    setSpanContext(context: Context, span: SpanContext): Context;
  };
  readonly context: {
    setGlobalContextManager(manager: object): boolean;
    active(): Context;
    with<R>(context: Context, run: () => R): R;
  };
  readonly propagation: { setGlobalPropagator(propagator: object): boolean };
}

/** Opaque here. */
export interface Context {
  getValue(key: symbol): unknown;
}

export interface ApiOptions {
  readonly api: OpenTelemetryApi;
  readonly storage: Storage<Context>;
  readonly sampler: Sampler;
  readonly ended: (span: Span) => void;
}

/** Carries the API out in this process; false where another has come before, and partly does already. */
export function carryOut(options: ApiOptions): boolean {
  const { api } = options;
  const isOurs = api.trace.setGlobalTracerProvider({ getTracer: (name: string) => tracer(name, options) });
  if (!isOurs) return false;
  api.context.setGlobalContextManager(contextManager(options));
  api.propagation.setGlobalPropagator(propagator(api));
  return true;
}

/** Calls `run` with `span` as the active one. */
export function within<R>({ trace, context, ROOT_CONTEXT }: OpenTelemetryApi, span: Span, run: () => R): R {
  return context.with(trace.setSpan(ROOT_CONTEXT, span), run);
}

interface StartOptions {
  readonly kind?: number;
  readonly attributes?: Attributes;
  readonly links?: readonly SpanLink[];
  readonly startTime?: TimeInput;
  readonly root?: boolean;
}

type Work = (span: Span) => unknown;

function tracer(scope: string, { api, sampler, ended }: ApiOptions) {
  return { startSpan, startActiveSpan };

  function startSpan(name: string, options: StartOptions = {}, context: Context = api.context.active()): Span {
    const above = options.root === true ? undefined : api.trace.getSpanContext(context);
    const parent: TraceParent | null = above === undefined ? null : { traceId: above.traceId, spanId: above.spanId, isSampled: (above.traceFlags & 1) === 1 };
    const traceId = parent?.traceId ?? newTraceId();
    const span = new Span({
      name,
      kind: options.kind ?? KIND.internal,
      trace: { traceId, spanId: newSpanId(), isSampled: sampler(traceId, parent) },
      parent: parent?.spanId ?? null,
      state: null,
      start: millisOf(options.startTime),
      scope,
      attributes: options.attributes ?? {},
      ended,
    });
    return span.addLinks(options.links ?? []);
  }

  /** `(name, work)`, `(name, options, work)` or `(name, options, context, work)`. */
  function startActiveSpan(name: string, ...rest: readonly unknown[]): unknown {
    const work = rest.at(-1) as Work;
    const options = rest.length > 1 ? (rest[0] as StartOptions | undefined) : undefined;
    const context = rest.length > 2 ? (rest[1] as Context | undefined) : undefined;
    const above = context ?? api.context.active();
    const span = startSpan(name, options, above);
    return api.context.with(api.trace.setSpan(above, span), () => work(span));
  }
}

function contextManager({ api, storage }: ApiOptions) {
  const active = () => storage.getStore() ?? api.ROOT_CONTEXT;
  const manager = {
    active,
    with: (context: Context, run: (...args: unknown[]) => unknown, self?: unknown, ...args: unknown[]) => storage.run(context, () => run.apply(self, args)),
    bind: (context: Context, target: unknown) => (typeof target === "function" ? bound(context, target as (...args: unknown[]) => unknown) : target),
    enable: () => manager,
    disable: () => manager,
  };
  return manager;

  function bound(context: Context, target: (...args: unknown[]) => unknown) {
    return function (this: unknown, ...args: unknown[]) {
      return storage.run(context, () => target.apply(this, args));
    };
  }
}

interface Setter {
  set(carrier: unknown, key: string, value: string): void;
}
interface Getter {
  get(carrier: unknown, key: string): undefined | string | string[];
}

/** W3C Trace Context. */
function propagator({ trace }: OpenTelemetryApi) {
  return {
    fields: () => ["traceparent"],
    inject: (context: Context, carrier: unknown, setter: Setter) => {
      const span = trace.getSpanContext(context);
      if (span !== undefined) setter.set(carrier, "traceparent", formatTraceparent({ ...span, isSampled: (span.traceFlags & 1) === 1 }));
    },
    extract: (context: Context, carrier: unknown, getter: Getter) => {
      const header = getter.get(carrier, "traceparent");
      const parent = parseTraceparent(Array.isArray(header) ? header[0] : header);
      return parent === null ? context : trace.setSpanContext(context, { traceId: parent.traceId, spanId: parent.spanId, traceFlags: parent.isSampled ? 1 : 0, isRemote: true });
    },
  };
}
