/** httpProxy by node:http, which sets Host as it is told (Deno's fetch does not) and leaves an encoded body encoded. */
import { request as requestHttp, type IncomingMessage } from "node:http";
import { request as requestHttps } from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream as NodeStream } from "node:stream/web";
import { httpProxy as httpProxyBy, type HttpProxyOptions, type ProxyTarget } from "../core/middleware/contrib/http_proxy.ts";
import type { Middleware } from "../core/gateway/types.ts";

/**
 * Passes requests under these prefixes on to other servers, and the rest to the application. For development: a server in front does it
 * better.
 *
 * Headers of the connection stay here, both ways. No connection gives a 502, no answer in time a 504. A path with `.` or `..` is a 400,
 * since it could lead out of what the target shows.
 *
 * Throws `SyntaxError` for a prefix without a slash in front, and `TypeError` for a target that is no URL.
 *
 * @example
 * ```ts
 * const application = httpProxy({ "/assets": { target: "http://127.0.0.1:5173", removePrefix: true } })(shop);
 * ```
 */
export function httpProxy(targets: Readonly<Record<string, ProxyTarget>>, options: HttpProxyOptions = {}): Middleware {
  return httpProxyBy(targets, { fetch: ask, ...options });
}

function ask(url: string, init: RequestInit): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const request = (url.startsWith("https:") ? requestHttps : requestHttp)(url, {
    method: init.method ?? "GET",
    headers: Object.fromEntries(init.headers as Headers),
  });
  // The option `signal` would do, but Deno 2.9.5 does not heed it on a connection that was used before.
  const abort = (): void => {
    reject(init.signal?.reason);
    request.destroy();
  };
  init.signal?.addEventListener("abort", abort, { once: true });
  request.once("close", () => init.signal?.removeEventListener("abort", abort));
  request.once("response", (message) => resolve(responseOf(message)));
  // An upgrade would leave the promise open for ever; nobody asked for one.
  request.once("upgrade", (_message, socket) => {
    socket.destroy();
    reject(new Error("Cannot pass an upgrade on"));
  });
  request.on("error", reject);
  if (init.body instanceof ReadableStream) pipeline(Readable.fromWeb(init.body as unknown as NodeStream<Uint8Array>), request).catch(reject);
  else request.end();
  return promise;
}

function responseOf(message: IncomingMessage): Response {
  const status = message.statusCode ?? 502;
  const headers = new Headers();
  for (let at = 0; at < message.rawHeaders.length; at += 2) headers.append(message.rawHeaders[at]!, message.rawHeaders[at + 1]!);
  const isEmpty = message.method === "HEAD" || [204, 205, 304].includes(status);
  if (isEmpty) message.resume();
  const body = isEmpty ? null : Readable.toWeb(message) as unknown as ReadableStream<Uint8Array<ArrayBuffer>>;
  return new Response(body, { status, statusText: message.statusMessage ?? "", headers });
}
