import assert from "node:assert/strict";
import { test } from "node:test";
import { HookQueue, type HookJob, type Outcome } from "../../../core/arbiter/hook_queue.ts";

/** A queue whose waiting ends when the test says. */
function setting() {
  const said: string[] = [];
  let late = () => {};
  const queue = new HookQueue(() => new Promise((resolve) => (late = resolve)));
  const job = (name: string, call: () => unknown, options: Partial<HookJob> = {}): HookJob => ({
    call: () => (said.push(name), call()),
    limit: 1000,
    forStart: false,
    done: (outcome: Outcome) => said.push(`${name} ${outcome.type}`),
    ...options,
  });
  return { said, queue, job, late: () => late() };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

test("HookQueue.add() is over at once for a hook that returns no promise, and says what it threw", () => {
  const { said, queue, job } = setting();
  queue.add(job("a", () => undefined));
  queue.add(job("b", () => { throw new Error("no"); }));
  assert.deepEqual(said, ["a", "a done", "b", "b failed"]);
});

test("HookQueue.add() calls a hook when the one before is over, also one that was added by it", async () => {
  const { said, queue, job } = setting();
  const { promise, resolve } = Promise.withResolvers<void>();
  queue.add(job("a", () => promise));
  queue.add(job("b", () => Promise.reject(new Error("no")), { done: ({ type }) => (said.push(`b ${type}`), queue.add(job("d", () => undefined))) }));
  queue.add(job("c", () => undefined));
  await turn();
  assert.deepEqual(said, ["a"]);
  resolve();
  await turn();
  assert.deepEqual(said, ["a", "a done", "b", "b failed", "c", "c done", "d", "d done"]);
});

test("HookQueue.add() goes on without a hook that takes too long, and hears no more of it", async () => {
  const { said, queue, job, late } = setting();
  const { promise, resolve } = Promise.withResolvers<void>();
  queue.add(job("a", () => promise));
  queue.add(job("b", () => undefined));
  late();
  await turn();
  assert.deepEqual(said, ["a", "a late", "b", "b done"]);
  resolve();
  await turn();
  assert.equal(said.length, 4);
});

test("HookQueue.abandon() ends what it is told to, under way or waiting, and calls the rest", async () => {
  const { said, queue, job } = setting();
  const { promise, resolve } = Promise.withResolvers<void>();
  queue.add(job("a", () => promise, { forStart: true }));
  queue.add(job("b", () => undefined));
  queue.add(job("c", () => undefined, { forStart: true }));
  queue.abandon((one) => one.forStart);
  assert.deepEqual(said, ["a", "a abandoned", "c abandoned", "b", "b done"]);
  resolve();
  await turn();
  assert.equal(said.length, 5);
});
