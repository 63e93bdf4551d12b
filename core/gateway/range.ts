/** A Range or, with one range, a Content-Range in the making: `[start, endExclusive]`, null for "to the end". */
export interface ByteRange {
  /** In lower case: `bytes`, for all that is in use. */
  unit: string;
  /** A negative start, and `-0`, is a suffix: the last so many bytes. */
  ranges: [start: number, end: number | null][];
}

/**
 * Reads a Range header; null for anything that must be ignored: malformed, empty, unsorted or overlapping ranges (SPEC U-10).
 *
 * Stricter than RFC 9110 on order and overlap, because such requests are how ranges are abused (CVE-2011-3192).
 *
 * @example
 * ```ts
 * parseRange("bytes=0-499"); // { unit: "bytes", ranges: [[0, 500]] }
 * parseRange("bytes=-500"); // { unit: "bytes", ranges: [[-500, null]] }
 * parseRange("bytes=456-123"); // null
 * ```
 */
export function parseRange(value: string): ByteRange | null {
  const equals = value.indexOf("=");
  const unit = value.slice(0, Math.max(equals, 0)).trim().toLowerCase();
  if (unit === "") return null;
  const ranges: [number, number | null][] = [];
  // Where the next range may begin; null once a range reached to the end.
  let free: number | null = 0;
  for (const item of value.slice(equals + 1).split(",")) {
    const [, first, last] = /^(\d*)\s*-\s*(\d*)$/.exec(item.trim()) ?? [];
    if (first === undefined || last === undefined || first + last === "" || free === null) return null;
    const start = first === "" ? -Number(last) : Number(first);
    const end = first === "" || last === "" ? null : Number(last) + 1;
    if (first !== "" && (start < free || (end !== null && end <= start))) return null;
    ranges.push([start, end]);
    free = end;
  }
  return { unit, ranges };
}

/**
 * What a range means for `size` bytes: the part to send with 206, `"unsatisfiable"` for 416, or null to send the whole with 200.
 *
 * Null for units other than bytes, for several ranges (a multipart answer is never owed) and for an empty file. An end beyond the
 * size is cut; a suffix longer than the size is the whole; a start beyond it, and the suffix `-0`, cannot be satisfied.
 *
 * @example
 * ```ts
 * satisfyRange(parseRange("bytes=123-999"), 500); // { start: 123, end: 500 }
 * satisfyRange(parseRange("bytes=500-"), 500); // "unsatisfiable"
 * ```
 */
export function satisfyRange(range: ByteRange | null, size: number): { start: number; end: number } | "unsatisfiable" | null {
  const [only, ...more] = range?.ranges ?? [];
  if (range?.unit !== "bytes" || only === undefined || more.length > 0 || size === 0) return null;
  const [start, end] = only;
  if (Object.is(start, -0) || start >= size) return "unsatisfiable";
  if (start < 0) return { start: Math.max(size + start, 0), end: size };
  return { start, end: Math.min(end ?? size, size) };
}
