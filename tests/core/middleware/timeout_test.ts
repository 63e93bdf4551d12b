import assert from "node:assert/strict";
import { test } from "node:test";
import { runApp, testEnviron } from "../../../core/gateway/testing.ts";
import type { App, Environ, RequestDeadline } from "../../../core/gateway/types.ts";
import { timeout } from "../../../core/middleware/timeout.ts";
import { clean, ct, header, hello, run, streaming, underLint } from "./under_lint.ts";

/** Settles when the signal aborts. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

test("T696 timeout() answers 504 for an application that never does, and aborts its signal", async () => {
  const { promise, resolve } = Promise.withResolvers<AbortSignal>();
  const result = await run(timeout(50), async (environ) => {
    await aborted(environ["tsgi.signal"]);
    resolve(environ["tsgi.signal"]);
    return await new Promise<never>(() => undefined);
  });
  assert.deepEqual([result.status, result.text], ["504 Gateway Timeout", "Gateway Timeout\n"]);
  assert.equal(((await promise).reason as Error).name, "TimeoutError");
  assert.equal((await run(timeout(10, { status: "503 Slow" }), () => new Promise<never>(() => undefined))).status, "503 Slow");
});

test("timeout() replaces an answer that was started and not sent, and closes its body", async () => {
  let ended = false;
  const result = await run(timeout(20), (async function* (environ, startResponse) {
    startResponse("200 OK", ct.slice());
    try {
      yield "";
      await aborted(environ["tsgi.signal"]);
    } finally {
      ended = true;
    }
  }) as App);
  assert.deepEqual([result.status, result.text, ended], ["504 Gateway Timeout", "Gateway Timeout\n", true]);
});

test("timeout() breaks off what was begun", async () => {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const app = underLint(timeout(20), (async function* (environ, startResponse) {
    startResponse("200 OK", ct.slice());
    try {
      yield "begun";
      await aborted(environ["tsgi.signal"]);
    } finally {
      resolve();
    }
  }) as App);
  const result = await runApp(app);
  assert.deepEqual([result.status, result.text, (result.error as Error).name], ["200 OK", "begun", "TimeoutError"]);
  await ended;
});

test("timeout() does not wait for an application that does not heed the signal", async () => {
  const result = await run(timeout(20), (async function* (_environ, startResponse) {
    startResponse("200 OK", ct.slice());
    yield "";
    await new Promise<never>(() => undefined);
  }) as App);
  assert.equal(result.status, "504 Gateway Timeout");
});

test("timeout() closes a body that comes too late, and refuses what it starts", async () => {
  const { promise: closed, resolve } = Promise.withResolvers<unknown>();
  const result = clean(await runApp(timeout(20)(async (environ, startResponse) => {
    await aborted(environ["tsgi.signal"]);
    let refusal: unknown = null;
    try {
      startResponse("200 OK", ct.slice());
    } catch (error) {
      refusal = error;
    }
    return { *[Symbol.iterator]() {}, close: () => resolve(refusal) } as Iterable<string>;
  })));
  assert.equal(result.status, "504 Gateway Timeout");
  assert.equal(((await closed) as Error).name, "TimeoutError");
});

test("timeout() leaves what is in time alone", async () => {
  const result = await run(timeout(60_000), hello);
  assert.deepEqual([result.text, header(result, "content-length")], ["Hello, world!", "13"]);
  assert.equal((await run(timeout(60_000), streaming("200 OK", ct, "a", "b"))).text, "ab");
  assert.equal((await runApp(timeout(60_000)(() => Promise.reject(new Error("own"))), testEnviron())).status, "500 Internal Server Error");
});

test("timeout() refuses a time that is none", () => {
  for (const ms of [0, -1, NaN, Infinity, 2 ** 31]) assert.throws(() => timeout(ms), RangeError);
});

test("timeout() tells of the end, and lets the deadline be moved", async () => {
  const told: string[] = [];
  const late = (environ: Environ) => void told.push(environ.PATH_INFO);
  const result = await run(timeout(20, { onTimeout: late }), (async (environ, startResponse) => {
    environ["tsgi.deadline"]!.extend(60_000);
    await new Promise((resolve) => setTimeout(resolve, 60));
    startResponse("200 OK", ct.slice());
    return ["in time"];
  }) as App);
  assert.deepEqual([result.status, result.text, told], ["200 OK", "in time", []]);
  let deadline: RequestDeadline | undefined;
  const overdue = await run(timeout(20, { onTimeout: late }), (environ) => {
    deadline = environ["tsgi.deadline"];
    deadline!.extend(10);
    return new Promise<never>(() => undefined);
  });
  assert.deepEqual([overdue.status, told], ["504 Gateway Timeout", ["/"]]);
  deadline!.extend(10);
  for (const ms of [0, -1, NaN, Infinity]) assert.throws(() => deadline!.extend(ms), RangeError);
});
