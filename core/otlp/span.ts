/**
 * One piece of work in a trace. It is a Span of the OpenTelemetry API (`@opentelemetry/api`, by its shape: nothing is imported), so that an
 * application can add to the server's span.
 *
 * What comes after `end()` is ignored, as the API asks. Attributes, events and links are bounded by the limits that OpenTelemetry gives.
 */
import type { TraceParent } from "../tracing/traceparent.ts";
import type { Attributes, AttributeValue } from "./values.ts";

/** The API's numbers. */
export const KIND = { internal: 0, server: 1 } as const;
export const STATUS = { unset: 0, ok: 1, error: 2 } as const;

export interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
  readonly isRemote?: boolean;
}

/** The API's ways to say when: milliseconds since 1970 or of performance.now(), a Date, or seconds and nanoseconds. */
export type TimeInput = number | Date | readonly [number, number];

export interface SpanEvent {
  readonly name: string;
  readonly at: number;
  readonly attributes: Attributes;
}
export interface SpanLink {
  readonly context: SpanContext;
  readonly attributes?: Attributes;
}

export interface SpanOptions {
  readonly name: string;
  /** The API's number. */
  readonly kind: number;
  readonly trace: TraceParent;
  /** The id of the span it belongs below. */
  readonly parent: string | null;
  /** The header `tracestate` of who called. */
  readonly state: string | null;
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly scope: string;
  readonly attributes: Attributes;
  /** Gets it when it ends, if it is sampled. */
  readonly ended: (span: Span) => void;
}

/** OpenTelemetry's default limit, of each. */
const MOST = 128;
const LONGEST = 4096;

export class Span {
  readonly options: SpanOptions;
  readonly attributes: Record<string, AttributeValue> = {};
  readonly events: SpanEvent[] = [];
  readonly links: SpanLink[] = [];
  /** What was too much. */
  readonly dropped = { attributes: 0, events: 0, links: 0 };
  name: string;
  status: { code: number; message?: string } = { code: STATUS.unset };
  /** Milliseconds since 1970; null while it goes on. */
  endedAt: number | null = null;
  #count = 0;

  constructor(options: SpanOptions) {
    this.options = options;
    this.name = options.name;
    this.setAttributes(options.attributes);
  }

  spanContext(): SpanContext {
    const { traceId, spanId, isSampled } = this.options.trace;
    return { traceId, spanId, traceFlags: isSampled ? 1 : 0 };
  }

  isRecording(): boolean {
    return this.options.trace.isSampled && this.endedAt === null;
  }

  setAttribute(key: string, value: AttributeValue | null | undefined): this {
    if (!this.isRecording() || value === null || value === undefined || key === "") return this;
    if (!Object.hasOwn(this.attributes, key)) {
      if (this.#count === MOST) {
        this.dropped.attributes++;
        return this;
      }
      this.#count++;
    }
    this.attributes[key] = typeof value === "string" ? value.slice(0, LONGEST) : value;
    return this;
  }

  setAttributes(attributes: Attributes): this {
    if (!this.isRecording()) return this;
    for (const key in attributes) this.setAttribute(key, attributes[key]);
    return this;
  }

  addEvent(name: string, attributesOrTime?: Attributes | TimeInput, time?: TimeInput): this {
    if (!this.isRecording()) return this;
    const isTime = typeof attributesOrTime === "number" || attributesOrTime instanceof Date || Array.isArray(attributesOrTime);
    const at = millisOf(isTime ? (attributesOrTime as TimeInput) : time);
    if (this.events.length < MOST) this.events.push({ name, at, attributes: isTime ? {} : { ...(attributesOrTime as Attributes | undefined) } });
    else this.dropped.events++;
    return this;
  }

  addLink(link: SpanLink): this {
    if (!this.isRecording()) return this;
    if (this.links.length < MOST) this.links.push(link);
    else this.dropped.links++;
    return this;
  }

  addLinks(links: readonly SpanLink[]): this {
    for (const link of links) this.addLink(link);
    return this;
  }

  /** As the API asks, an error does not take back an ok. */
  setStatus(status: { readonly code: number; readonly message?: string }): this {
    if (!this.isRecording() || this.status.code === STATUS.ok) return this;
    this.status = { ...status };
    return this;
  }

  updateName(name: string): this {
    if (this.isRecording()) this.name = name;
    return this;
  }

  recordException(thrown: unknown, time?: TimeInput): void {
    const { name = "Error", message = String(thrown), stack } = typeof thrown === "object" && thrown !== null ? (thrown as Error) : {};
    this.addEvent("exception", { "exception.type": String(name), "exception.message": String(message), ...(stack === undefined ? {} : { "exception.stacktrace": String(stack) }) }, time);
  }

  end(time?: TimeInput): void {
    if (this.endedAt !== null) return;
    this.endedAt = Math.max(this.options.start, millisOf(time));
    if (this.options.trace.isSampled) this.options.ended(this);
  }
}

/** Now, in milliseconds since 1970, finer than Date.now() and never going back. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

export function millisOf(time: TimeInput | undefined): number {
  if (time === undefined) return now();
  if (time instanceof Date) return time.getTime();
  if (typeof time === "number") return time < performance.timeOrigin ? performance.timeOrigin + time : time;
  return time[0] * 1000 + time[1] / 1e6;
}
