import assert from "node:assert/strict";
import { test } from "node:test";
import { runApp } from "../../../../core/gateway/testing.ts";
import type { App } from "../../../../core/gateway/types.ts";
import { type EventHandler, events } from "../../../../core/middleware/contrib/events.ts";
import { ct, header, hello, run, streaming, underLint } from "../under_lint.ts";

function noting(name: string, story: string[]): EventHandler {
  return {
    onStart: () => void story.push(`${name} start`),
    onCommit: (_environ, status) => void story.push(`${name} commit ${status}`),
    onSend: () => void story.push(`${name} send`),
    onFinish: (_environ, status) => void story.push(`${name} finish ${status}`),
    onError: (_environ, error) => void story.push(`${name} error ${(error as Error).message}`),
  };
}

test("T701 events() tells of an application that throws", async () => {
  const story: string[] = [];
  const app: App = () => {
    throw new Error("at once");
  };
  assert.equal((await run(events(noting("a", story)), app)).status, "500 Internal Server Error");
  assert.deepEqual(story, ["a start", "a error at once", "a finish null"]);
});

test("events() tells in order of the start, and in reverse of the rest", async () => {
  for (const app of [hello, streaming("200 OK", ct, "x", "y")]) {
    const story: string[] = [];
    await run(events(noting("a", story), noting("b", story)), app);
    assert.deepEqual(story, ["a start", "b start", "b commit 200 OK", "a commit 200 OK", "b send", "a send", "b finish 200 OK", "a finish 200 OK"]);
  }
  assert.equal(header(await run(events({}), hello), "content-length"), "13");
});

test("events() tells of a body that breaks", async () => {
  const story: string[] = [];
  await runApp(underLint(events(noting("a", story)), (async function* (_environ, startResponse) {
    startResponse("200 OK", ct.slice());
    yield "x";
    throw new Error("later");
  }) as App));
  assert.deepEqual(story, ["a start", "a commit 200 OK", "a send", "a error later", "a finish 200 OK"]);
});
