import { parseEtags, unquoteEtag } from "./etag.ts";
import { parseHttpDate } from "./http_date.ts";
import type { Environ } from "./types.ts";

/** What a representation says about itself. */
export interface Validators {
  /** As in the ETag header, quotes and `W/` included. */
  etag?: string;
  /** Milliseconds since 1970. */
  lastModified?: number;
  /** Unless false, If-Range has no say. Say false to ask whether a Range may be honoured. */
  ignoreIfRange?: boolean;
}

/**
 * Whether the client needs the representation: false if what it holds is still good (RFC 9110 13, SPEC U-12).
 *
 * If-Match that does not match says false too: answer 412 there, not 304. Otherwise If-None-Match decides alone if it is there,
 * compared weakly; else If-Modified-Since, which counts for GET, HEAD and QUERY only. With `ignoreIfRange: false`, a Range header and
 * an If-Range, only If-Range decides: false means that the range may be sent. A weak tag there never matches.
 *
 * @example
 * ```ts
 * const etag = '"2026-11"';
 * if (!isResourceModified(environ, { etag })) {
 *   startResponse("304 Not Modified", [["ETag", etag]]);
 *   return [];
 * }
 * ```
 */
export function isResourceModified(environ: Environ, validators: Validators): boolean {
  const ifRange = environ.HTTP_IF_RANGE;
  if (validators.ignoreIfRange === false && environ.HTTP_RANGE !== undefined && ifRange !== undefined) {
    return !rangeHolds(ifRange, validators);
  }
  const ifMatch = environ.HTTP_IF_MATCH;
  if (ifMatch !== undefined && !matches(ifMatch, validators, "strong")) return false;
  const ifNoneMatch = environ.HTTP_IF_NONE_MATCH;
  if (ifNoneMatch !== undefined) return !matches(ifNoneMatch, validators, "weak");
  return isNewer(environ, validators.lastModified);
}

function rangeHolds(ifRange: string, { etag, lastModified }: Validators): boolean {
  const date = parseHttpDate(ifRange);
  // RFC 9110 13.1.5: the very date, not a later one.
  if (date !== null) return lastModified !== undefined && inSeconds(lastModified) === date;
  return etag !== undefined && matches(ifRange, { etag }, "strong");
}

function matches(header: string, { etag, lastModified }: Validators, comparison: "strong" | "weak"): boolean {
  const { strong, weak, star } = parseEtags(header);
  // "*" asks whether there is anything at all: whoever knows a validator has something.
  if (star) return etag !== undefined || lastModified !== undefined;
  if (etag === undefined) return false;
  const [tag, isWeak] = unquoteEtag(etag);
  if (comparison === "strong") return !isWeak && strong.has(tag);
  return strong.has(tag) || weak.has(tag);
}

function isNewer(environ: Environ, lastModified: number | undefined): boolean {
  const header = environ.HTTP_IF_MODIFIED_SINCE;
  if (header === undefined || lastModified === undefined) return true;
  if (!["GET", "HEAD", "QUERY"].includes(environ.REQUEST_METHOD)) return true;
  // Browsers of the nineties appended "; length=123".
  const since = parseHttpDate(header.replace(/;.*$/s, ""));
  return since === null || inSeconds(lastModified) > since;
}

/** HTTP's dates have no milliseconds: without this, no file would ever be unmodified. */
function inSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
