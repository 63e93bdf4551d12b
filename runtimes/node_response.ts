/**
 * Responses on their way to node:http.
 *
 * A Response of the platform makes a stream of whatever it is given, and a stream takes longer to read than all the rest of a small answer.
 * So the gateway makes {@linkcode NodeResponse}s here, which keep the body as it was; those of Fetch handlers are read as they are.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { clientGone } from "./node_request.ts";

type Payload = string | Uint8Array | ReadableStream<Uint8Array> | null;

/** What the gateway and the server use of a Response. A body of text gets no Content-Type of its own. */
class NodeResponse {
  readonly status: number;
  readonly statusText: string;
  #payload: Payload;
  #given: HeadersInit | undefined;
  #headers: Headers | null = null;
  #isUsed = false;

  constructor(body: Payload = null, init: ResponseInit = {}) {
    this.#payload = body;
    this.status = init.status ?? 200;
    this.statusText = init.statusText ?? "";
    this.#given = init.headers;
  }

  get headers(): Headers {
    return this.#headers ??= new Headers(this.#given);
  }
  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }
  get bodyUsed(): boolean {
    const payload = this.#payload;
    return this.#isUsed || (payload instanceof ReadableStream && payload.locked);
  }
  get body(): ReadableStream<Uint8Array> | null {
    const payload = this.#payload;
    if (payload === null || payload instanceof ReadableStream) return payload;
    return this.#payload = new Response(payload as BodyInit).body;
  }

  static isWhole(response: NodeResponse): boolean {
    return !(response.#payload instanceof ReadableStream);
  }
  static take(response: NodeResponse): Payload {
    response.#isUsed = true;
    return response.#payload;
  }
  /** Names and values in turn, in the application's own letters where nobody has changed them. */
  static fields(response: NodeResponse): string[] {
    const fields: string[] = [];
    const given = response.#headers ?? response.#given;
    if (given === undefined) return fields;
    if (Symbol.iterator in given) {
      for (const [name, value] of given as Iterable<[string, string]>) fields.push(name, value);
    } else {
      for (const name in given) fields.push(name, given[name]!);
    }
    return fields;
  }
}
// `instanceof Response` holds; whatever a Response has beyond the above refuses to work on it, as on any object that is none.
Object.setPrototypeOf(NodeResponse.prototype, Response.prototype);

/** For `new` in place of the platform's own. */
export const LightResponse = NodeResponse as unknown as typeof Response;

/** Whether a response's body is known to be in memory. Of a platform's Response nobody can tell, and as a stream it is read as well. */
export function isWhole(response: Response): boolean {
  return isLight(response) ? NodeResponse.isWhole(response) : response.body === null;
}

/** Sends `response`. Never throws or rejects: what cannot be sent breaks the connection off. */
export function send(incoming: IncomingMessage, outgoing: ServerResponse, response: Response): void {
  const light = isLight(response) ? response : null;
  const payload: Payload = light === null ? response.body : NodeResponse.take(light);
  const fields = light === null ? fieldsOf(response) : NodeResponse.fields(light);
  const isBodyless = incoming.method === "HEAD" || response.status === 204 || response.status === 304;
  if (outgoing.destroyed || isBodyless) {
    if (payload instanceof ReadableStream) payload.cancel(outgoing.destroyed ? clientGone() : undefined).catch(nothing);
    if (outgoing.destroyed) return;
  }
  try {
    if (isBodyless || payload === null) return void begin(outgoing, response, fields, isBodyless || hasLength(fields) ? null : "0").end();
    if (payload instanceof ReadableStream) return void pump(outgoing, { response, fields, stream: payload });
    const bytes = typeof payload === "string" && !fields.every(isAscii) ? new TextEncoder().encode(payload) : payload;
    begin(outgoing, response, fields, hasLength(fields) ? null : String(Buffer.byteLength(bytes))).end(bytes);
  } catch {
    // A status or header that node:http cannot send: the core has checked what applications give.
    outgoing.destroy();
  }
}

function isLight(response: object): response is NodeResponse {
  return response instanceof NodeResponse;
}

function fieldsOf(response: Response): string[] {
  const fields: string[] = [];
  for (const [name, value] of response.headers) fields.push(name, value);
  return fields;
}

/** `length` is said if it is not null. */
function begin(outgoing: ServerResponse, { status, statusText }: Response | NodeResponse, fields: string[], length: string | null): ServerResponse {
  if (length !== null) fields.push("Content-Length", length);
  return statusText === "" ? outgoing.writeHead(status, fields) : outgoing.writeHead(status, statusText, fields);
}

interface Streaming {
  readonly response: Response | NodeResponse;
  readonly fields: string[];
  readonly stream: ReadableStream<Uint8Array>;
}

/** Reads no faster than the client does. The head does not wait for the first chunk, unless that is there already. */
async function pump(outgoing: ServerResponse, { response, fields, stream }: Streaming): Promise<void> {
  const reader = stream.getReader();
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) reader.cancel(clientGone()).catch(nothing);
  });
  try {
    const declared = lengthOf(fields);
    const first = reader.read();
    const early = await soon(first);
    // What was whole all along is sent as whole. The gateway has seen to that itself, and asks for no chunk ahead of time.
    const looksAhead = declared < 0 && early !== null && !isLight(response);
    let ahead = looksAhead && !early.done ? reader.read() : null;
    const whole = looksAhead && early.done ? 0 : ahead !== null && (await soon(ahead))?.done ? early!.value!.length : -1;
    begin(outgoing, response, fields, whole < 0 ? null : String(whole));
    if (early === null) outgoing.flushHeaders();
    let room = declared < 0 ? Infinity : declared;
    for (let result: Awaited<typeof first> = early ?? await first; !result.done && room > 0; result = await next()) {
      // More than was declared would be taken for the next answer.
      const chunk = result.value.length > room ? result.value.subarray(0, room) : result.value;
      room -= chunk.length;
      if (!outgoing.write(chunk) && !outgoing.destroyed) await drained(outgoing);
    }
    if (room === 0) reader.cancel().catch(nothing);
    if (room > 0 && room !== Infinity) outgoing.destroy();
    else outgoing.end();

    function next(): ReturnType<typeof reader.read> {
      const reading = ahead ?? reader.read();
      ahead = null;
      return reading;
    }
  } catch {
    // Told by whoever made the stream. An orderly end would look like the whole.
    outgoing.destroy();
    reader.cancel().catch(nothing);
  }
}

/** What a promise has come to after a few turns of the microtask queue; null if to nothing yet. */
async function soon<T>(promise: Promise<T>): Promise<T | null> {
  let found: { readonly value: T } | null = null;
  promise.then((value) => (found = { value }), nothing);
  for (let turn = 0; turn < 4 && found === null; turn++) await undefined;
  return (found as { readonly value: T } | null)?.value ?? null;
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off("drain", done);
      outgoing.off("close", done);
      resolve();
    };
    outgoing.on("drain", done);
    outgoing.on("close", done);
  });
}

function hasLength(fields: readonly string[]): boolean {
  return lengthOf(fields) >= 0;
}

/** The Content-Length among the fields; -1 if there is none. */
function lengthOf(fields: readonly string[]): number {
  for (let at = 0; at < fields.length; at += 2) {
    if (fields[at]!.length === 14 && fields[at]!.toLowerCase() === "content-length") return Number(fields[at + 1]);
  }
  return -1;
}

/** node:http writes the head with the encoding of a text that follows it, and a header is bytes. */
function isAscii(text: string): boolean {
  return !/[^\x00-\x7f]/.test(text);
}

function nothing(): void {}
