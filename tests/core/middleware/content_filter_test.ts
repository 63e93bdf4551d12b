import assert from "node:assert/strict";
import { test } from "node:test";
import { runApp } from "../../../core/gateway/testing.ts";
import type { App } from "../../../core/gateway/types.ts";
import loggingApplication, { logging } from "../../../examples/wsgi_logging.ts";
import upperApplication, { upper } from "../../../examples/upper.ts";
import { answering, ct, header, hello, run, streaming, watched } from "./under_lint.ts";

test("T670 a content filter decides anew at each startResponse", async () => {
  const changing: App = async function* (_environ: unknown, startResponse: Parameters<App>[1]) {
    startResponse("200 OK", ct.slice());
    startResponse("200 OK", [["Content-Type", "text/html"]], new Error("not text after all"));
    yield "as it is";
  } as unknown as App;
  const result = await run(upper, changing);
  assert.deepEqual([result.text, header(result, "content-type")], ["as it is", "text/html"]);
  assert.equal((await run(upper, hello)).text, "HELLO, WORLD!");
});

test("the upper example keeps Arrays and streams, corrects lengths and closes", async () => {
  const result = await run(upper, answering("200 OK", [...ct, ["Content-Length", "7"]], "stra\u00dfe"));
  assert.deepEqual([result.text, header(result, "content-length")], ["STRASSE", "7"]);
  const accented = new TextEncoder().encode("\u00e9");
  assert.equal((await run(upper, streaming("200 OK", ct, "a", accented.subarray(0, 1), accented.subarray(1)))).text, "A\u00c9");
  const body = watched("200 OK", ct, "a", "b");
  assert.equal((await run(upper, body.app)).text, "AB");
  assert.equal(body.closed(), 1);
  assert.equal((await runApp(upperApplication)).text, "STRASSE, CAF\u00c9\n");
});

test("the wsgi_logging example writes one line when the response is over", async () => {
  const result = await runApp(loggingApplication);
  assert.deepEqual([result.text, header(result, "content-length")], ["Hello from /\n", "13"]);
  assert.match(result.errors, /^GET \/ -> 200 OK in \d+\.\d ms\n$/);
  const body = watched("200 OK", ct, "a", "b");
  assert.match((await run(logging, body.app)).errors, /^GET \/ -> 200 OK/);
  assert.equal(body.closed(), 1);
});
