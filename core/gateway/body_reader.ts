import { kindOf, TsgiError } from "./error.ts";
import type { Body } from "./types.ts";

type Result = IteratorResult<unknown, unknown>;
interface AnyIterator {
  next(): Result | PromiseLike<Result>;
  return?(): unknown;
}
type Closer = () => unknown;

/**
 * Reads a body one chunk after the other and closes it once, by the close protocol (SPEC K-1 to K-4).
 *
 * `next()` gives a result or, for an asynchronous body, a promise of one; never call it while one is pending.
 */
export class BodyReader {
  readonly #body: Body;
  #iterator: AnyIterator | null = null;
  #phase: "untouched" | "reading" | "finished" = "untouched";
  #isClosed = false;
  // Made once, not for each chunk.
  readonly #onResult = (result: Result): Result => this.#note(result);
  readonly #onError = (error: unknown): never => {
    this.#phase = "finished";
    throw error;
  };

  /** Throws `ERR_TSGI_BODY` for what is no body (SPEC A-7). */
  constructor(body: unknown) {
    checkBody(body);
    this.#body = body;
  }

  next(): Result | Promise<Result> {
    const iterator = this.#iterator ??= open(this.#body);
    this.#phase = "reading";
    let result: Result | PromiseLike<Result>;
    try {
      result = iterator.next();
    } catch (error) {
      this.#phase = "finished";
      throw error;
    }
    return isThenable(result) ? Promise.resolve(result).then(this.#onResult, this.#onError) : this.#note(result);
  }

  /**
   * `return()` of an iterator that has begun and not finished, then `close()` or whatever the body has in its place. `report` gets what
   * they throw. Gives a promise only if one of them does.
   */
  close(report: (error: unknown) => void): void | Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const body = this.#body as unknown as AnyIterator;
    const isOwnIterator = this.#iterator === null ? isIteratorOfItself(body) : this.#iterator === body;
    const returner = this.#phase === "reading" ? this.#iterator : this.#phase === "untouched" && isOwnIterator ? body : null;
    const hasReturned = typeof returner?.return === "function";
    const returned = hasReturned ? attempt(() => returner.return!(), report) : undefined;
    const closer = closerOf(body, { isReturned: hasReturned && isOwnIterator, isRead: this.#phase !== "untouched" });
    if (closer === null) return returned;
    return returned === undefined ? attempt(closer, report) : returned.then(() => attempt(closer, report));
  }

  #note(result: Result): Result {
    if (typeof result !== "object" || result === null) throw new TypeError(`Cannot iterate the body: next() gave ${kindOf(result)}`);
    if (result.done === true) this.#phase = "finished";
    return result;
  }
}

/** Whether a value can be awaited. */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return (typeof value === "object" || typeof value === "function") && value !== null && "then" in value && typeof value.then === "function";
}

/** Whether an Array brings something to be called when the response is over. Hardly any does. */
export function hasCloser(body: object): boolean {
  return "close" in body || (Symbol.dispose !== undefined && Symbol.dispose in body) || (Symbol.asyncDispose !== undefined && Symbol.asyncDispose in body);
}

const RETURNED_RESPONSE = "application returned a Response: it is a Fetch handler, start with --interface fetch or export default { fetch: application }; " +
  "in code, use fromFetch(application)";

function checkBody(body: unknown): asserts body is Body {
  const isObject = typeof body === "object" && body !== null && !(body instanceof String);
  if (isObject && !ArrayBuffer.isView(body) && (Symbol.asyncIterator in body || Symbol.iterator in body || "getReader" in body)) return;
  if (body instanceof Response) throw new TsgiError("ERR_TSGI_BODY", RETURNED_RESPONSE);
  const advice = typeof body === "string" || ArrayBuffer.isView(body) || body instanceof ArrayBuffer || body instanceof String
    ? "wrap a single chunk in an array"
    : "return an array, a generator, or a ReadableStream";
  throw new TsgiError("ERR_TSGI_BODY", `Cannot use ${kindOf(body)} as the body: ${advice}`);
}

function open(body: Body): AnyIterator {
  const source = body as unknown as {
    [Symbol.asyncIterator]?(): AnyIterator;
    [Symbol.iterator]?(): AnyIterator;
    getReader(): ReadableStreamDefaultReader<Uint8Array>;
  };
  if (typeof source[Symbol.asyncIterator] === "function") return source[Symbol.asyncIterator]!();
  if (typeof source[Symbol.iterator] === "function") return source[Symbol.iterator]!();
  const reader = source.getReader();
  return { next: () => reader.read() as Promise<Result>, return: () => reader.cancel() };
}

/** A generator, or an object made like one. The symbols are looked at only where `next` says that it may be. */
function isIteratorOfItself(body: AnyIterator): boolean {
  if (typeof body.next !== "function") return false;
  try {
    return open(body as unknown as Body) === body;
  } catch {
    // It cannot be iterated at all, so there is nothing to return from.
    return false;
  }
}

function closerOf(body: object, state: { readonly isReturned: boolean; readonly isRead: boolean }): Closer | null {
  const source = body as { [key: string | symbol]: unknown };
  if (typeof source["close"] === "function") return source["close"].bind(body) as Closer;
  if (state.isReturned || isGenerator(source)) return null;
  for (const symbol of [Symbol.asyncDispose, Symbol.dispose]) {
    const dispose = symbol === undefined ? undefined : source[symbol];
    if (typeof dispose === "function") return dispose.bind(body) as Closer;
  }
  // A stream that is being read is cancelled through its iterator; one that somebody else holds is not ours.
  if (!state.isRead && typeof source["cancel"] === "function" && source["locked"] !== true) return source["cancel"].bind(body) as Closer;
  return null;
}

/** Its dispose would only return() it once more. */
function isGenerator(body: { [key: string | symbol]: unknown }): boolean {
  const tag = body[Symbol.toStringTag];
  return tag === "Generator" || tag === "AsyncGenerator";
}

function attempt(call: Closer, report: (error: unknown) => void): void | Promise<void> {
  try {
    const result = call();
    if (isThenable(result)) return Promise.resolve(result).then(() => undefined, report);
  } catch (error) {
    report(error);
  }
}
