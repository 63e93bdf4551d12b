import assert from "node:assert/strict";
import { test } from "node:test";
import { lint } from "../../../core/gateway/lint.ts";
import { runApp, type RunResult, testEnviron } from "../../../core/gateway/testing.ts";
import type { App } from "../../../core/gateway/types.ts";
import { cascade } from "../../../core/middleware/cascade.ts";
import { answering, clean, ct, hello, streaming, watched } from "./under_lint.ts";

const notFound = answering("404 Not Found", ct, "nothing");

async function ask(apps: readonly App[], statuses?: readonly number[]): Promise<RunResult> {
  const app = cascade(apps.map((each) => lint(each)), ...(statuses === undefined ? [] : [statuses]));
  return clean(await runApp(lint(app), testEnviron("/x")));
}

test("T609 cascade() goes on at the statuses given", async () => {
  const forbidden = answering("403 Forbidden", ct, "no");
  assert.equal((await ask([forbidden, hello], [404, 403])).text, "Hello, world!");
  assert.equal((await ask([forbidden, hello])).text, "no");
});

test("T610 cascade() gives the last answer whatever it is", async () => {
  const result = await ask([notFound, answering("404 Not Found", ct, "custom")]);
  assert.deepEqual([result.status, result.text], ["404 Not Found", "custom"]);
});

test("T611 cascade() gives each application its own environ", async () => {
  const spoiling: App = (environ, startResponse) => {
    environ.PATH_INFO = "/spoilt";
    return notFound(environ, startResponse);
  };
  const echo: App = (environ, startResponse) => {
    startResponse("200 OK", ct.slice());
    return [environ.PATH_INFO];
  };
  assert.equal((await ask([spoiling, echo])).text, "/x");
});

test("cascade() closes what it does not send, unread", async () => {
  const skipped = watched("404 Not Found", ct, "a", "b");
  assert.equal((await ask([skipped.app, hello])).text, "Hello, world!");
  assert.deepEqual([skipped.closed(), skipped.taken()], [1, 0]);
});

test("cascade() waits for generators to say what they answer", async () => {
  const result = await ask([streaming("404 Not Found", ct, "no"), streaming("405 Method Not Allowed", ct), streaming("200 OK", ct, "a", "b")]);
  assert.deepEqual([result.status, result.text, result.chunks.length], ["200 OK", "ab", 2]);
});

test("cascade() goes by the status in force, not by the first one", async () => {
  const changing: App = function* (_environ: unknown, startResponse: Parameters<App>[1]) {
    startResponse("200 OK", ct.slice());
    startResponse("404 Not Found", ct.slice(), new Error("changed my mind"));
    yield "nothing";
  } as App;
  assert.equal((await ask([changing, hello])).text, "Hello, world!");
});

test("cascade() drops what was written to an answer it does not send", async () => {
  const writing: App = (_environ, startResponse) => {
    startResponse("404 Not Found", ct.slice())("written");
    return ["returned"];
  };
  assert.equal((await ask([writing, hello])).text, "Hello, world!");
  assert.equal((await ask([hello, writing], [200])).text, "writtenreturned");
});

test("cascade() without applications is 404", async () => {
  const result = await ask([]);
  assert.deepEqual([result.status, result.headers[0]], ["404 Not Found", ["Content-Type", "text/plain"]]);
});

test("cascade() passes an Array on as one, so that its length is known", async () => {
  assert.deepEqual((await ask([notFound, hello])).headers.at(-1), ["Content-Length", "13"]);
});
