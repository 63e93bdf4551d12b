import assert from "node:assert/strict";
import { test } from "node:test";
import { LAST_ANSWERS, MULTIPLEXED, QUIET, step, worker, type WorkerEffect, type WorkerEvent, type WorkerState } from "../../../core/arbiter/worker.ts";

type Told = WorkerEvent extends infer E ? (E extends { readonly at: number } ? Omit<E, "at"> : never) : never;

/** A worker that was told all of `events`, a second apart unless `at` says otherwise, and what it did at the last. */
function after(...events: readonly (Told & { readonly at?: number })[]): { readonly state: WorkerState; readonly did: string[] } {
  let state = worker(7, 0);
  let effects: WorkerEffect[] = [];
  for (const [i, event] of events.entries()) [state, effects] = step(state, { at: i * 1000, ...event } as WorkerEvent);
  return { state, did: effects.map(text) };
}

function text(effect: WorkerEffect): string {
  if (effect.type === "report") return `report ${effect.message.type}`;
  if (effect.type === "log") return `log ${effect.event}`;
  if (effect.type === "abort") return `abort ${effect.deadline}`;
  if (effect.type === "exit") return `exit ${effect.code}`;
  return effect.type === "listen" || effect.type === "let-go" ? `${effect.type} ${effect.slot}` : effect.type;
}

const limits = { rss: Infinity, lifetime: Infinity };
const started = { type: "started", gracefulTimeout: 10_000, limits } as const;
const loaded = { type: "loaded" } as const;
const term = { type: "signalled", signal: "TERM" } as const;
const ticked = (inFlight: number, rss = 0) => ({ type: "ticked", inFlight, handled: 0, rss }) as const;

test("step() loads, and says ready", () => {
  assert.deepEqual(after(started).did, ["log booting", "load"]);
  assert.deepEqual(after(started, loaded).did, ["report ready"]);
});

test("step() says why it could not load, and ends with that exit code", () => {
  const { did, state } = after(started, { type: "load-failed", exitCode: 4, reason: "no default export" });
  assert.deepEqual(did, ["log load-failed", "report failed", "log exiting", "exit 4"]);
  assert.equal(state.phase, "ended");
});

test("step() listens when it is told to, but not any more when it leaves", () => {
  assert.deepEqual(after(started, loaded, { type: "told-to-listen", slot: 3 }).did, ["listen 3"]);
  assert.deepEqual(after(started, loaded, term, { type: "told-to-listen", slot: 3 }).did, []);
});

test("step() ends when its own slot cannot be had, and goes on when a neighbour's cannot", () => {
  assert.deepEqual(after(started, loaded, { type: "listen-failed", slot: 0, own: true, reason: "" }).did, ["log listen-failed", "log exiting", "exit 1"]);
  assert.equal(after(started, loaded, { type: "listen-failed", slot: 1, own: false, reason: "" }).state.phase, "serving");
});

test("step() closes with requests in flight where connections carry several at a time, and its WebSockets have had time to go", () => {
  const multiplexing = { ...started, multiplexes: true };
  const since = 2000;
  for (const begun of [started, multiplexing]) {
    assert.deepEqual(after(begun, loaded, { ...term, at: since }, { ...ticked(1), at: since + MULTIPLEXED - 1 }).did, ["report beat"]);
    assert.deepEqual(after(begun, loaded, { ...term, at: since }, { ...ticked(1), at: since + MULTIPLEXED }).did, begun === started ? ["report beat"] : ["report beat", "close"]);
  }
  assert.deepEqual(after(multiplexing, loaded, { ...term, at: since }, { ...ticked(0), at: since + QUIET }).did, ["report beat", "close"]);
});

test("step() drains on TERM: close is announced, the sockets are left, the arbiter is told when they are", () => {
  assert.deepEqual(after(started, loaded, term).did, ["announce-close", "leave"]);
  assert.deepEqual(after(started, loaded, term, { type: "left" }).did, ["report leaving"]);
  assert.deepEqual(after(started, loaded, term, term).did, []);
});

test("step() closes when nothing is in flight and the quiet time has passed", () => {
  const since = 2000;
  assert.deepEqual(after(started, loaded, { ...term, at: since }, { ...ticked(0), at: since + QUIET - 1 }).did, ["report beat"]);
  assert.deepEqual(after(started, loaded, { ...term, at: since }, { ...ticked(1), at: since + QUIET }).did, ["report beat"]);
  assert.deepEqual(after(started, loaded, { ...term, at: since }, { ...ticked(0), at: since + QUIET }).did, ["report beat", "close"]);
  assert.deepEqual(after(started, loaded, term, ticked(0), { type: "closed" }).did, ["log exiting", "exit 0"]);
});

test("step() ends at once on QUIT, and at once on TERM while it loads", () => {
  assert.deepEqual(after(started, loaded, { type: "signalled", signal: "QUIT" }).did.at(-1), "exit 0");
  assert.deepEqual(after(started, term).did.at(-1), "exit 0");
});

test("step() ignores what is meant for the arbiter", () => {
  for (const signal of ["INT", "HUP", "TTIN", "TTOU", "USR2"] as const) assert.deepEqual(after(started, loaded, { type: "signalled", signal }).did, [], signal);
});

test("step() stops accepting when it is full, and accepts again, and says both", () => {
  const full = { type: "counted", full: true } as const;
  assert.deepEqual(after(started, loaded, full).did, ["pause", "report full"]);
  assert.deepEqual(after(started, loaded, full, full).did, []);
  assert.deepEqual(after(started, loaded, full, { type: "counted", full: false }).did, ["resume", "report full"]);
  assert.deepEqual(after(started, loaded, term, full).did, []);
});

test("step() asks for a successor once: for a fault, its requests, its memory, its age", () => {
  const fault = { type: "faulted", kind: "exception", reason: "x" } as const;
  assert.deepEqual(after(started, loaded, fault).did, ["log unhandled", "report tired"]);
  assert.deepEqual(after(started, loaded, fault, fault).did, ["log unhandled"]);
  assert.deepEqual(after(started, loaded, fault, { type: "listened", slot: 0 }).did, ["report listening", "report tired"], "nobody hears who does not serve yet");
  assert.deepEqual(after(started, loaded, { type: "worn" }).did, ["log autorestarting", "report tired"]);
  assert.deepEqual(after(started, loaded, { type: "worn" }, { type: "worn" }).did, []);
  const worn = { ...started, limits: { rss: 100, lifetime: 5000 } };
  assert.deepEqual(after(worn, loaded, ticked(0, 100)).did, ["report beat"]);
  assert.deepEqual(after(worn, loaded, ticked(0, 101)).did, ["report beat", "log too-large", "report tired"]);
  assert.deepEqual(after(worn, loaded, { ...ticked(0), at: 7000 }).did, ["report beat", "log too-old", "report tired"]);
});

test("step() does nothing after its end", () => {
  assert.deepEqual(after(started, term, loaded).did, []);
});

const abort = { type: "signalled", signal: "ABRT" } as const;
const closed = { type: "closed" } as const;

test("step() of a worker told to abort answers first, and then ends with 1", () => {
  assert.deepEqual(after(started, loaded, abort).did, ["log aborting", "announce-close", `abort ${LAST_ANSWERS}`]);
  assert.deepEqual(after(started, loaded, abort, abort).did, [], "once");
  assert.deepEqual(after(started, loaded, abort, term).did, [], "a later TERM does not slow it down");
  assert.deepEqual(after(started, loaded, abort, closed).did, ["log exiting", "exit 1"]);
  assert.deepEqual(after(started, loaded, term, abort, closed).did, ["log exiting", "exit 1"]);
});

test("step() of a worker told to abort while it loads ends at once", () => {
  assert.deepEqual(after(started, abort).did, ["log aborting", "log exiting", "exit 1"]);
});
