/**
 * How many of many values were how large, in logarithmic buckets: small, mergeable by adding, and never further from the truth than
 * {@linkcode RELATIVE_ERROR}, from the smallest number to the largest.
 *
 * A bucket is a power of two cut into 64 equal parts, so its number is the upper 18 bits of the value as an IEEE 754 double: no logarithm,
 * no search, about 3 ns. Other parts of the world agree on no layout, so none was given up for that.
 */

/** A quantile is off by at most this share of the true value. */
export const RELATIVE_ERROR = 1 / 128;

/** A plain object, as JSON too. */
export interface Distribution {
  readonly count: number;
  readonly sum: number;
  /** How many by number of bucket, ascending. */
  readonly buckets: Readonly<Record<number, number>>;
}

/** One that is being filled. */
export interface Filling {
  count: number;
  sum: number;
  readonly buckets: Record<number, number>;
}

const SHIFT = 14;
const PARTS = 64;
const BIAS = 1023;
const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);

/** The number of the bucket that a value belongs to. For zero and positive finite numbers. */
export function bucketOf(value: number): number {
  double[0] = value;
  return words[1]! >>> SHIFT;
}

/** The smallest value of a bucket. */
export function bucketStart(bucket: number): number {
  const power = Math.floor(bucket / PARTS);
  return power === 0 ? 0 : 2 ** (power - BIAS) * (1 + (bucket % PARTS) / PARTS);
}

/** What stands for the values of a bucket: its middle. */
export function bucketValue(bucket: number): number {
  return bucket < PARTS ? 0 : (bucketStart(bucket) + bucketStart(bucket + 1)) / 2;
}

export function emptyDistribution(): Filling {
  return { count: 0, sum: 0, buckets: {} };
}

/** Throws RangeError for a value that has no place: negative, infinite, no number. */
export function observe(into: Filling, value: number): void {
  if (!(value >= 0 && value < Infinity)) throw new RangeError(`Cannot observe ${value}: expected a finite number from 0 up`);
  const bucket = bucketOf(value);
  into.buckets[bucket] = (into.buckets[bucket] ?? 0) + 1;
  into.count++;
  into.sum += value;
}

/** Adds all of `more`. */
export function merge(into: Filling, more: Distribution): void {
  into.count += more.count;
  into.sum += more.sum;
  for (const bucket in more.buckets) into.buckets[bucket] = (into.buckets[bucket] ?? 0) + more.buckets[bucket]!;
}

/** What came to `before` since then: the distribution of a period, from the totals at its ends. */
export function since(now: Distribution, before: Distribution): Distribution {
  const buckets: Record<number, number> = {};
  for (const bucket in now.buckets) {
    const more = now.buckets[bucket]! - (before.buckets[bucket] ?? 0);
    if (more > 0) buckets[bucket] = more;
  }
  return { count: now.count - before.count, sum: now.sum - before.sum, buckets };
}

/**
 * The value that the share `q` (0 to 1) of all does not exceed; null if there is none.
 *
 * @example
 * ```ts
 * quantile(stats.requests.duration, 0.99); // seconds
 * ```
 */
export function quantile({ count, buckets }: Distribution, q: number): number | null {
  if (count === 0) return null;
  const rank = Math.max(1, Math.ceil(q * count));
  let seen = 0;
  let last = 0;
  for (const bucket in buckets) {
    seen += buckets[bucket]!;
    last = Number(bucket);
    if (seen >= rank) break;
  }
  return bucketValue(last);
}

/** How many values are at most `bound`, those of its own bucket included: up to 1.6 % larger ones pass for it, and no smaller one is missed. */
export function countUpTo({ buckets }: Distribution, bound: number): number {
  const last = bucketOf(bound);
  let sum = 0;
  for (const bucket in buckets) {
    if (Number(bucket) > last) break;
    sum += buckets[bucket]!;
  }
  return sum;
}
