import assert from "node:assert/strict";
import { test } from "node:test";
import { lint } from "../../../../core/gateway/lint.ts";
import { type RunResult, runApp, testEnviron } from "../../../../core/gateway/testing.ts";
import type { App, FileLike, Status } from "../../../../core/gateway/types.ts";
import { sendfile, type SendfileOptions } from "../../../../core/middleware/contrib/sendfile.ts";
import { clean, ct, header, hello, run } from "../under_lint.ts";

let closed = 0;

function sending(path: string, status: Status = "200 OK"): App {
  return (environ, startResponse) => {
    let isRead = false;
    const file: FileLike & { path: string } = {
      path,
      read: () => isRead ? null : (isRead = true, new TextEncoder().encode("file")),
      close: () => void closed++,
    };
    startResponse(status, [...ct, ["Content-Length", "4"]]);
    return environ["tsgi.file_wrapper"]?.(file) ?? ["no wrapper"];
  };
}

/** Without an inner lint, which wraps the body that must be recognised. */
async function send(options: SendfileOptions, app: App, environ = testEnviron()): Promise<RunResult> {
  return clean(await runApp(lint(sendfile(options)(app)), environ));
}

test("T703 sendfile() sends the path instead of the file, and closes it", async () => {
  closed = 0;
  const result = await send({ type: "X-Sendfile" }, sending("/srv/a.txt"));
  assert.deepEqual([header(result, "x-sendfile"), result.text, header(result, "content-length"), closed], ["/srv/a.txt", "", "0", 1]);
});

test("sendfile() maps paths to nginx's locations, and sends those that have none", async () => {
  const options: SendfileOptions = { type: "X-Accel-Redirect", mappings: [["/srv/files/", "/internal/"]] };
  const mapped = await send(options, sending("/srv/files/\u00e4 b.txt"));
  assert.deepEqual([header(mapped, "x-accel-redirect"), mapped.text], ["/internal/%C3%A4%20b.txt", ""]);
  for (const [path, status] of [["/etc/passwd", "200 OK"], ["/srv/files/a", "206 Partial Content"]] as const) {
    const result = await send(options, sending(path, status));
    assert.deepEqual([header(result, "x-accel-redirect"), result.text], [undefined, "file"]);
  }
});

test("sendfile() does nothing that only a request header asks for", async () => {
  const environ = testEnviron({ HTTP_X_SENDFILE_TYPE: "X-Sendfile", HTTP_X_ACCEL_MAPPING: "/=/", "tsgi.file_wrapper": undefined });
  assert.equal((await send({}, sending("/srv/a.txt"), testEnviron({ HTTP_X_SENDFILE_TYPE: "X-Sendfile", "tsgi.file_wrapper": () => ["file"] }))).text, "file");
  assert.equal(header(await send({ type: "X-Accel-Redirect" }, sending("/srv/a.txt"), environ), "x-accel-redirect"), undefined);
});

test("sendfile() leaves other bodies alone, between two lints", async () => {
  assert.equal(header(await run(sendfile({ type: "X-Sendfile" }), hello), "content-length"), "13");
  assert.equal((await run(sendfile({ type: "X-Sendfile" }), sending("/srv/a.txt"))).text, "file");
});
