import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRange, satisfyRange } from "../../../core/gateway/range.ts";

const READ: readonly [id: string, value: string, unit: string, ranges: [number, number | null][]][] = [
  ["T405", "bytes=52-", "bytes", [[52, null]]],
  ["T406", "bytes=52-99", "bytes", [[52, 100]]],
  ["T409", "AWesomes=0-999", "awesomes", [[0, 1000]]],
];

for (const [id, value, unit, ranges] of READ) {
  test(`${id} parseRange() reads ${value}`, () => assert.deepEqual(parseRange(value), { unit, ranges }));
}

const UNREADABLE: readonly [id: string, value: string][] = [
  ["T404", "bytes=52"],
  ["T410", "bytes=-"],
  ["T411", "bytes=bad"],
  ["T412", "bytes=bad-1"],
  ["T415", "+1-"],
  ["T416", "bytes=1-1_23"],
  ["T417", "bytes=456-123"],
];

for (const [id, value] of UNREADABLE) {
  test(`${id} parseRange() refuses ${value}`, () => assert.equal(parseRange(value), null));
}

test("parseRange() reads several ranges in order and a suffix, and refuses disorder", () => {
  assert.deepEqual(parseRange("bytes=0-9, 20-29,-5")?.ranges, [[0, 10], [20, 30], [-5, null]]);
  const refused = ["bytes=20-29,0-9", "bytes=0-9,5-14", "bytes=0-9,9-14", "bytes=5-,9-", "bytes=-5,9-", "bytes=", "bytes=1-2,", "=1-2"];
  for (const value of refused) {
    assert.equal(parseRange(value), null, value);
  }
});

const SATISFIED: readonly [id: string, value: string, size: number, result: [number, number] | "unsatisfiable" | null][] = [
  ["T419", "bytes=123-456", 500, [123, 457]],
  ["T420", "bytes=123-", 500, [123, 500]],
  ["T421", "bytes=-100", 500, [400, 500]],
  ["T423", "bytes=499-499", 500, [499, 500]],
  ["T424", "bytes=123-999", 500, [123, 500]],
  ["T425", "bytes=-999", 500, [0, 500]],
  ["T428", "bytes=-0", 500, "unsatisfiable"],
  ["T429", "bytes=0-", 0, null],
];

for (const [id, value, size, result] of SATISFIED) {
  test(`${id} satisfyRange() applies ${value} to ${size} bytes`, () => {
    const expected = Array.isArray(result) ? { start: result[0], end: result[1] } : result;
    assert.deepEqual(satisfyRange(parseRange(value), size), expected);
  });
}

test("satisfyRange() ignores other units and several ranges, and refuses a start beyond the end", () => {
  assert.equal(satisfyRange(parseRange("lines=0-1"), 500), null);
  assert.equal(satisfyRange(parseRange("bytes=0-1,4-5"), 500), null);
  assert.equal(satisfyRange(null, 500), null);
  assert.deepEqual(satisfyRange(parseRange("bytes=0-"), 500), { start: 0, end: 500 });
  assert.equal(satisfyRange(parseRange("bytes=500-"), 500), "unsatisfiable");
});
