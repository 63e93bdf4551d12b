import assert from "node:assert/strict";
import { test } from "node:test";
import { fromFetch } from "../../../core/gateway/from_fetch.ts";
import { runApp, testEnviron } from "../../../core/gateway/testing.ts";
import { toFetch } from "../../../core/gateway/to_fetch.ts";
import type { App, Environ } from "../../../core/gateway/types.ts";
import { accessLog } from "../../../core/middleware/access_log.ts";
import { answering, ct, header, hello, run, streaming, underLint, watched } from "./under_lint.ts";

/** What `format` gives for a request. */
async function line(format: string, app: App, environ: Environ = testEnviron()): Promise<string> {
  const lines: string[] = [];
  await run(accessLog({ format, write: (text) => lines.push(text) }), app, environ);
  assert.equal(lines.length, 1);
  return lines[0]!;
}

test("T689 accessLog() writes the Common Log Format and the seconds to tsgi.errors", async () => {
  const result = await run(accessLog(), answering("200 OK", [...ct, ["Content-Length", "123"]], "x".repeat(123)));
  assert.match(result.errors, /^- - - \[\d\d\/\w{3}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET \/ HTTP\/1\.1" 200 123 \d+\.\d{6}\n$/);
  assert.equal(header(result, "content-length"), "123");
});

test("T690 accessLog() counts the bytes of a stream", async () => {
  assert.equal(await line("%b", streaming("200 OK", ct, "abc", "\u00e9", new Uint8Array(5))), "10\n");
  assert.equal(await line("%b", streaming("200 OK", ct)), "-\n");
  assert.equal(await line("%b", hello), "13\n");
});

test("T692 accessLog() writes one line whatever is in it", async () => {
  const environ = testEnviron({ REMOTE_USER: "foo\nbar" });
  assert.equal(await line("%u", hello, environ), "foo\\x0abar\n");
  const app = accessLog({ format: "%r", write: (text) => assert.equal(text, "GET\\x1f / HTTP/1.1\n") })(hello);
  await runApp(app, testEnviron({ REQUEST_METHOD: "GET\x1f" }));
});

test("T694 accessLog() writes its line when the client leaves, with the bytes so far", async () => {
  const lines: string[] = [];
  const body = watched("200 OK", ct, "abc", "def", "ghi");
  const app = underLint(accessLog({ format: "%s %b", write: (text) => lines.push(text) }), body.app);
  const response = await toFetch(app)(new Request("http://h/"));
  const reader = response.body!.getReader();
  await reader.read();
  assert.deepEqual(lines, []);
  await reader.cancel();
  assert.deepEqual(lines, ["200 3\n"]);
  assert.equal(body.closed(), 1);
});

test("T333 accessLog() logs a Fetch handler", async () => {
  const handler = (): Response => new Response("created", { status: 201, headers: { "Content-Type": "text/plain", "X-Id": "7" } });
  assert.equal(await line("%s %b %{X-Id}o", fromFetch(handler)), "201 7 7\n");
});

test("accessLog() knows Apache's directives", async () => {
  const environ = testEnviron("/a%20b?q=1", { scriptName: "/mnt", environ: { REMOTE_ADDR: "192.0.2.1", HTTP_REFERER: 'x"y', CONTENT_TYPE: "text/x" } });
  const format = '%h %l %u %m %U %q %H %>s %{Referer}i %{Content-Type}i %{X-None}i %{Content-Type}o %P %Z %{x}Z %% "%r"';
  assert.equal(await line(format, hello, environ), '192.0.2.1 - - GET /mnt/a b ?q=1 HTTP/1.1 200 x\\x22y text/x - text/plain - - - % "GET /mnt/a%20b?q=1 HTTP/1.1"\n');
  assert.match(await line("%D %T", hello), /^\d+ \d+\.\d{6}\n$/);
});

test("accessLog() logs failures as the gateway will answer them", async () => {
  const failing: App[] = [
    () => {
      throw new Error("at once");
    },
    () => Promise.reject(new Error("later")),
    (async function* (_environ: unknown, startResponse: Parameters<App>[1]) {
      startResponse("200 OK", ct.slice());
      throw new Error("in the body");
    }) as unknown as App,
  ];
  for (const app of failing) {
    const lines: string[] = [];
    const result = await runApp(underLint(accessLog({ format: "%s", write: (text) => lines.push(text) }), app));
    assert.deepEqual([lines, result.status], [["500\n"], "500 Internal Server Error"]);
  }
});

test("accessLog() logs no bytes for HEAD, and counts what is written", async () => {
  assert.equal(await line("%b", answering("200 OK", [...ct, ["Content-Length", "5"]]), testEnviron("/", { method: "HEAD" })), "-\n");
  assert.equal(await line("%b", async (_environ, startResponse) => {
    await startResponse("200 OK", ct.slice())("abc");
    return ["def"];
  }), "6\n");
});
