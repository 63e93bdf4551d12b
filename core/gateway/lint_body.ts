import { BodyReader, hasCloser, isThenable } from "./body_reader.ts";
import { kindOf } from "./error.ts";
import { refuse } from "./lint_error.ts";
import { caller, warnOnce } from "./lint_exchange.ts";
import type { LintExchange } from "./lint_exchange.ts";
import { isLintedInput } from "./lint_streams.ts";
import type { Body, Chunk, Write } from "./types.ts";

type Step = IteratorResult<Chunk, unknown>;

// Best effort: a collector runs when it likes, or never.
const abandoned = new FinalizationRegistry<LintExchange>((exchange) => {
  exchange.warn("body/not-closed", "a body that was dropped without close()", "close() on every body", caller(exchange));
});

/** Wraps what startResponse returns. */
export function lintWrite(write: Write, exchange: LintExchange): Write {
  return (chunk: Chunk) => {
    /// ## write()

    /// write(), which startResponse returns, MUST NOT be used after the application returned: not from within its iterable either.
    if (exchange.returned) refuse("write/after-return", "write() after the application returned", "chunks yielded instead", "application");

    /// It SHOULD NOT be used by new code.
    if (exchange.strict) exchange.warn("write/used", "write()", "chunks yielded instead", "application");
    checkChunk(chunk, exchange, "write/type");
    return write(chunk);
  };
}

/**
 * Checks what the application returned, and returns it so wrapped that its chunks and its use are checked too.
 *
 * An Array is checked at once and stays an Array, without close() even the very same, so that its length can be trusted.
 */
export function lintBody(body: unknown, exchange: LintExchange): Body {
  checkType(body);
  if (Array.isArray(body)) return lintArray(body, exchange);
  return Symbol.asyncIterator in body || "getReader" in body ? new AsyncBody(body, exchange) : new SyncBody(body, exchange);
}

function checkType(body: unknown): asserts body is Body {
  /// ## The body

  /// The application MUST NOT return a bare string or Uint8Array.
  if (typeof body === "string" || body instanceof Uint8Array) {
    refuse("body/string", `a body that is ${kindOf(body)}`, "it in an Array: wrap a single chunk", "application");
  }

  /// It MUST return an iterable, an async iterable or a ReadableStream, or a promise of one.
  const ways = [Symbol.asyncIterator, Symbol.iterator, "getReader"];
  if (typeof body !== "object" || body === null || !ways.some((way) => way in body)) {
    const hint = body instanceof Response ? "; use fromFetch for a Fetch handler" : "";
    refuse("body/type", `a body that is ${kindOf(body)}`, `an Array, an iterable or a ReadableStream${hint}`, "application");
  }
}

/** Checks a chunk of the body, or one that was written, and counts it. */
export function checkChunk(chunk: unknown, exchange: LintExchange, code: "body/chunk" | "write/type"): void {
  /// Each chunk, iterated or written, MUST be a Uint8Array or a string, which is sent as UTF-8.
  if (typeof chunk !== "string" && !(chunk instanceof Uint8Array)) {
    refuse(code, `a chunk that is ${kindOf(chunk)}`, "a Uint8Array or a string", "application");
  }

  /// A string MUST be well-formed: a surrogate pair cannot be split over two chunks.
  if (typeof chunk === "string" && !chunk.isWellFormed()) {
    refuse("body/lone-surrogate", "a chunk with half a surrogate pair", "whole characters in each chunk", "application");
  }
  if (chunk.length === 0) return;

  /// startResponse MUST be called before the first chunk that is not empty.
  const { started } = exchange;
  if (started === null) refuse("body/before-start", "a chunk before a valid startResponse", "startResponse first", "application");
  exchange.bytes += typeof chunk === "string" ? new TextEncoder().encode(chunk).length : chunk.length;

  /// A 204, a 205 and a 304 MUST NOT have a body.
  if ([204, 205, 304].includes(started.code)) {
    refuse("no-body/body", `a chunk in a ${started.code}`, "no body", "application");
  }

  /// The answer to HEAD SHOULD NOT have a body: the gateway throws it away.
  if (exchange.method === "HEAD") {
    warnOnce(exchange, "head/body", "a chunk in an answer to HEAD", "no body", "application");
    return;
  }

  /// A body with a byte in it MUST have a Content-Type.
  if (!started.hasType) refuse("content-type/missing", "a byte of a body without Content-Type", "the header Content-Type", "application");

  /// Content-Length, if given, MUST be the number of bytes; HEAD and 304 may say what GET would.
  if (started.length !== null && exchange.bytes > started.length) refuseLength(exchange, started.length);
}

/** The body came to its end by itself. */
function checkEnd(exchange: LintExchange): void {
  const { started } = exchange;
  if (started === null) refuse("body/before-start", "a body that ended before a valid startResponse", "startResponse first", "application");
  const mayDiffer = exchange.method === "HEAD" || started.code === 304;
  if (started.length !== null && !mayDiffer && exchange.bytes !== started.length) refuseLength(exchange, started.length);
}

function refuseLength({ bytes }: LintExchange, length: number): never {
  refuse("content-length/mismatch", `${bytes} bytes under a Content-Length of ${length}`, "as many bytes as announced", "application");
}

/** The rules for whoever iterates: the gateway, or the middleware around the application. */
function checkNext(exchange: LintExchange, isPending: boolean): void {
  const { outer } = exchange;
  const iterating = caller(exchange);

  /// A body MUST NOT be read after it was closed.
  if (exchange.body === "closed") refuse("body/after-close", "next() after close()", "nothing after close()", iterating);

  /// The next chunk MUST NOT be asked for while one is being waited for.
  if (isPending) refuse("body/concurrent-next", "next() while another is pending", "one at a time", iterating);

  /// Middleware MUST return before it iterates the body of the application it wraps. An Array may be processed at once.
  if (outer !== null && !outer.returned) {
    refuse("body/eager-middleware", "a body iterated before the middleware returned", "an iterable returned first", "middleware");
  }

  /// Middleware SHOULD yield at least one chunk, if only an empty one, for each that it takes.
  if (outer !== null && outer.chunks < exchange.chunks) {
    warnOnce(exchange, "body/block-boundary", "a chunk taken before one was yielded for the last", 'at least "" for each', "middleware");
  }
}

/** The part that iterables and async iterables have in common. */
class LintedBody {
  readonly #body: Body;
  readonly #reader: BodyReader;
  readonly #exchange: LintExchange;
  #isBegun = false;
  #isPending = false;

  constructor(body: Body, exchange: LintExchange) {
    this.#body = body;
    this.#reader = new BodyReader(body);
    this.#exchange = exchange;
    exchange.body = "open";
    abandoned.register(this, exchange, this);
  }

  begin(): void {
    /// A body MUST NOT be iterated twice.
    if (this.#isBegun) refuse("body/twice", "a body iterated a second time", "one iteration", caller(this.#exchange));
    this.#isBegun = true;
  }

  next(): Step | Promise<Step> {
    checkNext(this.#exchange, this.#isPending);
    const step = this.#reader.next();
    return isThenable(step) ? this.#wait(step) : this.#accept(step as Step);
  }

  /** By the gateway's own rules, which also return() an iterator that was left early. */
  async close(): Promise<void> {
    if (this.#exchange.body === "closed") return;
    this.#exchange.body = "closed";
    abandoned.unregister(this);
    const errors: unknown[] = [];
    // The input has no close() of its own; under a strict lint, asking for one is a fault.
    if (!isLintedInput(this.#body)) await this.#reader.close((error) => errors.push(error));
    this.#exchange.finished = true;
    if (errors.length > 0) throw errors[0];
    checkInner(this.#exchange);
  }

  async #wait(step: PromiseLike<unknown>): Promise<Step> {
    this.#isPending = true;
    try {
      return this.#accept(await step as Step);
    } finally {
      this.#isPending = false;
    }
  }

  #accept(step: Step): Step {
    if (step.done) {
      checkEnd(this.#exchange);
      return step;
    }
    this.#exchange.chunks++;
    checkChunk(step.value, this.#exchange, "body/chunk");
    return step;
  }
}

// Without return(): close() follows in any case, and does that.
class SyncBody extends LintedBody {
  [Symbol.iterator](): IterableIterator<Chunk> {
    this.begin();
    const iterator = { next: () => this.next() as IteratorResult<Chunk>, [Symbol.iterator]: () => iterator };
    return iterator;
  }
}

class AsyncBody extends LintedBody {
  [Symbol.asyncIterator](): AsyncIterableIterator<Chunk> {
    this.begin();
    const iterator = { next: async () => await this.next() as IteratorResult<Chunk>, [Symbol.asyncIterator]: () => iterator };
    return iterator;
  }
}

function lintArray(body: Chunk[], exchange: LintExchange): Body {
  for (const chunk of body) checkChunk(chunk, exchange, "body/chunk");
  exchange.chunks += body.length;
  checkEnd(exchange);
  if (!hasCloser(body)) {
    // Nobody will close this one, so this is the last moment.
    checkInner(exchange);
    return body;
  }
  const original = new LintedBody(body, exchange);
  return Object.assign([...body], { close: () => original.close() });
}

function checkInner(exchange: LintExchange): void {
  /// Every body MUST be closed, also one that middleware replaced by its own, and by the time that its own is closed.
  if (exchange.inner.some((inner) => inner.body === "open")) {
    refuse("body/not-closed", "a body that middleware replaced and did not close", "close() on it, as closing() does", "middleware");
  }
}
