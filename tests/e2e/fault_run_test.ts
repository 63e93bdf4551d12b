/** A quick part of what `npm run faults` does. What has tests of its own elsewhere is left to them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FAULTS } from "./fault_cases.ts";
import { problemsOf } from "./fault_run.ts";
import { runtime } from "./server.ts";

const ELSEWHERE = /arbiter is killed|file descriptors|out of memory|wall clock|stands still|rotated|logs' disk|port is taken|cannot be read/;
for (const fault of FAULTS.filter(({ name }) => !ELSEWHERE.test(name))) {
  test(`faults: ${fault.name}`, { skip: fault.missing ?? false }, async () => {
    const outcome = await fault.run({ idle: 500, slow: 200, seconds: 2, times: 4 });
    const { sent, lost, recovery, p99, note } = outcome;
    console.log(`${runtime}: ${fault.name}: ${sent} sent, ${lost} lost, ${recovery === null ? "" : `whole again after ${Math.round(recovery)} ms, `}p99 ${p99.toFixed(1)} ms; ${note}`);
    // The machine runs other tests too.
    assert.deepEqual(problemsOf(fault, outcome, { whole: 10_000, p99: 1000 }), []);
  });
}
