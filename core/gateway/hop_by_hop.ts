/** wsgiref's list, plus Proxy-Connection, which browsers of old send to proxies (SPEC S-7). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailers",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Whether a header of this name belongs to one connection, and so to the server alone (RFC 9110 7.6.1, SPEC U-6).
 *
 * `Trailer` is not on the list: it describes the message. `Transfer-Encoding` is, although startResponse lets the single value
 * `chunked` pass, and drops it.
 *
 * @example
 * ```ts
 * isHopByHop("Keep-Alive"); // true
 * isHopByHop("Content-Type"); // false
 * ```
 */
export function isHopByHop(name: string): boolean {
  // The longest is 19 letters: a long name costs nothing.
  return name.length <= 19 && HOP_BY_HOP.has(name.toLowerCase());
}
