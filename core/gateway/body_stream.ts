import { chunkBytes } from "./chunk.ts";
import type { BodyReader } from "./body_reader.ts";
import { isThenable } from "./body_reader.ts";
import { TsgiError } from "./error.ts";
import { Gathering } from "./gathering.ts";

/** Whoever the stream reports to. */
export interface StreamOwner {
  readonly abortReason: unknown;
  /** What the consumer of the stream is told in place of an error. */
  breakage(error: unknown): unknown;
  log(error: unknown): void;
  /** The response is over; null for a good end. */
  over(error: unknown): void | Promise<void>;
  disconnected(reason: unknown): void | Promise<void>;
  sent(bytes: number): void;
}

interface Pending {
  readonly bytes: Uint8Array;
  taken(): void;
  dropped(reason: unknown): void;
}

type Controller = ReadableStreamDefaultController<Uint8Array>;
type Result = IteratorResult<unknown, unknown>;

/**
 * The body of a Response that is sent piece by piece: what was written, then what the body yields. The underlying source of a
 * ReadableStream with high-water mark 0: nothing is asked of the application before the transport asks (SPEC B-5, B-6, W-7). With
 * `gathers`, the small chunks that can be had at once, without a promise, are handed on as one.
 *
 * With a declared length, what is too much is cut off, and a body that is too short breaks the transport instead of ending it, since a
 * good end would leave the connection out of step (SPEC B-12).
 */
export class BodyStream {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #owner: StreamOwner;
  /** As declared; -1 if it was not. */
  readonly #length: number;
  readonly #gathers: boolean;
  /** Bytes accepted, sent or still queued. */
  #accepted = 0;
  #controller: Controller | null = null;
  #queue: Pending[] = [];
  #reader: BodyReader | null = null;
  /** What the body gave after the chunks that were gathered. */
  #ahead: Result | Promise<Result> | null = null;
  #failure: { readonly error: unknown } | null = null;
  #wake: (() => void) | null = null;
  /** The declared length is full and there was more: what is queued is the last. */
  #isCut = false;
  #isOver = false;
  // Made once, not for each chunk.
  readonly #onResult = (result: Result): void | Promise<void> => this.#advanced(result);
  readonly #onError = (error: unknown): void => this.#raise(error);

  constructor(owner: StreamOwner, { length, gathers }: { readonly length: number; readonly gathers: boolean }) {
    this.#owner = owner;
    this.#length = length;
    this.#gathers = gathers && length < 0; // Beyond a declared length nothing is asked for.
    const source = {
      start: (controller: Controller) => {
        this.#controller = controller;
      },
      pull: () => this.#pull(),
      cancel: (reason: unknown) => owner.disconnected(reason),
    };
    this.stream = new ReadableStream<Uint8Array>(source, { highWaterMark: 0 });
  }

  /** Queues a chunk; resolves when the transport took it. The promise may be left alone. */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#isOver) return refused(this.#owner.abortReason ?? (this.#isCut ? tooLong(this.#length) : overAlready()));
    const taken = new Promise<void>((taken, dropped) => this.#enqueue(bytes, taken, dropped));
    taken.catch(nothing);
    this.#rouse();
    return taken;
  }

  /** The application has returned: the body follows what was written. `first` was read already. */
  attach(reader: BodyReader, first: Uint8Array | null): void {
    if (first !== null) this.#enqueue(first, nothing, nothing);
    this.#reader = reader;
    this.#rouse();
  }

  /** Breaks the transport, after what was written. The error has been logged. */
  fail(error: unknown): void {
    this.#failure = { error };
    this.#rouse();
    if (this.#queue.length === 0) this.#break(error);
  }

  /** The response is over: nothing more is delivered. */
  drop(reason: unknown): void {
    this.#isOver = true;
    for (const pending of this.#queue) pending.dropped(reason);
    this.#queue = [];
    this.#rouse();
  }

  #pull(): void | Promise<void> {
    if (this.#isOver) return;
    const pending = this.#queue.shift();
    if (pending !== undefined) {
      this.#deliver(pending.bytes);
      pending.taken();
      if (this.#isCut && this.#queue.length === 0) this.#close();
    } else if (this.#isCut) {
      this.#close();
    } else if (this.#failure !== null) {
      this.#break(this.#failure.error);
    } else if (this.#reader !== null) {
      return this.#advance(this.#reader);
    } else {
      return new Promise<void>((wake) => this.#wake = wake).then(() => this.#pull());
    }
  }

  #advance(reader: BodyReader): void | Promise<void> {
    try {
      for (;;) {
        const result = this.#ahead ?? reader.next();
        this.#ahead = null;
        if (isThenable(result)) return result.then(this.#onResult, this.#onError);
        if (this.#accept(this.#gathers ? this.#gather(reader, result) : result)) return;
      }
    } catch (error) {
      this.#raise(error);
    }
  }

  /** `first`, with what can be had at once behind it. */
  #gather(reader: BodyReader, first: Result): Result {
    const gathering = new Gathering();
    if (first.done === true || !gathering.add(first.value)) return first;
    try {
      while (!gathering.isFull && !this.#isOver) {
        const result = reader.next();
        if (!isThenable(result) && result.done !== true && gathering.add(result.value)) continue;
        this.#ahead = result;
        if (isThenable(result)) result.then(nothing, nothing); // Nobody may want it any more.
        break;
      }
    } catch (error) {
      this.#ahead = refused(error);
    }
    return { done: false, value: gathering.chunk() };
  }

  #advanced(result: Result): void | Promise<void> {
    try {
      if (!this.#accept(result)) return this.#advance(this.#reader!);
    } catch (error) {
      this.#raise(error);
    }
  }

  /** Whether the transport has got something, be it the end. */
  #accept(result: Result): boolean {
    if (this.#isOver) return true;
    if (result.done === true) {
      this.#end();
      return true;
    }
    const bytes = chunkBytes(result.value);
    if (bytes.length === 0) return false;
    if (this.#length < 0) {
      this.#deliver(bytes); // Nothing is in front of it, or the body would not have been asked.
    } else {
      this.#enqueue(bytes, nothing, nothing);
      void this.#pull();
    }
    return true;
  }

  #deliver(bytes: Uint8Array): void {
    this.#controller!.enqueue(bytes);
    this.#owner.sent(bytes.length);
  }

  /** Cuts off what the declared length has no room for; whoever wrote that much is told. */
  #enqueue(bytes: Uint8Array, taken: () => void, dropped: (reason: unknown) => void): void {
    const room = this.#length < 0 ? Infinity : this.#length - this.#accepted;
    const isTooMuch = bytes.length > room;
    const fitting = isTooMuch ? bytes.subarray(0, room) : bytes;
    this.#accepted += fitting.length;
    if (fitting.length > 0) this.#queue.push({ bytes: fitting, taken: isTooMuch ? nothing : taken, dropped });
    if (!isTooMuch) return;
    const error = tooLong(this.#length);
    dropped(error);
    if (!this.#isCut) this.#owner.log(error);
    this.#isCut = true;
  }

  #end(): void {
    if (this.#length < 0 || this.#accepted === this.#length) return this.#close();
    this.#raise(tooShort(this.#length, this.#accepted));
  }

  #close(): void {
    this.#isOver = true;
    this.#controller!.close();
    void this.#owner.over(null);
  }

  #raise(error: unknown): void {
    if (this.#isOver) return;
    this.#owner.log(error);
    this.#break(error);
  }

  #break(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller!.error(this.#owner.breakage(error));
    void this.#owner.over(error);
  }

  #rouse(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

function overAlready(): TsgiError {
  return new TsgiError("ERR_TSGI_WRITE_AFTER_RETURN", "Cannot write: the response is over");
}

export function tooLong(declared: number): TsgiError {
  return new TsgiError("ERR_TSGI_CONTENT_LENGTH", `Cannot send more than the declared Content-Length of ${declared}: the rest of the body was dropped`);
}

export function tooShort(declared: number, bytes: number): TsgiError {
  return new TsgiError("ERR_TSGI_CONTENT_LENGTH", `Cannot end the response: the declared Content-Length is ${declared}, the body has ${bytes} bytes`);
}

/** A rejection that nobody has to handle (SPEC W-6). */
export function refused(error: unknown): Promise<never> {
  const promise = Promise.reject(error);
  promise.catch(nothing);
  return promise;
}

function nothing(): void {}
