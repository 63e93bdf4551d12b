import assert from "node:assert/strict";
import { test } from "node:test";
import { due, LONGEST, notice, QUIET, type Unsettled } from "../../../core/arbiter/debounce.ts";

test("due() waits until nothing has changed for a while", () => {
  const first = notice(null, ["a.ts"], 1000)!;
  assert.equal(due(first), 1000 + QUIET);
  assert.equal(due(notice(first, ["b.ts"], 1100)!), 1100 + QUIET);
  assert.ok(QUIET >= 100 && QUIET <= 200);
});

test("due() does not wait for ever for a file that never stops changing", () => {
  let unsettled: Unsettled | null = null;
  for (let at = 0; at < 10_000; at += 100) unsettled = notice(unsettled, ["app.log"], at);
  assert.equal(due(unsettled!), LONGEST);
});

test("notice() keeps every file once, in order, and nothing when nothing changed", () => {
  assert.equal(notice(null, [], 1), null);
  const one = notice(null, ["b.ts", "a.ts"], 1);
  assert.equal(notice(one, [], 5), one);
  assert.deepEqual(notice(one, ["a.ts", "c.ts"], 5), { first: 1, last: 5, files: ["b.ts", "a.ts", "c.ts"] });
});
