/**
 * `limit-request-body`, `request-body-timeout` and `request-body-min-rate`: 413 for a body that is too large, at once if it says so, else when
 * it has become so; 408 for a client that goes silent, or is too slow, while the application waits for it. Time in which nobody waits does not
 * count: an application that is slow itself makes no client slow.
 *
 * Deno takes memory for all that Content-Length announces as soon as a body is read whole: one small request that announces 2^40 bytes ends the
 * process. So there, a body that announces much is always read as it comes.
 *
 * A body whose length nobody knows is counted while it is read, so its request gets properties of its own in place of the platform's. Who
 * makes a new Request of it, `new Request(request)`, has the platform's body again, which is not counted.
 */
import { markTold } from "../gateway/error.ts";
import { InputTooLargeError } from "../gateway/limit_input.ts";
import type { Settings } from "../settings/table.ts";
import type { NativeHandler } from "./listener.ts";
import type { Refusal, Refusals } from "./refusals.ts";

type Limits = Pick<Settings, "limitRequestBody" | "requestBodyTimeout" | "requestBodyMinRate" | "runtime">;

/** Bytes that a client may announce and Deno take at once. */
const MOST_AT_ONCE = 2 ** 20;

/** Time in milliseconds that a body is waited for before its rate counts. */
const GRACE = 5000;

/** Whether bodies have to be looked at. */
export function watchesBodies({ limitRequestBody, runtime, ...patience }: Limits): boolean {
  return limitRequestBody > 0 || isImpatient(patience) || runtime === "deno";
}

function isImpatient({ requestBodyTimeout, requestBodyMinRate }: Pick<Limits, "requestBodyTimeout" | "requestBodyMinRate">): boolean {
  return requestBodyTimeout > 0 || requestBodyMinRate > 0;
}

/** For requests that may have a body: not for GET and HEAD, of which no native server shows one. */
export function limitBody(handler: NativeHandler, { limitRequestBody, requestBodyTimeout, requestBodyMinRate, runtime }: Limits, refusals: Refusals): NativeHandler {
  const max = limitRequestBody || Infinity;
  const isPatient = !isImpatient({ requestBodyTimeout, requestBodyMinRate });
  const atOnce = runtime === "deno" ? MOST_AT_ONCE : Infinity;
  return (request, platform) => {
    const length = request.headers.get("content-length");
    if (length !== null && Number(length) > max) return refusals.refuse(request, platform, tooLarge(max));
    const isKnown = length === null ? max === Infinity : Number(length) <= atOnce;
    if (length === "0" || (isKnown && isPatient)) return handler(request, platform);
    return bounded(request, platform);
  };

  function bounded(request: Request, platform: unknown): Response | Promise<Response> {
    const { promise: refused, resolve } = Promise.withResolvers<Response>();
    let isAnswered = false;
    const body = new BoundedBody(request, {
      max,
      timeout: requestBodyTimeout * 1000 || Infinity,
      rate: requestBodyMinRate,
      onRefusal: (refusal) => isAnswered ? refusals.note(request, platform, refusal) : resolve(refusals.refuse(request, platform, refusal)),
    });
    body.takePlace();
    const answer = handler(request, platform);
    if (answer instanceof Response) {
      isAnswered = true;
      return answer;
    }
    const own = answer.then((response) => {
      isAnswered = true;
      // Somebody else has answered: nobody would read this one to its end.
      if (body.isRefused) void response.body?.cancel().catch(() => {});
      return response;
    });
    return Promise.race([refused, own]);
  }
}

function tooLarge(max: number): Refusal {
  return { status: 413, why: "body", reason: `Request body is too large (more than ${max} bytes)` };
}

interface Bounds {
  readonly max: number;
  /** In milliseconds. */
  readonly timeout: number;
  /** Bytes a second; 0 for any. */
  readonly rate: number;
  readonly onRefusal: (refusal: Refusal) => void;
}

/** A request's body within bounds, and the ways to read it that a Request has. */
class BoundedBody {
  readonly #request: Request;
  readonly #bounds: Bounds;
  readonly #source: () => ReadableStream<Uint8Array> | null;
  #body: ReadableStream<Uint8Array> | null | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  #bytes = 0;
  /** Time in milliseconds that the client was waited for. */
  #waited = 0;
  isRefused = false;

  constructor(request: Request, bounds: Bounds) {
    this.#request = request;
    this.#bounds = bounds;
    const owner = Object.getPrototypeOf(request) as object;
    this.#source = () => Reflect.get(owner, "body", request) as ReadableStream<Uint8Array> | null;
  }

  /** Makes the request's own members of these. */
  takePlace(): void {
    const value = (read: () => unknown) => ({ value: read, configurable: true });
    Object.defineProperties(this.#request, {
      body: { get: () => this.#stream(), configurable: true },
      bodyUsed: { get: () => this.#reader !== null, configurable: true },
      arrayBuffer: value(() => this.#whole().arrayBuffer()),
      bytes: value(async () => new Uint8Array(await this.#whole().arrayBuffer())),
      blob: value(() => this.#whole().blob()),
      formData: value(() => this.#whole().formData()),
      json: value(() => this.#whole().json()),
      text: value(() => this.#whole().text()),
      clone: value(() => this.#clone()),
    });
  }

  #stream(): ReadableStream<Uint8Array> | null {
    if (this.#body !== undefined) return this.#body;
    const source = this.#source();
    return this.#body = source === null ? null : new ReadableStream<Uint8Array>({ pull: (to) => this.#pull(source, to), cancel: (reason) => this.#reader?.cancel(reason) }, { highWaterMark: 0 });
  }

  #whole(): Response {
    const type = this.#request.headers.get("content-type");
    return new Response(this.#stream() as ReadableStream<Uint8Array<ArrayBuffer>> | null, type === null ? {} : { headers: { "content-type": type } });
  }

  #clone(): Request {
    const { url, method, headers, signal } = this.#request;
    const body = this.#stream();
    if (body === null) return new Request(url, { method, headers, signal });
    const [mine, other] = body.tee();
    this.#body = mine;
    return new Request(url, { method, headers, signal, body: other as ReadableStream<Uint8Array<ArrayBuffer>>, duplex: "half" } as RequestInit);
  }

  async #pull(source: ReadableStream<Uint8Array>, to: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const { max, timeout } = this.#bounds;
    this.#reader ??= source.getReader();
    const [left, from] = [this.#patience(), performance.now()];
    const result = await within(this.#reader.read(), Math.min(timeout, left));
    if (result === null) throw this.#late(left < timeout ? "too slow" : "silent");
    this.#waited += performance.now() - from;
    if (result.done) return to.close();
    this.#bytes += result.value.length;
    if (this.#bytes > max) throw this.#refuse(tooLarge(max), new InputTooLargeError(max));
    to.enqueue(result.value);
  }

  /** Milliseconds for which the client may go on as slow as it is. */
  #patience(): number {
    const { rate } = this.#bounds;
    return rate === 0 ? Infinity : Math.max(0, Math.max(GRACE, this.#bytes / rate * 1000) - this.#waited);
  }

  #late(how: "silent" | "too slow"): Error {
    const { timeout, rate } = this.#bounds;
    const reason = how === "silent" ? `silent for ${timeout / 1000} s` : `${this.#bytes} bytes, less than ${rate} a second`;
    return this.#refuse({ status: 408, why: "body-timeout", reason: `Request body was not sent: ${reason}` }, new Error(`Cannot read the request's body: the client was ${how}`));
  }

  #refuse(refusal: Refusal, error: Error): Error {
    this.isRefused = true;
    markTold(error);
    this.#bounds.onRefusal(refusal);
    this.#reader?.cancel(error).catch(() => {}); // It may have broken by itself.
    return error;
  }
}

/** Null if it takes longer than `limit` milliseconds. */
function within<T>(promise: Promise<T>, limit: number): Promise<T | null> {
  if (limit === Infinity) return promise;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(null), limit);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
