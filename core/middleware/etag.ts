import { hasHeader, setHeader } from "../gateway/header_list.ts";
import { quoteEtag } from "../gateway/etag.ts";
import type { Body, Chunk, HeaderList, Middleware, Status } from "../gateway/types.ts";
import { intercept } from "./intercept.ts";

/** What {@linkcode etag} says of caching. */
export interface EtagOptions {
  /** Cache-Control for answers that got an ETag and say nothing of caching; null adds none. */
  readonly cacheControl?: string | null;
}

const REVALIDATE = "max-age=0, private, must-revalidate";

/**
 * Gives answers a weak ETag made of their body: those with status 200 or 201, an Array that is not empty as body, and neither ETag nor
 * Last-Modified. Put {@linkcode conditionalGet} in front of it.
 *
 * The hash is not cryptographic. A stream has no ETag: it would have to be kept until its end.
 *
 * @example
 * ```ts
 * const application = compose(conditionalGet(), etag())(shop);
 * ```
 */
export function etag({ cacheControl = REVALIDATE }: EtagOptions = {}): Middleware {
  return (app) => (environ, startResponse) =>
    intercept(app, environ, startResponse, ({ status, headers, body }) => {
      const hash = body === null || !isTaggable(status, headers) ? null : hashOf(body);
      if (hash === null) return undefined;
      setHeader(headers, "ETag", quoteEtag(hash, true));
      if (cacheControl !== null && !hasHeader(headers, "cache-control")) setHeader(headers, "Cache-Control", cacheControl);
      return undefined;
    });
}

function isTaggable(status: Status, headers: HeaderList): boolean {
  return /^20[01] /.test(status) && !hasHeader(headers, "etag") && !hasHeader(headers, "last-modified");
}

/** Null if there is no byte to make it of, or if the body is more than its chunks. */
function hashOf(body: Body): string | null {
  if (!Array.isArray(body)) return null;
  const chunks = (body as Chunk[]).map((chunk) => typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk);
  const length = chunks.reduce((total, chunk) => total + chunk.length, 0);
  return length === 0 ? null : `${length.toString(36)}-${hash(chunks)}`;
}

/** Two FNV-1a lanes of 32 bits with different offsets and a final mix: 64 bits without BigInt. */
function hash(chunks: readonly Uint8Array[]): string {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!;
      a = Math.imul(a ^ byte, 0x01000193);
      b = Math.imul(b ^ byte ^ (b >>> 15), 0x5bd1e995);
    }
  }
  return mixed(a) + mixed(b);
}

/** FNV leaves the last bytes in the low bits only. */
function mixed(lane: number): string {
  let bits = Math.imul(lane ^ (lane >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return ((bits ^ (bits >>> 16)) >>> 0).toString(16).padStart(8, "0");
}
