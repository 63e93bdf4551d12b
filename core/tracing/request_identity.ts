/**
 * What a request is called in logs, in traces and by other servers: an id, and its place in a trace (W3C Trace Context).
 *
 * Rules:
 *
 * - An id that came is taken as it is or not at all: 1 to 128 letters, digits and `-_.~:+/=@`, so that it needs no escaping anywhere.
 * - A trace that came goes on, in a span of our own below the caller's; otherwise one begins, which nobody keeps (not sampled).
 * - Where no id came, the request is called by its trace: one word finds it everywhere.
 */
import type { Fields } from "../logging/record.ts";
import { formatTraceparent, newSpanId, newTraceId, parseTraceparent, type TraceParent } from "./traceparent.ts";

/** A request's place in a trace. */
export interface RequestTrace {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** The span that is this request: 16 hexadecimal digits. */
  readonly spanId: string;
  /** The caller's span; null where the trace begins here. */
  readonly parentId: string | null;
  /** Whether the trace is kept: by the caller, or with --otlp-endpoint by this server. */
  readonly isSampled: boolean;
  /** The header `traceparent` for requests that are made on behalf of this one. */
  readonly traceparent: string;
  /** The header `tracestate` for them; null if there was none. */
  readonly tracestate: string | null;
}

export interface RequestIdentity {
  readonly id: string;
  readonly trace: RequestTrace;
}

/** On the Request itself: a WeakMap costs V8 more than all the rest of a small request. Other copies of this module know it too. */
const PLACE = Symbol.for("tsgi.identity");
type Holder = { [PLACE]?: RequestIdentity };

const WELL_FORMED = /^[\w.~:+/=@-]{1,128}$/;
/** Level 1 of the specification asks for 512 characters at least. */
const TRACESTATE = /^[\x20-\x7e]{1,512}$/;

/**
 * The identity of a request that tsgi serves with `--request-id`, for Fetch handlers; null otherwise. A TSGI application has the same in
 * `environ["tsgi.request_id"]` and `environ["tsgi.trace"]`.
 *
 * @example
 * ```ts
 * import { requestIdentity } from "tsgi";
 *
 * export default {
 *   fetch: (request: Request) => new Response(requestIdentity(request)?.id ?? "none"),
 * };
 * ```
 */
export function requestIdentity(request: object): RequestIdentity | null {
  return (request as Holder)[PLACE] ?? null;
}

export function setIdentity(request: Request, identity: RequestIdentity): void {
  (request as Holder)[PLACE] = identity;
}

/** What came with a request; null for what did not, or is not believed. */
export interface Claims {
  readonly id: string | null;
  readonly traceparent: string | null;
  readonly tracestate: string | null;
}

/** For a request that nobody has given a name. */
export const NO_CLAIMS: Claims = { id: null, traceparent: null, tracestate: null };

export function makeIdentity({ id, traceparent, tracestate }: Claims): RequestIdentity {
  const caller = parseTraceparent(traceparent);
  const traceId = caller?.traceId ?? newTraceId();
  const trace = new Trace(traceId, caller?.spanId ?? null, caller?.isSampled ?? false, caller !== null && tracestate !== null && TRACESTATE.test(tracestate) ? tracestate : null);
  return { id: id !== null && WELL_FORMED.test(id) ? id : traceId, trace };
}

/** The caller of a request; null where the trace begins with it. */
export function parentOf({ traceId, parentId, isSampled }: RequestTrace): TraceParent | null {
  return parentId === null ? null : { traceId, spanId: parentId, isSampled };
}

/** Says whether this server keeps its part of the trace, which whoever it calls is told. */
export function keepTrace(trace: RequestTrace, isSampled: boolean): void {
  (trace as Trace).isSampled = isSampled;
}

/** What a log line says of the request it is about; nothing where it has no name. */
export function identityFields(request: object): Fields {
  const identity = requestIdentity(request);
  return identity === null ? NO_FIELDS : { request_id: identity.id, trace_id: identity.trace.traceId };
}

const NO_FIELDS: Fields = {};

/** Its span is made when somebody asks. */
class Trace implements RequestTrace {
  readonly traceId: string;
  readonly parentId: string | null;
  readonly tracestate: string | null;
  isSampled: boolean;
  #spanId = "";

  constructor(traceId: string, parentId: string | null, isSampled: boolean, tracestate: string | null) {
    this.traceId = traceId;
    this.parentId = parentId;
    this.isSampled = isSampled;
    this.tracestate = tracestate;
  }

  get spanId(): string {
    return this.#spanId === "" ? this.#spanId = newSpanId() : this.#spanId;
  }

  get traceparent(): string {
    return formatTraceparent(this);
  }
}
