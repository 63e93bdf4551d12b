/** W3C Trace Context, level 1: the header `traceparent`, by which a request says what trace it belongs to, and the ids in it. */

/** Who called, and in which trace. */
export interface TraceParent {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** 16 of them, not all zero. */
  readonly spanId: string;
  /** Whether the caller keeps its part of the trace. */
  readonly isSampled: boolean;
}

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = "0".repeat(32);
const NO_SPAN = "0".repeat(16);
const SAMPLED = 1;

/**
 * What a `traceparent` header says; null for none, and for one that is not valid, which is to be treated as none.
 *
 * @example
 * ```ts
 * parseTraceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"); // { traceId: "4bf9…", spanId: "00f0…", isSampled: true }
 * ```
 */
export function parseTraceparent(header: string | null | undefined): TraceParent | null {
  if (header === null || header === undefined || header.length < 55) return null;
  const found = FORM.exec(header);
  if (found === null) return null;
  const [, version, traceId, spanId, flags, more] = found;
  // A later version may say more; this one may not, and ff will never be one.
  if (version === "ff" || (version === "00" && more !== undefined)) return null;
  if (traceId === NO_TRACE || spanId === NO_SPAN) return null;
  return { traceId: traceId!, spanId: spanId!, isSampled: (parseInt(flags!, 16) & SAMPLED) === SAMPLED };
}

/** The header for a call that is made within the span `spanId`. */
export function formatTraceparent({ traceId, spanId, isSampled }: TraceParent): string {
  return `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;
}

/** By chance; never all zero. */
export function newTraceId(): string {
  return words(4);
}

/** By chance; never all zero. */
export function newSpanId(): string {
  return words(2);
}

// Fetched for many ids at once: a call for each would cost more than the rest of a span.
const pool = new Uint32Array(256);
let used = pool.length;

function words(count: number): string {
  if (used + count > pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  let text = "";
  let any = 0;
  for (let i = 0; i < count; i++) {
    const word = pool[used++]!;
    any |= word;
    text += word.toString(16).padStart(8, "0");
  }
  return any === 0 ? words(count) : text;
}
