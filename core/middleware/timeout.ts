import type { Body, Chunk, Environ, Middleware, RequestDeadline, StartResponse, Status, Write } from "../gateway/types.ts";
import { isThenable } from "../gateway/body_reader.ts";
import { ChunkReader, derivedBody } from "./chunk_reader.ts";

/** What {@linkcode timeout} does when the time is up. */
export interface TimeoutOptions {
  /** "504 Gateway Timeout" unless given. */
  readonly status?: Status;
  /** Told when the time is up, before the client is; `error` is what then breaks off what was begun. */
  readonly onTimeout?: (environ: Environ, error: Error) => void;
}

/**
 * Ends a request that takes longer than `ms` milliseconds, its body included: before anything was sent with a 504, afterwards by breaking
 * the response off. The application's `tsgi.signal` aborts in both cases, and its body is closed. `environ["tsgi.deadline"].extend(ms)` gives
 * a request more time.
 *
 * Do not put it around event streams. Nothing can stop code that never awaits: for that there is the server's own `--timeout`.
 *
 * Throws `RangeError` for a time that is not positive.
 *
 * @example
 * ```ts
 * const application = timeout(30_000)(shop);
 * ```
 */
export function timeout(ms: number, { status = "504 Gateway Timeout", onTimeout }: TimeoutOptions = {}): Middleware {
  if (!isTime(ms)) throw new RangeError(`Cannot use the timeout ${String(ms)}: expected milliseconds, from 1 to ${2 ** 31 - 1}`);
  return (app) => (environ, startResponse) => {
    const deadline = new Deadline(environ, startResponse, { ms, status, onTimeout });
    try {
      const body = app(environ, deadline.startResponse);
      return isThenable(body) ? deadline.returnedLater(body) : deadline.returned(body);
    } catch (error) {
      deadline.cancel();
      throw error;
    }
  };
}

/** setTimeout takes no more than 31 bits, and takes what is beyond for 1 ms. */
function isTime(ms: number): boolean {
  return ms > 0 && ms < 2 ** 31;
}

interface Limit {
  readonly ms: number;
  readonly status: Status;
  readonly onTimeout: TimeoutOptions["onTimeout"];
}

/** One request against the clock. */
class Deadline {
  readonly #environ: Environ;
  readonly #outer: StartResponse;
  readonly #limit: Limit;
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> | null;
  #due: number;
  /** Rejects when the time is up, and never resolves. */
  readonly #expired: Promise<never>;
  readonly #reject: (error: Error) => void;
  readonly #error: Error;
  #isStarted = false;
  #isCommitted = false;
  #isExpired = false;
  #reader: ChunkReader | null = null;

  constructor(environ: Environ, outer: StartResponse, limit: Limit) {
    this.#environ = environ;
    this.#outer = outer;
    this.#limit = limit;
    this.#error = new DOMException(`Cannot answer ${environ.REQUEST_METHOD} within ${limit.ms} ms`, "TimeoutError");
    const { promise, reject } = Promise.withResolvers<never>();
    this.#expired = promise;
    this.#reject = reject;
    promise.catch(() => undefined);
    environ["tsgi.signal"] = AbortSignal.any([environ["tsgi.signal"], this.#controller.signal]);
    environ["tsgi.deadline"] = { extend: (more: number) => this.#extend(more) } satisfies RequestDeadline;
    this.#due = performance.now() + limit.ms;
    this.#timer = setTimeout(() => this.#expire(), limit.ms);
  }

  #extend(ms: number): void {
    if (!isTime(ms)) throw new RangeError(`Cannot extend the deadline by ${String(ms)}: expected milliseconds, from 1 to ${2 ** 31 - 1}`);
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#due += ms;
    this.#timer = setTimeout(() => this.#expire(), Math.min(this.#due - performance.now(), 2 ** 31 - 1));
  }

  readonly startResponse: StartResponse = (...args) => {
    if (this.#isExpired) throw this.#error;
    this.#isStarted = true;
    const write = this.#outer(...args);
    return (chunk) => this.#written(write, chunk);
  };

  cancel(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  returned(body: Body): Body {
    // All of it is there.
    if (Array.isArray(body)) {
      this.cancel();
      return body;
    }
    const reader = this.#reader = new ChunkReader(body);
    // After the end of the time nobody waits for the application to let go.
    const close = (): Promise<void> => this.#isExpired ? this.#abandon(reader) : reader.close();
    return derivedBody({ close }, () => this.#chunks(reader), () => this.cancel());
  }

  async returnedLater(promise: PromiseLike<Body>): Promise<Body> {
    try {
      return this.returned(await Promise.race([promise, this.#expired]));
    } catch (error) {
      this.cancel();
      if (!this.#isExpired) throw error;
      promise.then((body) => this.#abandon(new ChunkReader(body)), () => undefined);
      return this.#answer();
    }
  }

  async *#chunks(reader: ChunkReader): AsyncGenerator<Chunk, void> {
    for (;;) {
      let step: IteratorResult<Chunk, unknown>;
      try {
        step = await Promise.race([this.#expired, reader.next()]);
      } catch (error) {
        if (!this.#isExpired) throw error;
        yield* this.#answer();
        return;
      }
      if (step.done) return;
      if (step.value.length > 0) this.#isCommitted = true;
      yield step.value;
    }
  }

  #expire(): void {
    this.#isExpired = true;
    this.#timer = null;
    this.#limit.onTimeout?.(this.#environ, this.#error);
    this.#reject(this.#error);
    // Before close(): a generator that waits for something closes only when that comes (SPEC K-7).
    this.#controller.abort(this.#error);
    if (this.#reader !== null) this.#abandon(this.#reader);
  }

  #answer(): Chunk[] {
    if (this.#isCommitted) throw this.#error;
    const args = [this.#limit.status, [["Content-Type", "text/plain"]]] as Parameters<StartResponse>;
    if (this.#isStarted) this.#outer(args[0], args[1], this.#error);
    else this.#outer(args[0], args[1]);
    return [`${this.#limit.status.slice(4)}\n`];
  }

  #written(write: Write, chunk: Chunk): Promise<void> {
    if (this.#isExpired) {
      const refusal = Promise.reject(this.#error);
      refusal.catch(() => undefined);
      return refusal;
    }
    this.#isCommitted = true;
    return write(chunk);
  }

  async #abandon(reader: ChunkReader): Promise<void> {
    reader.close().catch((error: unknown) => {
      if (error !== this.#error) this.#environ["tsgi.errors"].write(`Cannot close a body after its time: ${String(error)}\n`);
    });
  }
}
