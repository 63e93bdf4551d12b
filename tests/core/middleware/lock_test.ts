import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runApp, testEnviron } from "../../../core/gateway/testing.ts";
import type { App } from "../../../core/gateway/types.ts";
import { lock } from "../../../core/middleware/lock.ts";
import { clean, ct, header, hello, run, underLint } from "./under_lint.ts";

test("T715 lock() lets the second in when the first body is closed", async () => {
  const story: string[] = [];
  const app = underLint(lock(), async (environ, startResponse) => {
    const name = environ.QUERY_STRING;
    story.push(`${name} enters`);
    startResponse("200 OK", ct.slice());
    await sleep(20);
    return {
      *[Symbol.iterator]() {
        yield name;
      },
      close: async () => {
        await sleep(5);
        story.push(`${name} closes`);
      },
    } as Iterable<string>;
  });
  const results = await Promise.all(["a", "b", "c"].map((name) => runApp(app, testEnviron(`/?${name}`))));
  assert.deepEqual(results.map((result) => clean(result).text), ["a", "b", "c"]);
  assert.deepEqual(story, ["a enters", "a closes", "b enters", "b closes", "c enters", "c closes"]);
});

test("T716 lock() opens when the application throws", async () => {
  for (const failing of [() => {
    throw new Error("at once");
  }, () => Promise.reject(new Error("later"))] as App[]) {
    let calls = 0;
    const app = underLint(lock(), (...args) => ++calls === 1 ? failing(...args) : hello(...args));
    const [first, second] = await Promise.all([runApp(app), runApp(app)]);
    assert.deepEqual([first.status, second.text], ["500 Internal Server Error", "Hello, world!"]);
  }
});

test("lock() keeps Arrays, and says that nothing runs beside", async () => {
  let isNonblocking: unknown;
  const result = await run(lock(), (environ, startResponse) => {
    isNonblocking = environ["tsgi.nonblocking"];
    return hello(environ, startResponse);
  });
  assert.deepEqual([isNonblocking, header(result, "content-length")], [false, "13"]);
});

test("lock() closes an Array that wants to be closed, and then opens", async () => {
  const story: string[] = [];
  const app = underLint(lock(), (_environ, startResponse) => {
    story.push("enters");
    startResponse("200 OK", ct.slice());
    return Object.assign(["x"], { close: () => void story.push("closes") });
  });
  await Promise.all([runApp(app), runApp(app)]);
  assert.deepEqual(story, ["enters", "closes", "enters", "closes"]);
});

test("lock() forgets who left while waiting", async () => {
  const leaving = new AbortController();
  const { promise: entered, resolve: enter } = Promise.withResolvers<void>();
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const calls: string[] = [];
  const app = lock()(async (environ, startResponse) => {
    calls.push(environ.QUERY_STRING);
    enter();
    await held;
    return hello(environ, startResponse);
  });
  const first = runApp(app, testEnviron("/?a"));
  await entered;
  const gone = runApp(app, testEnviron("/?b", { environ: { "tsgi.signal": leaving.signal } }));
  const third = runApp(app, testEnviron("/?c"));
  leaving.abort(new Error("gone"));
  await gone;
  release();
  assert.deepEqual([(await first).text, (await third).text], ["Hello, world!", "Hello, world!"]);
  assert.deepEqual(calls, ["a", "c"]);
});
