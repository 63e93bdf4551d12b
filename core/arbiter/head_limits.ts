/**
 * gunicorn's limits of a request's head, as far as the native server shows it. Fields of the same name have been joined by then, so they
 * are counted as one field with all their values.
 */
import type { Settings } from "../settings/table.ts";
import type { Check } from "./gate.ts";
import { firstRefusal } from "./refusals.ts";

type Limits = Pick<Settings, "limitRequestLine" | "limitRequestFields" | "limitRequestFieldSize">;

/** " HTTP/1.1" and the blank before the target. */
const REST_OF_LINE = 10;

/** The checks that are asked for. */
export function headLimits({ limitRequestLine, limitRequestFields, limitRequestFieldSize }: Limits): Check[] {
  const checks: Check[] = [];
  if (limitRequestLine > 0) checks.push(({ method, url }) => checkLine(method, url, limitRequestLine));
  if (limitRequestFields > 0 || limitRequestFieldSize > 0) checks.push(({ headers }) => checkFields(headers, limitRequestFields || Infinity, limitRequestFieldSize || Infinity));
  return checks;
}

function checkLine(method: string, url: string, limit: number): ReturnType<Check> {
  if (url.length <= limit - REST_OF_LINE - method.length) return null;
  const target = Math.max(0, url.indexOf("/", url.indexOf("://") + 3));
  const length = method.length + url.length - target + REST_OF_LINE;
  return length > limit ? { status: 414, why: "line", reason: `Request Line is too large (${length} > ${limit})` } : null;
}

/** A field's size is that of its line without the end: name, colon, blank and value. */
function checkFields(headers: Headers, most: number, largest: number): ReturnType<Check> {
  let count = 0;
  return firstRefusal(headers, (value, name) => {
    if (++count > most) return { status: 431, why: "fields", reason: "limit request headers fields" };
    return name.length + value.length + 2 > largest ? { status: 431, why: "field-size", reason: "limit request headers fields size" } : null;
  });
}
