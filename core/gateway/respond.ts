/**
 * From what an application returned to a Response (SPEC, B-1 to B-15, R-1 to R-6).
 *
 * A body that is an Array, known at once, makes a Response at once: no promise, no stream. Every other body is read up to its first
 * non-empty chunk, since until then the application may still change its mind; then the rest is sent as the transport asks for it.
 */
import { BodyReader, hasCloser, isThenable } from "./body_reader.ts";
import { BodyStream, tooLong, tooShort } from "./body_stream.ts";
import { byteLength, chunkBytes, joinChunks } from "./chunk.ts";
import { TsgiError } from "./error.ts";
import type { Call } from "./exchange.ts";
import { isFileBody, sendBlocks } from "./file_wrapper.ts";
import type { Head } from "./head.ts";
import { encodeUtf8 } from "./utf8.ts";

type Answer = Response | Promise<Response>;
type Result = IteratorResult<unknown, unknown>;

/** The statuses that a gateway gives of itself, by code. */
const PLAIN = { 400: "400 Bad Request", 404: "404 Not Found", 500: "500 Internal Server Error" } as const;

/** Answers with what the application returned. Never throws. */
export function respond(call: Call, body: unknown): Answer {
  if (Array.isArray(body)) {
    if (call.head !== null && !call.isCommitted && !call.aborted && !hasCloser(body)) return respondArray(call, call.head, body);
  } else if (isThenable(body)) {
    return respondLater(call, body);
  }
  return settle(call, body);
}

/** The application threw, or broke a rule. Before commit the answer is a 500; after it, the transport breaks (SPEC ). */
export function fail(call: Call, error: unknown): Response {
  call.hasReturned = true;
  const isDisconnect = call.isDisconnect(error);
  if (!isDisconnect) call.log(error);
  if (call.isCommitted) {
    if (call.stream !== null) call.stream.fail(error);
    else void call.over(isDisconnect ? null : error);
    return call.early!;
  }
  call.head = null;
  return plain(call, isDisconnect ? 400 : 500, isDisconnect ? null : error);
}

/** Answers in the application's place, without a detail that could tell a stranger something. */
export function plain(call: Call, code: keyof typeof PLAIN, error: unknown): Response {
  const head = call.gateway.heads.take(PLAIN[code], [["Content-Type", "text/plain; charset=utf-8"]]);
  const text = PLAIN[code].slice(4);
  call.isCommitted = true;
  call.sentHead = head;
  const isHead = call.request.method === "HEAD";
  call.payload = isHead ? null : text;
  const response = new call.gateway.Response(isHead ? null : text, head.init(text.length, call.mode.hasReason));
  void call.over(error);
  return response;
}

/** Commits because of a write(): the Response goes out before the application returns (SPEC W-3). Throws what forbids it. */
export function beginEarly(call: Call): void {
  const head = inForce(call);
  call.early = hasNoBody(call, head) ? bare(call, head) : streaming(call, head);
  call.onEarly?.(call.early);
}

function respondArray(call: Call, head: Head, body: readonly unknown[]): Response {
  call.hasReturned = true;
  try {
    const payload = joinChunks(body);
    const response = whole(call, head, payload);
    void call.over(call.error);
    return response;
  } catch (error) {
    return fail(call, error);
  }
}

/** The Response to a body that is known whole. */
function whole(call: Call, head: Head, payload: string | Uint8Array): Response {
  const { isNative, hasReason } = call.mode;
  const isFramed = isNative && !hasReason && head.contentLength < 0 && !head.isBodyless;
  // The way of most answers: the runtime counts the bytes of the string itself, and answers HEAD by itself too.
  if (isFramed && head.hasContentType && typeof payload === "string" && payload !== "") {
    commit(call, head).payload = payload;
    return new call.gateway.Response(payload, call.mode.copies ? head.template : head.frameless);
  }
  const length = byteLength(payload);
  if (hasNoBody(call, head)) {
    if (head.isBodyless && length > 0) warnDropped(call, head);
    return bare(call, head, length);
  }
  if (head.contentLength >= 0 && head.contentLength !== length) return misdeclared(call, head, payload);
  commit(call, head).payload = payload;
  const init = isNative ? head.frameless : head.init(length, hasReason);
  if (length === 0) return new call.gateway.Response(null, init);
  // Response would add a Content-Type to a string (SPEC S-12).
  return new call.gateway.Response((typeof payload === "string" && !head.hasContentType ? encodeUtf8(payload) : payload) as BodyInit, init);
}

/** An Array with another length than it declared: cut off, or broken off (SPEC B-12). */
function misdeclared(call: Call, head: Head, payload: string | Uint8Array): Response {
  const bytes = chunkBytes(payload);
  const declared = head.contentLength;
  if (bytes.length > declared) {
    call.log(tooLong(declared));
    commit(call, head).payload = bytes.subarray(0, declared);
    return new call.gateway.Response(declared === 0 ? null : call.payload as BodyInit, head.init(declared, call.mode.hasReason));
  }
  const error = tooShort(declared, bytes.length);
  call.log(error);
  call.error = error;
  commit(call, head).payload = bytes;
  return new call.gateway.Response(broken(bytes, call.breakage(error)), head.init(declared, call.mode.hasReason));
}

/** The first write() resolves it, wherever it is; else what the application returns in the end. */
function respondLater(call: Call, pending: PromiseLike<unknown>): Answer {
  call.waiting();
  const late = (resolve: (answer: Answer) => void): void => void pending.then((body) => resolve(finishLater(call, body)), (error: unknown) => resolve(fail(call, error)));
  if (call.early === null) {
    return new Promise((resolve) => {
      call.onEarly = resolve;
      late(resolve);
    });
  }
  // The Response was made before the first await, and the application goes on.
  late(() => undefined);
  return call.early;
}

function finishLater(call: Call, body: unknown): Answer {
  return Array.isArray(body) && call.head !== null && !call.isCommitted && !call.aborted && !hasCloser(body)
    ? respondArray(call, call.head, body)
    : settle(call, body);
}

/** Answers with a body that has to be iterated. */
function settle(call: Call, body: unknown): Answer {
  call.hasReturned = true;
  try {
    const reader = call.reader = new BodyReader(body);
    if (call.isSentDirectly) sendBlocks(body);
    if (call.aborted) return abandon(call);
    if (call.isCommitted) return follow(call, reader);
    // Nothing of it will be sent, and startResponse has already been called: there is nothing to wait for.
    if (call.head?.isBodyless) return done(call, bare(call, call.head));
    return firstChunk(call, reader, body as object);
  } catch (error) {
    return fail(call, error);
  }
}

/** What was written is followed by what the body yields. */
function follow(call: Call, reader: BodyReader): Response {
  if (call.stream === null) void call.over(null);
  else call.stream.attach(reader, null);
  return call.early!;
}

function firstChunk(call: Call, reader: BodyReader, body: object): Answer {
  for (;;) {
    const result = reader.next();
    if (isThenable(result)) return firstChunkLater(call, reader, body, result);
    const response = begin(call, reader, body, result);
    if (response !== null) return response;
  }
}

async function firstChunkLater(call: Call, reader: BodyReader, body: object, pending: PromiseLike<Result>): Promise<Response> {
  call.waiting();
  try {
    for (let result = await pending;; result = await reader.next()) {
      if (call.aborted) return abandon(call);
      const response = begin(call, reader, body, result);
      if (response !== null) return response;
    }
  } catch (error) {
    return fail(call, error);
  }
}

/** The Response, if this result commits it: the first non-empty chunk, or the end (SPEC B-7). */
function begin(call: Call, reader: BodyReader, body: object, result: Result): Response | null {
  const bytes = result.done === true ? null : chunkBytes(result.value);
  if (bytes !== null && bytes.length === 0) return null;
  const head = inForce(call);
  if (hasNoBody(call, head)) {
    if (bytes !== null && (head.isBodyless || isFileBody(body))) warnDropped(call, head);
    return done(call, bare(call, head));
  }
  if (bytes === null && head.contentLength <= 0) return done(call, whole(call, head, ""));
  const response = streaming(call, head);
  call.stream!.attach(reader, bytes);
  return response;
}

/** The client has gone while the application was at work. */
function abandon(call: Call): Response {
  call.isCommitted = true;
  void call.over(null);
  return new call.gateway.Response(null, { status: 400 });
}

function done(call: Call, response: Response): Response {
  void call.over(null);
  return response;
}

function streaming(call: Call, head: Head): Response {
  const { isNative, hasReason } = call.mode;
  const stream = new BodyStream(call, { length: head.contentLength, gathers: call.isSentDirectly });
  const init = isNative && head.contentLength < 0 ? head.frameless : head.init(head.contentLength, hasReason);
  const response = new call.gateway.Response(stream.stream, init);
  commit(call, head).stream = stream;
  call.gateway.streaming?.(call, response);
  return response;
}

/** A Response without a body: to HEAD, or of a status that has none. `length` is what GET would have sent, if it is known. */
function bare(call: Call, head: Head, length = -1): Response {
  commit(call, head);
  const declared = head.code === 204 ? -1 : head.contentLength >= 0 ? head.contentLength : head.isBodyless ? -1 : length;
  const init = head.init(declared, call.mode.hasReason);
  // A native server would say Content-Length: 0 to HEAD for no body at all, which nobody has claimed (SPEC B-13).
  return new call.gateway.Response(call.mode.isNative && declared < 0 && !head.isBodyless ? ended() : null, init);
}

function commit(call: Call, head: Head): Call {
  call.isCommitted = true;
  call.sentHead = head;
  return call;
}

function inForce(call: Call): Head {
  if (call.head !== null) return call.head;
  throw new TsgiError("ERR_TSGI_NOT_STARTED", "Cannot send the response: startResponse was not called with a valid status and headers before the first chunk");
}

function hasNoBody(call: Call, head: Head): boolean {
  return head.isBodyless || call.request.method === "HEAD";
}

function warnDropped(call: Call, head: Head): void {
  const why = head.isBodyless ? `a ${head.code} has none` : "HEAD asks for none";
  call.warn(`Dropped the body of the answer to ${call.request.method} ${call.environ.REQUEST_URI}: ${why}`);
}

function ended(): ReadableStream<Uint8Array> {
  // Ended only when asked: Bun sees a stream that has already ended for what it is, a body of length 0.
  return new ReadableStream({ pull: (controller) => controller.close() }, { highWaterMark: 0 });
}

function broken(bytes: Uint8Array, error: unknown): ReadableStream<Uint8Array> {
  let isSent = bytes.length === 0;
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    if (isSent) return controller.error(error);
    isSent = true;
    controller.enqueue(bytes);
  };
  return new ReadableStream({ pull }, { highWaterMark: 0 });
}
