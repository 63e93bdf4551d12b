import assert from "node:assert/strict";
import { test } from "node:test";
import { lint } from "../../../core/gateway/lint.ts";
import { runApp, testEnviron } from "../../../core/gateway/testing.ts";
import { compose } from "../../../core/middleware/compose.ts";
import { contentLength } from "../../../core/middleware/content_length.ts";
import { head } from "../../../core/middleware/head.ts";
import { answering, ct, header, hello, run, streaming, watched } from "./under_lint.ts";

const HEAD = { method: "HEAD" };

test("head() empties the answer to HEAD, keeps its headers and closes its body unread", async () => {
  const body = watched("200 OK", [...ct, ["Content-Length", "2"]], "a", "b");
  const result = await run(head(), body.app, testEnviron("/", HEAD));
  assert.deepEqual([result.text, header(result, "content-length"), body.closed(), body.taken()], ["", "2", 1, 0]);
});

test("head() leaves GET alone, to the very Array", async () => {
  assert.equal(header(await run(head(), hello), "content-length"), "13");
});

test("contentLength() tells head() what an Array was", async () => {
  // Without the inner lint, which would warn of the body.
  const result = await runApp(lint(compose(head(), contentLength())(answering("200 OK", ct, "\u00e9", "x"))), testEnviron("/", HEAD));
  assert.deepEqual([result.text, header(result, "content-length")], ["", "3"]);
});

test("contentLength() leaves streams, 204, 304 and what is there alone", async () => {
  for (const app of [streaming("200 OK", ct, "abc"), answering("204 No Content", []), answering("304 Not Modified", [])]) {
    assert.equal(header(await run(contentLength(), app), "content-length"), undefined);
  }
  assert.equal((await run(contentLength(), answering("200 OK", [...ct, ["content-length", "1"]], "x"))).headers.filter(([name]) => /^content-length$/i.test(name)).length, 1);
});
