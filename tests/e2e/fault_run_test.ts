/** A quick part of what `npm run faults` does. What has tests of its own elsewhere is left to them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FAULTS } from "./fault_cases.ts";
import { problemsOf } from "./fault_run.ts";
import { runtime } from "./server.ts";

const ELSEWHERE = /arbiter is killed|file descriptors|out of memory|wall clock|stands still|rotated|logs' disk|port is taken|cannot be read/;
test("problemsOf() tells what was lost without a reason, what took too long, and who had to wait", () => {
  const outcome = { sent: 100, answered: 97, lost: 3, why: { ECONNRESET: 3 }, recovery: 1500, p99: 200, note: "", warnings: [] };
  const fault = { name: "", how: "", run: () => Promise.resolve(outcome) };
  const goal = { whole: 1000, p99: 100 };
  assert.deepEqual(problemsOf({ ...fault, others: true }, outcome, goal), [
    'lost 3 requests, where killed processes held 0 at most: {"ECONNRESET":3}', "whole again after 1500 ms, later than 1000 ms", "p99 of other clients is 200 ms, more than 100 ms",
  ]);
  assert.deepEqual(problemsOf({ ...fault, held: () => 3 }, { ...outcome, recovery: null }, goal), []);
});

for (const fault of FAULTS.filter(({ name }) => !ELSEWHERE.test(name))) {
  test(`faults: ${fault.name}`, { skip: fault.missing ?? false }, async () => {
    const outcome = await fault.run({ idle: 500, slow: 200, seconds: 2, times: 4 });
    const { sent, lost, recovery, p99, note } = outcome;
    console.log(`${runtime}: ${fault.name}: ${sent} sent, ${lost} lost, ${recovery === null ? "" : `whole again after ${Math.round(recovery)} ms, `}p99 ${p99.toFixed(1)} ms; ${note}`);
    // The machine runs other tests too.
    assert.deepEqual(problemsOf(fault, outcome, { whole: 10_000, p99: 1000 }), [], outcome.warnings.join("\n"));
  });
}
