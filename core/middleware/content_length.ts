import { hasHeader } from "../gateway/header_list.ts";
import type { Chunk, Middleware } from "../gateway/types.ts";
import { intercept } from "./intercept.ts";

/**
 * Adds Content-Length where the body is an Array and the application said nothing; not to a 204, 205 or 304.
 *
 * Every TSGI gateway does so itself. This is for middleware outside that wants to know, and for HEAD in front of {@linkcode head}.
 *
 * @example
 * ```ts
 * const application = compose(head(), contentLength())(shop);
 * ```
 */
export function contentLength(): Middleware {
  return (app) => (environ, startResponse) =>
    intercept(app, environ, startResponse, ({ status, headers, body }) => {
      if (Array.isArray(body) && !/^(?:204|205|304) /.test(status) && !hasHeader(headers, "content-length")) {
        headers.push(["Content-Length", String(byteLength(body))]);
      }
      return undefined;
    });
}

/** How many bytes these chunks will be on the wire. */
export function byteLength(chunks: readonly Chunk[]): number {
  return chunks.reduce((total, chunk) => total + (typeof chunk === "string" ? new TextEncoder().encode(chunk).length : chunk.length), 0);
}
