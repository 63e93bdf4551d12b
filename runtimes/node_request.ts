/**
 * Requests of node:http as the gateway reads them, and as Fetch handlers get them.
 *
 * The platform's own Request costs about as much as all the rest of a small answer. So a TSGI application's requests are what the gateway
 * reads and no more, made on first use; whoever is given a Request gets a real one.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

/** A request's URL as Deno would write it: the client's raw text, with what is no ASCII escaped; null for a target of another form. */
export function urlOf(incoming: IncomingMessage, noHost: string): string | null {
  const target = escaped(incoming.url!);
  const scheme = "encrypted" in incoming.socket ? "https" : "http";
  if (!target.startsWith("/")) return target === "*" ? `${scheme}://${hostOf(incoming) ?? noHost}/*` : /^https?:\/\//i.test(target) ? target : null;
  return `${scheme}://${hostOf(incoming) ?? noHost}${target}`;
}

/** What the gateway reads of a Request; no Request itself, so that whoever needs one makes one. */
export class NodeRequest {
  readonly method: string;
  readonly url: string;
  readonly #incoming: IncomingMessage;
  readonly #outgoing: ServerResponse;
  #headers: RawHeaders | undefined;
  #body: ReadableStream<Uint8Array> | null | undefined;
  #signal: AbortSignal | undefined;

  constructor(url: string, incoming: IncomingMessage, outgoing: ServerResponse) {
    this.method = incoming.method!;
    this.url = url;
    this.#incoming = incoming;
    this.#outgoing = outgoing;
  }

  get headers(): RawHeaders {
    return this.#headers ??= new RawHeaders(this.#incoming.rawHeaders);
  }
  get body(): ReadableStream<Uint8Array> | null {
    return this.#body === undefined ? (this.#body = bodyOf(this.#incoming, this.#outgoing)) : this.#body;
  }
  get signal(): AbortSignal {
    return this.#signal ??= goneSignal(this.#outgoing);
  }
  /** All of the body, when nobody has begun to read it. */
  arrayBuffer(): Promise<ArrayBuffer> {
    return hasBody(this.#incoming) ? collect(this.#incoming) : Promise.resolve(new ArrayBuffer(0));
  }
}

/** The platform's own Request. Throws for what no Request can express: the method CONNECT or TRACE, a Host that makes no URL. */
export function realRequest(url: string, incoming: IncomingMessage, outgoing: ServerResponse): Request {
  const method = incoming.method!;
  const body = method === "GET" || method === "HEAD" ? null : bodyOf(incoming, outgoing);
  const headers = [...pairs(incoming.rawHeaders)];
  const init = { method, headers, signal: goneSignal(outgoing), ...(body === null ? {} : { body, duplex: "half" }) };
  const request = new Request(url, init as RequestInit);
  if (request.method !== method) throw new TypeError(`Cannot make a Request of the method ${method}`);
  return request;
}

/** Headers over node:http's list: every field of a name, as the Fetch standard joins them, in the order it sorts them. */
export class RawHeaders {
  readonly #raw: readonly string[];
  #fields: Map<string, string> | undefined;

  constructor(raw: readonly string[]) {
    this.#raw = raw;
  }

  get(name: string): string | null {
    const wanted = name.toLowerCase();
    if (this.#fields !== undefined) return this.#fields.get(wanted) ?? null;
    let found: string | null = null;
    for (let at = 0; at < this.#raw.length; at += 2) {
      const key = this.#raw[at]!;
      if (key.length !== wanted.length || key.toLowerCase() !== wanted) continue;
      found = found === null ? this.#raw[at + 1]! : joined(wanted, found, this.#raw[at + 1]!);
    }
    return found;
  }
  has(name: string): boolean {
    return this.get(name) !== null;
  }
  forEach(run: (value: string, name: string, headers: RawHeaders) => void): void {
    for (const [name, value] of this) run(value, name, this);
  }
  entries(): MapIterator<[string, string]> {
    return this.#all().entries();
  }
  keys(): MapIterator<string> {
    return this.#all().keys();
  }
  values(): MapIterator<string> {
    return this.#all().values();
  }
  getSetCookie(): string[] {
    return [...pairs(this.#raw)].filter(([name]) => name.toLowerCase() === "set-cookie").map(([, value]) => value);
  }
  [Symbol.iterator](): MapIterator<[string, string]> {
    return this.entries();
  }

  #all(): Map<string, string> {
    if (this.#fields !== undefined) return this.#fields;
    const fields = new Map<string, string>();
    for (const [key, value] of pairs(this.#raw)) {
      const name = key.toLowerCase();
      const before = fields.get(name);
      fields.set(name, before === undefined ? value : joined(name, before, value));
    }
    return this.#fields = new Map([...fields].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

function joined(name: string, before: string, value: string): string {
  return `${before}${name === "cookie" ? "; " : ", "}${value}`;
}

function* pairs(raw: readonly string[]): Generator<[string, string]> {
  for (let at = 0; at < raw.length; at += 2) yield [raw[at]!, raw[at + 1]!];
}

/** Two Host fields make an authority with a comma, which is refused with all others that are no plain host. */
function hostOf(incoming: IncomingMessage): string | null {
  const raw = incoming.rawHeaders;
  let host: string | null = null;
  for (let at = 0; at < raw.length; at += 2) {
    const key = raw[at]!;
    if (key.length === 4 && key.toLowerCase() === "host") host = host === null ? raw[at + 1]! : `${host}, ${raw[at + 1]!}`;
  }
  return host === "" ? null : host;
}

/** node:http gives each byte of the target as one character. */
function escaped(target: string): string {
  return /[^\x00-\x7f]/.test(target) ? target.replace(/[^\x00-\x7f]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`) : target;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] !== undefined && headers["content-length"] !== "0");
}

function bodyOf(incoming: IncomingMessage, outgoing: ServerResponse): ReadableStream<Uint8Array> | null {
  return hasBody(incoming) ? stream(incoming, outgoing) : null;
}

/**
 * Asks the client for no more than is read: one chunk for each time that somebody wants one. Node throws away what nobody has begun to
 * read when the response is over; of what was begun, we throw away the rest, for the connection serves more requests.
 */
function stream(incoming: IncomingMessage, outgoing: ServerResponse): ReadableStream<Uint8Array> {
  let phase: "untouched" | "open" | "over" = "untouched";
  function end(run: () => void): void {
    if (phase !== "over") run();
    phase = "over";
  }
  function begin(controller: ReadableStreamDefaultController<Uint8Array>): void {
    phase = "open";
    listen(incoming, {
      data: (chunk) => {
        if (phase === "over") return;
        incoming.pause();
        controller.enqueue(new Uint8Array(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.length));
      },
      end: () => end(() => controller.close()),
      gone: () => end(() => controller.error(clientGone())),
    });
    outgoing.once("finish", () => {
      end(() => controller.error(new TypeError("Cannot read the request's body: the response is over")));
      incoming.resume();
    });
  }
  return new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (phase === "untouched") begin(controller);
      if (phase === "open") incoming.resume();
    },
    cancel: () => {
      phase = "over";
      incoming.resume();
    },
  }, { highWaterMark: 0 });
}

function collect(incoming: IncomingMessage): Promise<ArrayBuffer> {
  return new Promise((resolve, reject) => {
    const parts: Uint8Array[] = [];
    listen(incoming, { data: (chunk) => void parts.push(chunk), end: () => resolve(concatenated(parts)), gone: () => reject(clientGone()) });
    incoming.resume();
  });
}

interface Listeners {
  data(chunk: Uint8Array): void;
  end(): void;
  /** The client has gone before the end. */
  gone(): void;
}

function listen(incoming: IncomingMessage, { data, end, gone }: Listeners): void {
  if (incoming.destroyed && !incoming.readableEnded) return gone();
  incoming.on("data", data);
  incoming.once("end", end);
  incoming.on("error", gone);
  incoming.once("close", () => {
    if (!incoming.readableEnded) gone();
  });
}

function concatenated(parts: readonly Uint8Array[]): ArrayBuffer {
  const all = new Uint8Array(new ArrayBuffer(parts.reduce((total, part) => total + part.length, 0)));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all.buffer;
}

/** Aborts when the client goes before its answer is complete. */
function goneSignal(outgoing: ServerResponse): AbortSignal {
  const controller = new AbortController();
  const look = () => {
    if (!outgoing.writableFinished) controller.abort(clientGone());
  };
  if (outgoing.closed || outgoing.destroyed) look();
  else outgoing.once("close", look);
  return controller.signal;
}

export function clientGone(): DOMException {
  return new DOMException("The client has closed the connection", "AbortError");
}
