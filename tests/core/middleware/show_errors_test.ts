import assert from "node:assert/strict";
import { test } from "node:test";
import { runApp, testEnviron } from "../../../core/gateway/testing.ts";
import type { App } from "../../../core/gateway/types.ts";
import { showErrors } from "../../../core/middleware/show_errors.ts";
import { clean, ct, header, hello, run, underLint } from "./under_lint.ts";

const throwing: App = () => {
  throw new TypeError('<script>alert("x")</script>');
};

test("T698 showErrors() shows what was thrown, as HTML if that is asked for", async () => {
  const page = await run(showErrors(), throwing, testEnviron("/<b>", { environ: { HTTP_ACCEPT: "text/html,*/*;q=0.8", HTTP_COOKIE: "session=1" } }));
  assert.deepEqual([page.status, header(page, "content-type")], ["500 Internal Server Error", "text/html; charset=utf-8"]);
  assert.match(page.text, /TypeError: &#60;script&#62;/);
  assert.doesNotMatch(page.text, /<script|<b>|session=1/);
  assert.match(page.errors, /^TypeError: <script>alert\("x"\)<\/script>\n {4}at /);
  for (const HTTP_ACCEPT of ["text/plain", "*/*", "text/html;q=0, */*"]) {
    const text = await run(showErrors(), throwing, testEnviron({ HTTP_ACCEPT }));
    assert.deepEqual([text.status, header(text, "content-type")], ["500 Internal Server Error", "text/plain; charset=utf-8"]);
    assert.match(text.text, /^TypeError: <script>/);
  }
});

test("showErrors() shows what was thrown later, and in the body before its first chunk", async () => {
  const late: App = () => Promise.reject(new Error("later"));
  assert.match((await run(showErrors(), late)).text, /^Error: later/);
  const result = await run(showErrors(), (async function* (_environ, startResponse) {
    startResponse("200 OK", [["Content-Type", "image/png"]]);
    yield "";
    throw new Error("in the body");
  }) as App);
  assert.deepEqual([result.status, header(result, "content-type")], ["500 Internal Server Error", "text/plain; charset=utf-8"]);
  assert.match(result.text, /^Error: in the body/);
});

test("showErrors() breaks off what was begun", async () => {
  const error = new Error("too late");
  const begun = await runApp(underLint(showErrors(), (async function* (_environ, startResponse) {
    startResponse("200 OK", ct.slice());
    yield "begun";
    throw error;
  }) as App));
  assert.deepEqual([begun.status, begun.text, begun.error], ["200 OK", "begun", error]);
  assert.equal(begun.errors.match(/Error: too late/g)?.length, 1, "logged by the gateway alone");
  const written = await runApp(underLint(showErrors(), async (_environ, startResponse) => {
    await startResponse("200 OK", ct.slice())("written");
    throw error;
  }));
  assert.deepEqual([written.text, written.error], ["written", error]);
});

test("showErrors() shows whatever was thrown, and leaves the rest alone", async () => {
  for (const thrown of [null, undefined, "text", { status: 1 }]) {
    const result = clean(await runApp(showErrors()(() => Promise.reject(thrown))));
    assert.equal(result.status, "500 Internal Server Error");
    assert.equal(result.error, null);
  }
  assert.equal(header(await run(showErrors(), hello), "content-length"), "13");
});
