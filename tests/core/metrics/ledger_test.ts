import assert from "node:assert/strict";
import { test } from "node:test";
import { step } from "../../../core/arbiter/arbiter.ts";
import { arbiter, type ArbiterEvent } from "../../../core/arbiter/step/state.ts";
import { Ledger } from "../../../core/metrics/ledger.ts";

/** An event without its time: they are a second apart. */
type Happening = ArbiterEvent extends infer E ? (E extends unknown ? Omit<E, "at"> : never) : never;

const DONE = { code: 0, signal: null };

function story(workers: number, happenings: readonly Happening[]) {
  const limits = { workers, timeout: 0, bootTimeout: 60_000, gracefulTimeout: 30_000 };
  const ledger = new Ledger();
  let at = 0;
  let state = arbiter(limits, { covers: false }, at);
  for (const happening of [{ type: "started" }, ...happenings] as Happening[]) {
    at += 1000;
    const event = { ...happening, at } as ArbiterEvent;
    const [after, effects] = step(state, event);
    ledger.note(state, event, effects);
    state = after;
  }
  return ledger.stats();
}

function serving(id: number, slot = 0): Happening[] {
  return [{ type: "spawned", id, pid: 100 + id }, { type: "readied", id }, { type: "listening", id, slot }];
}

function causes({ exits }: ReturnType<typeof story>) {
  return Object.fromEntries(Object.entries(exits).filter(([, count]) => count > 0));
}

test("Ledger counts a crash, and its successor's start", () => {
  const stats = story(1, [...serving(1), { type: "exited", id: 1, ending: { code: null, signal: "SIGKILL" } }, ...serving(2)]);
  assert.deepEqual(causes(stats), { crashed: 1 });
  assert.equal(stats.restarts, 1);
  assert.equal(stats.spawned, 2);
});

test("Ledger tells worn from faulty workers", () => {
  const replaced = (id: number, faulty: boolean): Happening[] => [{ type: "tired", id, faulty }, ...serving(id + 1), { type: "exited", id, ending: DONE }];
  assert.deepEqual(causes(story(1, [...serving(1), ...replaced(1, false), ...replaced(2, true)])), { worn: 1, faulty: 1 });
});

test("Ledger tells a reload that holds from one that does not", () => {
  const limits = { workers: 1, timeout: 0, bootTimeout: 60_000, gracefulTimeout: 30_000 };
  const stats = story(1, [
    ...serving(1), { type: "signalled", signal: "HUP" }, { type: "configured", limits }, ...serving(2), { type: "left", id: 1 }, { type: "exited", id: 1, ending: DONE },
    { type: "signalled", signal: "HUP" }, { type: "refused", reason: "x" },
  ]);
  assert.deepEqual(stats.reloads, { succeeded: 1, failed: 1 });
  assert.deepEqual(causes(stats), { reload: 1 });
  assert.equal(stats.restarts, 1);
});

test("Ledger does not call the end, or fewer workers, a restart", () => {
  const stats = story(2, [
    ...serving(1), ...serving(2, 1), { type: "signalled", signal: "TTOU" }, { type: "exited", id: 2, ending: DONE },
    { type: "signalled", signal: "TERM" }, { type: "exited", id: 1, ending: DONE },
  ]);
  assert.deepEqual(causes(stats), { shrunk: 1, halted: 1 });
  assert.equal(stats.restarts, 0);
});

test("Ledger counts what could not be started, and what failed to boot", () => {
  const stats = story(1, [
    ...serving(1), { type: "exited", id: 1, ending: { code: 1, signal: null } }, { type: "spawn-failed", id: 2, reason: "x" },
    { type: "spawned", id: 3, pid: 103 }, { type: "failed", id: 3, exitCode: 3, reason: "x" }, { type: "exited", id: 3, ending: { code: 3, signal: null } },
  ]);
  assert.deepEqual(causes(stats), { crashed: 1, "boot-failed": 1 });
  assert.equal(stats.spawnFailures, 1);
});
