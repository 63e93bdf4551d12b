import assert from "node:assert/strict";
import { test } from "node:test";
import { httpDate, parseHttpDate } from "../../../core/gateway/http_date.ts";

const DATES: readonly [id: string, text: string, ms: number | null][] = [
  ["T431", "Sun, 06 Nov 1994 08:49:37 GMT    ", 784111777000],
  ["T432", "Sunday, 06-Nov-94 08:49:37 GMT", 784111777000],
  ["T433", " Sun Nov  6 08:49:37 1994", 784111777000],
  ["T434", "foo", null],
];

for (const [id, text, ms] of DATES) {
  test(`${id} parseHttpDate() reads "${text}"`, () => assert.equal(parseHttpDate(text), ms));
}

test("parseHttpDate() refuses days and hours that do not exist", () => {
  assert.equal(parseHttpDate("Fri, 00 Jan 2026 08:49:37 GMT"), null);
  assert.equal(parseHttpDate("Mon, 31 Feb 2026 08:49:37 GMT"), null);
  assert.equal(parseHttpDate("Sun, 06 Nov 1994 24:00:00 GMT"), null);
  assert.equal(parseHttpDate("Sun, 06 Nov 1994 08:49:37 +0100"), null);
});

test("httpDate() drops milliseconds and refuses what is no moment", () => {
  assert.equal(httpDate(784111777999), "Sun, 06 Nov 1994 08:49:37 GMT");
  assert.equal(parseHttpDate(httpDate(0)), 0);
  assert.throws(() => httpDate(NaN), RangeError);
});

test("parseHttpDate() reads a two-digit year as the last one that is not far ahead", () => {
  const year = new Date().getUTCFullYear();
  const read = (given: number): number => {
    const digits = String(given % 100).padStart(2, "0");
    return new Date(parseHttpDate(`Monday, 01-Jun-${digits} 00:00:00 GMT`)!).getUTCFullYear();
  };
  assert.equal(read(year), year);
  assert.equal(read(year + 49), year + 49);
  assert.equal(read(year + 51), year - 49);
});
