/** node:http's request, as much of a Request as a gateway uses: any method, and a body with any of them. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { targetOf } from "./node_target.ts";

/** Members are made when asked for. */
export class NodeRequest {
  readonly method: string;
  readonly url: string;
  readonly signal: AbortSignal;
  readonly #incoming: IncomingMessage;
  #headers: Headers | null = null;
  #body: ReadableStream<Uint8Array> | null | undefined;

  constructor(incoming: IncomingMessage, outgoing: ServerResponse) {
    this.#incoming = incoming;
    this.method = incoming.method ?? "GET";
    this.url = urlOf(incoming);
    const gone = new AbortController();
    this.signal = gone.signal;
    outgoing.once("close", () => {
      if (!outgoing.writableFinished) gone.abort(new DOMException("The client has closed the connection", "AbortError"));
    });
    // A body that nobody read would stand in the way of the next request.
    outgoing.once("finish", () => incoming.resume());
  }

  get headers(): Headers {
    return this.#headers ??= headersOf(this.#incoming);
  }

  get body(): ReadableStream<Uint8Array> | null {
    return this.#body ??= hasBody(this.#incoming) ? bodyOf(this.#incoming) : null;
  }
}

/** The client's raw text behind scheme and Host; an absolute-form target as it is. The gateway refuses what is no URL. */
function urlOf(incoming: IncomingMessage): string {
  const target = targetOf(incoming);
  if (/^https?:\/\//i.test(target)) return target;
  const scheme = "encrypted" in incoming.socket ? "https" : "http";
  const host = incoming.headers.host ?? incoming.headers[":authority"] ?? authorityOf(incoming);
  return `${scheme}://${String(host)}${target.startsWith("/") ? target : `/${target}`}`;
}

/** HTTP/1.0 without Host: where the client has connected to. */
function authorityOf({ socket }: IncomingMessage): string {
  const { localAddress = "localhost", localPort } = socket;
  const name = localAddress.includes(":") ? `[${localAddress}]` : localAddress;
  return localPort === undefined ? "localhost" : `${name}:${localPort}`;
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    // HTTP/2 has its request line among them.
    if (name.startsWith(":")) continue;
    if (name.toLowerCase() === "cookie" && headers.has("cookie")) headers.set("cookie", `${headers.get("cookie")}; ${rawHeaders[i + 1]!}`);
    else headers.append(name, rawHeaders[i + 1]!);
  }
  return headers;
}

function hasBody({ headers, httpVersionMajor, method }: IncomingMessage): boolean {
  if (headers["transfer-encoding"] !== undefined) return true;
  if (headers["content-length"] !== undefined) return headers["content-length"] !== "0";
  return httpVersionMajor >= 2 && method !== "GET" && method !== "HEAD";
}

/** Chunk by chunk, as they are asked for. */
function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  let isOpen = true;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      incoming.on("data", (chunk: Uint8Array) => {
        if (!isOpen) return;
        incoming.pause();
        controller.enqueue(new Uint8Array(chunk.buffer as ArrayBuffer, chunk.byteOffset, chunk.byteLength));
      });
      incoming.pause();
      incoming.once("end", () => end(() => controller.close()));
      incoming.once("error", (error) => end(() => controller.error(error)));
      incoming.once("close", () => end(() => controller.error(new Error("Cannot read the request body: the client has closed the connection"))));

      function end(run: () => void): void {
        if (isOpen) run();
        isOpen = false;
      }
    },
    pull: () => void incoming.resume(),
    cancel: () => {
      isOpen = false;
    },
  }, { highWaterMark: 0 });
}
