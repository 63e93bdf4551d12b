/**
 * Header lists: what an application gives to startResponse and middleware edits. Names compare case-insensitively, order and
 * repetition are kept, and the changing functions change the list in place (SPEC U-7).
 *
 * All throw `TypeError` for something that is not an Array: a string or a `Headers` object would seem to have no headers.
 *
 * @module
 */

import { isHopByHop } from "./hop_by_hop.ts";
import type { HeaderList, HeaderTuple } from "./types.ts";

/** RFC 2616 7.1, as wsgiref and werkzeug have it: what describes the body, not the exchange. */
const ENTITY_HEADERS: ReadonlySet<string> = new Set([
  "allow",
  "content-encoding",
  "content-language",
  "content-length",
  "content-location",
  "content-md5",
  "content-range",
  "content-type",
  "expires",
  "last-modified",
]);

/**
 * The first value under this name, else `fallback`.
 *
 * @example
 * ```ts
 * getHeader([["Content-Type", "text/plain"]], "content-type"); // "text/plain"
 * ```
 */
export function getHeader(headers: HeaderList, name: string, fallback?: string): string | undefined {
  const wanted = name.toLowerCase();
  return list(headers).find((header) => isNamed(header, wanted))?.[1] ?? fallback;
}

/**
 * Every value under this name, in order.
 *
 * @example
 * ```ts
 * getHeaders([["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]], "set-cookie"); // ["a=1", "b=2"]
 * ```
 */
export function getHeaders(headers: HeaderList, name: string): string[] {
  const wanted = name.toLowerCase();
  return list(headers).filter((header) => isNamed(header, wanted)).map((header) => header[1]);
}

/**
 * Whether there is a header of this name, even an empty one.
 *
 * @example
 * ```ts
 * hasHeader([["ETag", '"1"']], "etag"); // true
 * ```
 */
export function hasHeader(headers: HeaderList, name: string): boolean {
  const wanted = name.toLowerCase();
  return list(headers).some((header) => isNamed(header, wanted));
}

/**
 * Leaves exactly one header of this name: in the place of the first, or at the end.
 *
 * The tuple is replaced, not changed: another list may hold the same one.
 *
 * @example
 * ```ts
 * const headers: HeaderList = [["foo", "bar"], ["Vary", "Accept"], ["Foo", "more"]];
 * setHeader(headers, "foo", "baz"); // headers is [["foo", "baz"], ["Vary", "Accept"]]
 * ```
 */
export function setHeader(headers: HeaderList, name: string, value: string): void {
  const wanted = name.toLowerCase();
  const at = list(headers).findIndex((header) => isNamed(header, wanted));
  if (at < 0) {
    headers.push([name, value]);
    return;
  }
  headers[at] = [name, value];
  keepOnly(headers, (header, index) => index <= at || !isNamed(header, wanted));
}

/**
 * Removes every header of this name.
 *
 * @example
 * ```ts
 * deleteHeader(headers, "Content-Length");
 * ```
 */
export function deleteHeader(headers: HeaderList, name: string): void {
  const wanted = name.toLowerCase();
  keepOnly(list(headers), (header) => !isNamed(header, wanted));
}

/**
 * Removes the headers that describe a body, for a response that will have none. A 304 may keep `Expires` and `Content-Location`,
 * so these two stay unless `keep` says otherwise; `keep` is in lower case.
 *
 * @example
 * ```ts
 * const headers: HeaderList = [["Date", "..."], ["Content-Type", "text/html"], ["Content-Length", "23"]];
 * removeEntityHeaders(headers); // headers is [["Date", "..."]]
 * ```
 */
export function removeEntityHeaders(headers: HeaderList, keep: readonly string[] = ["expires", "content-location"]): void {
  keepOnly(list(headers), ([name]) => {
    const lower = name.toLowerCase();
    return !ENTITY_HEADERS.has(lower) || keep.includes(lower);
  });
}

/**
 * Removes the headers of one connection, and those that `Connection` names as such: what a proxy must do before it passes a
 * message on (RFC 9110 7.6.1).
 *
 * @example
 * ```ts
 * const headers: HeaderList = [["Connection", "X-Trace"], ["Foo", "bar"], ["X-Trace", "1"]];
 * removeHopByHopHeaders(headers); // headers is [["Foo", "bar"]]
 * ```
 */
export function removeHopByHopHeaders(headers: HeaderList): void {
  const named = new Set(getHeaders(headers, "connection").flatMap((value) => value.split(",").map((name) => name.trim().toLowerCase())));
  keepOnly(headers, ([name]) => !isHopByHop(name) && !named.has(name.toLowerCase()));
}

/**
 * A header value with parameters, each quoted; null gives a parameter without a value.
 *
 * Nothing is checked here: startResponse refuses control characters wherever they come from.
 *
 * @example
 * ```ts
 * headerValue("attachment", { filename: 'the "new" one.txt' }); // 'attachment; filename="the \\"new\\" one.txt"'
 * headerValue("bar", { cheese: null }); // "bar; cheese"
 * ```
 */
export function headerValue(value: string, parameters: Record<string, string | null>): string {
  const written = Object.entries(parameters).map(([name, given]) => given === null ? name : `${name}="${given.replace(/["\\]/g, "\\$&")}"`);
  return [value, ...written].join("; ");
}

function list(headers: HeaderList): HeaderList {
  if (Array.isArray(headers)) return headers;
  throw new TypeError(`Cannot read headers: expected an Array of [name, value], got ${typeof headers}`);
}

function isNamed(header: HeaderTuple, lowerName: string): boolean {
  const name = header[0];
  return name.length === lowerName.length && name.toLowerCase() === lowerName;
}

function keepOnly(headers: HeaderList, wanted: (header: HeaderTuple, index: number) => boolean): void {
  let kept = 0;
  for (const [index, header] of headers.entries()) {
    if (wanted(header, index)) headers[kept++] = header;
  }
  headers.length = kept;
}
