import assert from "node:assert/strict";
import { test } from "node:test";
import type { Application } from "../../../core/arbiter/application.ts";
import { withRequestTimeout } from "../../../core/arbiter/request_timeout.ts";
import { runApp } from "../../../core/gateway/testing.ts";
import type { App, FetchHandler } from "../../../core/gateway/types.ts";

type Loaded<K extends Application["kind"]> = Extract<Application, { kind: K }>;

function bounded(fetch: FetchHandler, said: unknown[] = []): FetchHandler {
  const application = { kind: "fetch", fetch } as Loaded<"fetch">;
  const log = (...record: unknown[]) => void said.push(record);
  return (withRequestTimeout(application, { limit: 30, log, isWhole: (response) => !response.headers.has("x-stream") }) as Loaded<"fetch">).fetch;
}

test("withRequestTimeout() answers 504 in a Fetch handler's place, aborts its signal and drops what comes too late", async () => {
  const said: unknown[] = [];
  let cancelled = false;
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const fetch = bounded((request) =>
    new Promise<Response>((answer) => request.signal.addEventListener("abort", () => {
      answer(new Response(new ReadableStream({ cancel: () => {
        cancelled = true;
        resolve();
      } })));
    })), said);
  const request = new Request("http://h/slow?x");
  const response = await fetch(request);
  assert.deepEqual([response.status, await response.text()], [504, "Gateway Timeout\n"]);
  assert.equal((request.signal.reason as Error).name, "TimeoutError");
  await late;
  assert.ok(cancelled);
  assert.deepEqual(said, [["error", "request-timeout", { request: "GET /slow?x", seconds: 0.03 }]]);
});

test("withRequestTimeout() breaks a stream off that is not over in time, and lets one be that is", async () => {
  const said: unknown[] = [];
  const headers = { "x-stream": "1" };
  const endless = bounded(() => new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array([1])) }), { status: 201, headers }), said);
  const response = await endless(new Request("http://h/stream"));
  assert.equal(response.status, 201);
  const reader = response.body!.getReader();
  assert.deepEqual((await reader.read()).value, new Uint8Array([1]));
  await assert.rejects(reader.read(), { name: "TimeoutError" });
  assert.equal(said.length, 1);
  const short = bounded(() => new Response(new Response("short").body, { headers }), said);
  assert.equal(await (await short(new Request("http://h/"))).text(), "short");
  const failing = bounded(() => new Response(new ReadableStream({ pull: () => Promise.reject(new Error("own")) }), { headers }), said);
  await assert.rejects(async () => await (await failing(new Request("http://h/"))).text(), /own/);
  assert.equal(said.length, 1);
});

test("withRequestTimeout() leaves a Fetch handler's answer in time, and its errors, alone", async () => {
  const whole = new Response("whole");
  assert.equal(bounded(() => whole)(new Request("http://h/")), whole);
  assert.equal(await bounded(() => Promise.resolve(whole))(new Request("http://h/")), whole);
  await assert.rejects(async () => await bounded(() => Promise.reject(new Error("own")))(new Request("http://h/")), /own/);
  assert.throws(() => bounded(() => {
    throw new Error("own");
  })(new Request("http://h/")), /own/);
});

test("withRequestTimeout() bounds a TSGI application and names the request", async () => {
  const said: unknown[] = [];
  const application = { kind: "tsgi", app: (() => new Promise(() => {})) as App } as Loaded<"tsgi">;
  const { app } = withRequestTimeout(application, { limit: 20, log: (...record) => void said.push(record), isWhole: () => true }) as Loaded<"tsgi">;
  assert.equal((await runApp(app)).status, "504 Gateway Timeout");
  assert.deepEqual(said, [["error", "request-timeout", { request: "GET /", seconds: 0.02 }]]);
});
