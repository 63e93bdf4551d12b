import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, test } from "node:test";
import { lint } from "../../../../core/gateway/lint.ts";
import { runApp, testEnviron } from "../../../../core/gateway/testing.ts";
import { errorDocument } from "../../../../core/middleware/contrib/error_document.ts";
import { staticFiles } from "../../../../runtimes/static_files.ts";
import { answering, clean, ct, header, hello, run, streaming, watched } from "../under_lint.ts";

const root = mkdtempSync(`${tmpdir()}/tsgi-errors-`);
after(() => rmSync(root, { recursive: true }));
writeFileSync(`${root}/404.html`, "<p>nowhere");

const notFound = answering("404 Not Found", [...ct, ["X-Kept", "1"], ["Content-Length", "3"]], "404");

test("T710 errorDocument() sends a file or an application's answer with the status of the error", async () => {
  const files = staticFiles({ "/errors": root })(notFound);
  // A request for the document, whatever the first one asked for.
  const environ = testEnviron("/x?a", { method: "POST", input: "x", environ: { HTTP_RANGE: "bytes=0-1", HTTP_IF_NONE_MATCH: "*" } });
  const file = await run(errorDocument({ 404: "/errors/404.html" }), files, environ);
  assert.deepEqual([file.status, file.text, header(file, "content-type"), header(file, "x-kept")], ["404 Not Found", "<p>nowhere", "text/html; charset=utf-8", "1"]);
  assert.equal(header(file, "content-length"), "10");
  const sorry = lint(answering("200 OK", [["Content-Type", "text/html"], ["X-Own", "1"]], "<p>sorry"));
  const made = clean(await runApp(lint(errorDocument({ 404: sorry })(lint(notFound)))));
  assert.deepEqual([made.status, made.text, header(made, "x-own"), header(made, "x-kept")], ["404 Not Found", "<p>sorry", undefined, "1"]);
});

test("errorDocument() closes what it replaces, leaves the rest alone, and replaces no document", async () => {
  const body = watched("404 Not Found", ct, "a", "b");
  assert.equal(clean(await runApp(lint(errorDocument({ 404: lint(hello) })(lint(body.app))))).text, "Hello, world!");
  assert.deepEqual([body.closed(), body.taken()], [1, 0]);
  assert.equal(header(await run(errorDocument({ 404: hello }), hello), "content-length"), "13");
  assert.equal((await run(errorDocument({ 404: "/missing" }), notFound)).text, "404");
  assert.equal((await run(errorDocument({ 404: hello }), streaming("404 Not Found", ct, "late"))).text, "Hello, world!");
});
