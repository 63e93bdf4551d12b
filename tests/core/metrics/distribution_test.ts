import assert from "node:assert/strict";
import { test } from "node:test";
import { bucketOf, bucketStart, countUpTo, emptyDistribution, merge, observe, quantile, RELATIVE_ERROR, since } from "../../../core/metrics/distribution.ts";

/** The same numbers at every run. */
function numbers(count: number): number[] {
  let seed = 12345;
  return Array.from({ length: count }, () => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return 10 ** (9 * (seed / 2 ** 31) - 6);
  });
}

function of(values: readonly number[]) {
  const made = emptyDistribution();
  for (const value of values) observe(made, value);
  return made;
}

test("bucketOf() is the bucket whose start is not above the value, and the next one's is", () => {
  for (const value of [1e-300, 1e-6, 0.1, 1, 1 + 2 ** -52, 63 / 64, 3, 1e9, 1e300, ...numbers(1000)]) {
    const bucket = bucketOf(value);
    assert.ok(bucketStart(bucket) <= value && value < bucketStart(bucket + 1), String(value));
  }
  assert.equal(bucketOf(0), 0);
});

test("quantile() is never further from the truth than RELATIVE_ERROR, over nine powers of ten", () => {
  assert.ok(RELATIVE_ERROR <= 0.02);
  const values = numbers(20_000);
  const sorted = [...values].sort((a, b) => a - b);
  const made = of(values);
  for (let q = 0; q <= 1; q += 0.001) {
    const exact = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1]!;
    assert.ok(Math.abs(quantile(made, q)! - exact) <= exact * RELATIVE_ERROR, `q ${q}: ${quantile(made, q)} for ${exact}`);
  }
});

test("quantile() of nothing is null, of zeros zero", () => {
  assert.equal(quantile(emptyDistribution(), 0.5), null);
  assert.equal(quantile(of([0, 0]), 0.99), 0);
});

test("merge() of parts is the whole", () => {
  const values = numbers(1000);
  const whole = of(values);
  const parts = of(values.slice(0, 300));
  merge(parts, of(values.slice(300)));
  assert.deepEqual(parts.buckets, whole.buckets);
  assert.equal(parts.count, 1000);
  assert.ok(Math.abs(parts.sum / whole.sum - 1) < 1e-12);
});

test("since() is what came in between", () => {
  const before = of([1, 2]);
  const now = of([1, 2]);
  observe(now, 2);
  observe(now, 5);
  assert.deepEqual(since(now, before), of([2, 5]));
});

test("countUpTo() misses no value that is at most the bound, and takes none that is 1.6 % above it", () => {
  for (const bound of [0.001, 0.005, 0.1, 0.5, 1, 2.5, 10]) {
    assert.equal(countUpTo(of([bound]), bound), 1, `${bound} itself`);
    assert.equal(countUpTo(of([bound * 1.016]), bound), 0, `above ${bound}`);
    assert.equal(countUpTo(of([bound / 2]), bound), 1);
  }
});

test("observe() refuses what has no place", () => {
  for (const value of [-1, NaN, Infinity]) assert.throws(() => observe(emptyDistribution(), value), RangeError);
});
