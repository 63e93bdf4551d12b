import assert from "node:assert/strict";
import { test } from "node:test";
import { LAST_ANSWERS, step, worker, type WorkerEffect, type WorkerEvent, type WorkerState } from "../../../core/arbiter/worker.ts";

/** What the last of the events leads to. */
function after(...events: readonly WorkerEvent[]): [WorkerState, string[]] {
  let state = worker(7, 0);
  let effects: WorkerEffect[] = [];
  for (const event of events) [state, effects] = step(state, event);
  return [state, effects.map((e) => (e.type === "log" ? `log ${e.event}` : e.type === "exit" ? `exit ${e.code}` : e.type === "abort" ? `abort ${e.deadline}` : e.type))];
}

const started: WorkerEvent = { type: "started", gracefulTimeout: 30_000, at: 0 };
const loaded: WorkerEvent = { type: "loaded", at: 1 };
const told: WorkerEvent = { type: "signalled", signal: "ABRT", at: 2 };
const closed: WorkerEvent = { type: "closed", at: 3 };

test("step() of a worker told to abort answers first, and then ends with 1", () => {
  assert.deepEqual(after(started, loaded, told), [after(started, loaded, told)[0], ["log aborting", "announce-close", `abort ${LAST_ANSWERS}`]]);
  assert.deepEqual(after(started, loaded, told, told)[1], [], "once");
  assert.deepEqual(after(started, loaded, told, { type: "signalled", signal: "TERM", at: 3 })[1], [], "a later TERM does not slow it down");
  assert.deepEqual(after(started, loaded, told, closed)[1], ["log exiting", "exit 1"]);
  assert.deepEqual(after(started, loaded, { type: "signalled", signal: "TERM", at: 2 }, told, closed)[1], ["log exiting", "exit 1"]);
});

test("step() of a worker told to abort while it loads ends at once", () => {
  assert.deepEqual(after(started, told)[1], ["log aborting", "log exiting", "exit 1"]);
});
