import { BodyReader, isThenable } from "./body_reader.ts";
import { refused, tooLong, tooShort } from "./body_stream.ts";
import { chunkBytes } from "./chunk.ts";
import { describeError, TsgiError } from "./error.ts";
import { Heads } from "./head.ts";
import type { Head } from "./head.ts";
import { start, type Starting } from "./start_response.ts";
import { TextErrors } from "./text_errors.ts";
import type { App, Environ, HeaderList, StartResponse, Status, Write } from "./types.ts";

const FAILED = "Internal Server Error";

/**
 * One call of an application without Fetch: the state that SPEC Appendix B.2 describes, with lists in the place of a transport. What can
 * be judged by value, status, headers, chunks and the close protocol, is judged by the gateway's own code.
 */
export class TestRun implements Starting {
  /** A copy: the application may change it. */
  readonly environ: Environ;
  readonly errors: TextErrors;
  readonly chunks: Uint8Array[] = [];
  headers: HeaderList = [];
  closed = 0;
  failure: { readonly error: unknown } | null = null;
  readonly #heads = new Heads();
  /** In force: of the last startResponse that was valid. */
  head: Head | null = null;
  #sent: Head | null = null;
  isStarted = false;
  #hasReturned = false;
  #bytes = 0;

  constructor(environ: Environ) {
    this.errors = new TextErrors(environ["tsgi.errors"]);
    const finishers = [...environ["tsgi.response_finished"] ?? []];
    this.environ = { ...environ, "tsgi.errors": this.errors, "tsgi.response_finished": finishers };
  }

  get isCommitted(): boolean {
    return this.#sent !== null;
  }

  get status(): Status {
    return this.#sent!.status;
  }

  /** Never throws, whatever the application does. */
  async call(app: App): Promise<void> {
    let reader: BodyReader | null = null;
    try {
      const returned: unknown = app(this.environ, this.#start);
      const body: unknown = isThenable(returned) ? await returned : returned;
      this.#hasReturned = true;
      reader = new BodyReader(body);
      await this.#iterate(reader, Array.isArray(body) ? body : null);
    } catch (error) {
      this.#hasReturned = true;
      this.#fail(error);
    }
    if (reader !== null) {
      this.closed++;
      await reader.close((error) => this.#log(error));
    }
    await this.#finish();
  }

  readonly #start: StartResponse = (...args: readonly unknown[]): Write => {
    const [status, headers, excInfo] = args;
    start(this, args.length, excInfo);
    this.head = this.#heads.take(status, headers);
    return this.#write;
  };

  readonly #write: Write = (chunk) => {
    if (this.#hasReturned) {
      return refused(new TsgiError("ERR_TSGI_WRITE_AFTER_RETURN", "Cannot write after the application has returned: yield the chunk"));
    }
    try {
      const bytes = chunkBytes(chunk);
      if (this.#sent === null) this.#commit(-1);
      const verdict = this.#send(bytes);
      return verdict === "too-much" ? refused(tooLong(this.#sent!.contentLength)) : Promise.resolve();
    } catch (error) {
      return refused(error);
    }
  };

  async #iterate(reader: BodyReader, array: readonly unknown[] | null): Promise<void> {
    // Known whole before anything is sent, so a chunk that is none still makes it a 500.
    const length = array === null ? -1 : array.reduce((total: number, chunk) => total + chunkBytes(chunk).length, 0);
    if (array === null && this.#sent === null && this.head?.isBodyless) return this.#commit(-1);
    for (;;) {
      const pending = reader.next();
      const result = (isThenable(pending) ? await pending : pending) as IteratorResult<unknown, unknown>;
      if (result.done === true) break;
      const bytes = chunkBytes(result.value);
      if (bytes.length === 0) continue;
      if (this.#sent === null) this.#commit(length);
      if (this.#send(bytes) !== "more") return;
    }
    if (this.#sent === null) this.#commit(array !== null || !this.#isHead ? Math.max(length, 0) : -1);
    const { contentLength, isBodyless } = this.#sent!;
    if (contentLength > this.#bytes && !isBodyless && !this.#isHead) throw tooShort(contentLength, this.#bytes);
  }

  /** The first byte, or the end: from now on status and headers stand. `length` is inferred, -1 for unknown. */
  #commit(length: number): void {
    if (this.head === null) {
      throw new TsgiError("ERR_TSGI_NOT_STARTED", "Cannot send the response: startResponse was not called with a valid status and headers");
    }
    this.#sent = this.head;
    const { code, contentLength, headers, isBodyless } = this.#sent;
    this.headers = code === 204 ? headers.filter(([name]) => name.toLowerCase() !== "content-length") : headers;
    if (length >= 0 && contentLength < 0 && !isBodyless) this.headers.push(["Content-Length", String(length)]);
  }

  #send(bytes: Uint8Array): "more" | "enough" | "too-much" {
    const { code, contentLength, isBodyless } = this.#sent!;
    if (bytes.length === 0) return "more";
    if (isBodyless) this.errors.write(`Dropped the body of the answer to ${this.#line}: a ${code} has none\n`);
    if (isBodyless || this.#isHead) return "enough";
    const isTooMuch = contentLength >= 0 && this.#bytes + bytes.length > contentLength;
    const fitting = isTooMuch ? bytes.subarray(0, contentLength - this.#bytes) : bytes;
    if (fitting.length > 0) this.chunks.push(fitting);
    this.#bytes += fitting.length;
    if (!isTooMuch) return "more";
    this.#log(tooLong(contentLength));
    return "too-much";
  }

  /** Before commit a 500 without details; after it the response breaks off (SPEC ). */
  #fail(error: unknown): void {
    this.failure = { error };
    this.#log(error);
    if (this.#sent !== null) return;
    this.head = null;
    const headers = [["Content-Type", "text/plain; charset=utf-8"], ["Content-Length", String(FAILED.length)]];
    this.#sent = this.#heads.take(`500 ${FAILED}`, headers);
    this.headers = this.#sent.headers;
    if (!this.#isHead) this.chunks.push(chunkBytes(FAILED));
  }

  async #finish(): Promise<void> {
    const finishers = this.environ["tsgi.response_finished"] ?? [];
    for (let finisher = finishers.pop(); finisher !== undefined; finisher = finishers.pop()) {
      try {
        await finisher(this.environ, this.head?.status ?? null, this.head?.headers ?? null, this.failure?.error ?? null);
      } catch (error) {
        this.#log(error);
      }
    }
  }

  #log(error: unknown): void {
    this.errors.write(`Error handling request ${this.#line}\n${describeError(error)}\n`);
  }

  get #isHead(): boolean {
    return this.environ.REQUEST_METHOD === "HEAD";
  }

  get #line(): string {
    return `${this.environ.REQUEST_METHOD} ${this.environ.REQUEST_URI}`;
  }
}
