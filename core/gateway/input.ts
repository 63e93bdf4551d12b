import { kindOf, TsgiError } from "./error.ts";
import type { InputStream } from "./types.ts";

/** The part of a Request that a body is read from. `arrayBuffer` is the fast way to all of it, where there is one. */
export interface BodySource {
  readonly body: ReadableStream<Uint8Array> | null;
  arrayBuffer?(): Promise<ArrayBuffer>;
}

const EMPTY: Uint8Array = new Uint8Array(0);
const LF = 10;

/**
 * `tsgi.input` over a request's body (SPEC I-1 to I-13). The body is not touched before somebody reads.
 *
 * Calls that overlap are served in the order of the calls. When the client is gone before the body is whole, the call at hand and all
 * later ones reject with the platform's error, and `onFailure` is told.
 */
export class BodyInput implements InputStream {
  readonly #source: BodySource;
  readonly #onFailure: ((error: unknown) => void) | null;
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  /** What was received and not yet read. Never empty but at the end. */
  #chunk: Uint8Array = EMPTY;
  #phase: "untouched" | "open" | "ended" | "failed" = "untouched";
  #failure: unknown = null;
  #stream: ReadableStream<Uint8Array> | null = null;
  /** The last call; null when none is under way. */
  #tail: Promise<unknown> | null = null;

  constructor(source: BodySource, onFailure: ((error: unknown) => void) | null = null) {
    this.#source = source;
    this.#onFailure = onFailure;
  }

  /** Whether nobody has begun to read or taken the stream. */
  get untouched(): boolean {
    return this.#phase === "untouched" && this.#stream === null && this.#tail === null;
  }

  read(size?: number | null): Promise<Uint8Array> {
    return this.#call(size, () => isAll(size) ? this.#rest() : this.#exactly(size));
  }

  readline(limit?: number | null): Promise<Uint8Array> {
    return this.#call(limit, () => this.#line(isAll(limit) ? Infinity : limit));
  }

  readlines(hint?: number | null): Promise<Uint8Array[]> {
    return this.#call(hint, async () => {
      const lines: Uint8Array[] = [];
      const enough = isAll(hint) || hint === 0 ? Infinity : hint;
      for (let total = 0; total < enough;) {
        const line = await this.#line(Infinity);
        if (line.length === 0) break;
        lines.push(line);
        total += line.length;
      }
      return lines;
    });
  }

  async *lines(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let line = await this.readline(); line.length > 0; line = await this.readline()) yield line;
  }

  /** Leaving the loop early leaves the rest to be read. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return { next: () => this.#call(null, () => this.#next()) };
  }

  get stream(): ReadableStream<Uint8Array> {
    return this.#stream ??= this.#takeStream();
  }

  #takeStream(): ReadableStream<Uint8Array> {
    // The body itself is what the runtime handles best.
    if (this.untouched && this.#source.body !== null) return this.#source.body;
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      const result = await this.#enqueue(() => this.#next());
      if (result.done === true) controller.close();
      else controller.enqueue(result.value);
    };
    return new ReadableStream<Uint8Array>({ pull, cancel: (reason) => this.#reader?.cancel(reason) }, { highWaterMark: 0 });
  }

  #call<T>(size: number | null | undefined, work: () => Promise<T>): Promise<T> {
    if (this.#stream !== null) {
      return Promise.reject(new TsgiError("ERR_TSGI_INPUT_LOCKED", "Cannot read tsgi.input: its stream was taken, read that"));
    }
    if (size !== undefined && size !== null && !Number.isInteger(size)) {
      const got = typeof size === "number" ? String(size) : kindOf(size);
      return Promise.reject(new TypeError(`Cannot read tsgi.input: expected a whole number of bytes, got ${got}`));
    }
    return this.#enqueue(work);
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail === null ? work() : this.#tail.then(work, work);
    const settled = (): void => {
      if (this.#tail === result) this.#tail = null;
    };
    this.#tail = result;
    result.then(settled, settled);
    return result;
  }

  async #rest(): Promise<Uint8Array> {
    if (this.#phase === "untouched" && this.#source.arrayBuffer !== undefined) return this.#whole();
    const parts: Uint8Array[] = [];
    while (await this.#fill()) parts.push(this.#take(this.#chunk.length));
    return join(parts);
  }

  async #whole(): Promise<Uint8Array> {
    this.#phase = "open";
    try {
      const bytes = new Uint8Array(await this.#source.arrayBuffer!());
      this.#phase = "ended";
      return bytes;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  async #exactly(size: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let missing = size; missing > 0 && await this.#fill();) {
      const part = this.#take(Math.min(missing, this.#chunk.length));
      parts.push(part);
      missing -= part.length;
    }
    return join(parts);
  }

  async #line(limit: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let missing = limit; missing > 0 && await this.#fill();) {
      const end = this.#chunk.indexOf(LF);
      const available = end < 0 ? this.#chunk.length : end + 1;
      const part = this.#take(Math.min(missing, available));
      parts.push(part);
      missing -= part.length;
      if (part[part.length - 1] === LF) break;
    }
    return join(parts);
  }

  async #next(): Promise<IteratorResult<Uint8Array, undefined>> {
    return await this.#fill() ? { done: false, value: this.#take(this.#chunk.length) } : { done: true, value: undefined };
  }

  #take(length: number): Uint8Array {
    const part = this.#chunk.subarray(0, length);
    this.#chunk = this.#chunk.subarray(length);
    return part;
  }

  /** Sees to it that there is something in `#chunk`; false at the end. */
  async #fill(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      if (this.#phase === "failed") throw this.#failure;
      if (this.#phase === "ended") return false;
      try {
        const reader = this.#open();
        const result = reader === null ? null : await reader.read();
        if (result === null || result.done) this.#phase = "ended";
        else this.#chunk = result.value;
      } catch (error) {
        throw this.#fail(error);
      }
    }
    return true;
  }

  #open(): ReadableStreamDefaultReader<Uint8Array> | null {
    if (this.#phase === "untouched") {
      this.#phase = "open";
      this.#reader = this.#source.body?.getReader() ?? null;
    }
    return this.#reader;
  }

  #fail(error: unknown): unknown {
    this.#phase = "failed";
    this.#failure = error;
    this.#onFailure?.(error);
    return error;
  }
}

/** PEP 3333 reads to the end for a negative size, and for none. */
function isAll(size: number | null | undefined): size is null | undefined {
  return size === undefined || size === null || size < 0;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length <= 1) return parts[0] ?? EMPTY;
  const joined = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
