/**
 * A claim about everything of a kind, tried with random cases that shrink to the smallest one that breaks it (fast-check).
 *
 * A failure prints its seed: TSGI_TEST_SEED=N tells the same again, and TSGI_TEST_RUNS=N tries so many cases.
 */
import { test } from "node:test";
import process from "node:process";
import fc from "fast-check";

const seed = process.env.TSGI_TEST_SEED;
const wanted = process.env.TSGI_TEST_RUNS;

/** `claim` throws where it does not hold. */
export function property<T>(name: string, cases: fc.Arbitrary<T>, claim: (one: T) => void | Promise<void>, { runs = 300 }: { readonly runs?: number } = {}): void {
  test(name, async () => {
    await fc.assert(fc.asyncProperty(cases, async (one) => void (await claim(one))), {
      numRuns: wanted === undefined ? runs : Number(wanted),
      ...(seed === undefined ? {} : { seed: Number(seed) }),
      // So many cases on a slow machine are still a result.
      ...(wanted === undefined ? { interruptAfterTimeLimit: 8000 } : {}),
    });
  });
}
