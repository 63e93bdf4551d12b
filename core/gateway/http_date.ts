const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const TIME = "(?<hour>[01]\\d|2[0-3]):(?<minute>[0-5]\\d):(?<second>[0-5]\\d|60)";
const MONTH = `(?<month>${MONTHS.join("|")})`;

// RFC 9110 5.6.7: what is sent today, RFC 850's and C's asctime(). All three must be read.
const FORMS = [
  new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`),
  new RegExp(`^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT$`),
  new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`),
];

/**
 * A moment as HTTP writes it, in whole seconds. `ms` is milliseconds since 1970, and now if left out.
 *
 * Throws `RangeError` for what is no moment.
 *
 * @example
 * ```ts
 * httpDate(784111777000); // "Sun, 06 Nov 1994 08:49:37 GMT"
 * ```
 */
export function httpDate(ms: number = Date.now()): string {
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) throw new RangeError(`Cannot write a date: expected milliseconds since 1970, got ${ms}`);
  // ECMAScript defines this text to the letter since 2018, and it is the IMF-fixdate of RFC 9110.
  return date.toUTCString();
}

/**
 * Reads a date in any of HTTP's three forms: milliseconds since 1970, or null. The weekday must be one, but need not be right.
 *
 * `Date.parse` would read far more than HTTP allows, and differs between engines.
 *
 * @example
 * ```ts
 * parseHttpDate("Sunday, 06-Nov-94 08:49:37 GMT"); // 784111777000
 * parseHttpDate("yesterday"); // null
 * ```
 */
export function parseHttpDate(value: string): number | null {
  const text = value.trim();
  for (const form of FORMS) {
    const found = form.exec(text)?.groups;
    if (found !== undefined) return moment(found);
  }
  return null;
}

function moment(found: Record<string, string>): number | null {
  const day = Number(found.day);
  const month = MONTHS.indexOf(found.month ?? "");
  const year = found.year?.length === 2 ? nearest(Number(found.year)) : Number(found.year);
  // setUTCFullYear, since Date.UTC reads the years 0 to 99 as 1900 to 1999.
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  if (date.getUTCMonth() !== month || date.getUTCDate() !== day) return null;
  return date.setUTCHours(Number(found.hour), Number(found.minute), Number(found.second));
}

/** RFC 9110: a two-digit year that seems more than 50 years ahead is the last one with these digits. */
function nearest(digits: number): number {
  const now = new Date().getUTCFullYear();
  const year = now - now % 100 + digits;
  return year > now + 50 ? year - 100 : year;
}
