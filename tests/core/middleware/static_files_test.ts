/** On a real directory, by the real file system, on both runtimes. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { after, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { httpDate } from "../../../core/gateway/http_date.ts";
import { lint } from "../../../core/gateway/lint.ts";
import { type RunResult, runApp, testEnviron, type TestEnvironOptions } from "../../../core/gateway/testing.ts";
import type { App, Body, Environ, FileLike } from "../../../core/gateway/types.ts";
import { staticFiles as staticFilesOf, type StaticFilesOptions } from "../../../core/middleware/static_files.ts";
import type { StaticExports } from "../../../core/middleware/static_path.ts";
import { fileSystem, staticFiles } from "../../../runtimes/static_files.ts";
import { answering, clean, ct, header, run } from "./under_lint.ts";

const base = mkdtempSync(`${tmpdir()}/tsgi-static-`);
after(() => rmSync(base, { recursive: true }));
const root = `${base}/root`;
const MODIFIED = Date.UTC(2026, 10, 20, 12, 0, 0);
const data = Uint8Array.from({ length: 300 }, (_, at) => at % 256);
for (const folder of ["root/sub", "root/sub-without-index", "root/.well-known", "root/.git", "root/cgi", "other", "root-neighbour"]) mkdirSync(`${base}/${folder}`, { recursive: true });
const FILES: Record<string, string | Uint8Array> = {
  "test.txt": "FOUND\n", "data.bin": data, "empty.txt": "", "a+b.txt": "plus", "index.html": "<p>index", "sub/index.html": "<p>sub",
  "test.txt.gz": gzipSync("FOUND\n"), "x.secret": "secret", ".env": "secret", ".well-known/a": "known", ".git/config": "secret",
  "..test": "dots", "test..": "dots", "hello.txt": "Hello World", "page.HTML": "<p>", "noext": "?", "..": "",
};
for (const [name, content] of Object.entries(FILES)) if (name !== "..") writeFileSync(`${root}/${name}`, content);
mkdirSync(`${root}/a..`);
writeFileSync(`${root}/a../b`, "dots");
writeFileSync(`${base}/other/\u00e4\u00f6\u00fc`, "FOUND");
writeFileSync(`${base}/secret.txt`, "SECRET");
writeFileSync(`${base}/root-neighbour/secret.txt`, "SECRET");
utimesSync(`${root}/test.txt`, MODIFIED / 1000, MODIFIED / 1000);
symlinkSync(`${base}/secret.txt`, `${root}/link-out.txt`);
symlinkSync(`${base}/other`, `${root}/folder-out`);
symlinkSync(`${base}/root-neighbour`, `${root}/neighbour`);
symlinkSync(`${root}/hello.txt`, `${root}/link-in.txt`);
symlinkSync(`${root}/loop`, `${root}/loop`);
symlinkSync(root, `${base}/root-link`);

const fallback: App = answering("404 Not Found", ct, "from the application");

interface Given extends TestEnvironOptions {
  readonly exports?: StaticExports;
  readonly options?: StaticFilesOptions;
}

async function get(path: string, { exports = { "/": root }, options = {}, ...given }: Given = {}): Promise<RunResult> {
  const result = await run(staticFiles(exports, options), fallback, testEnviron(path, given));
  assert.equal(result.error, null);
  return result;
}

function getWith(path: string, environ: Record<string, string>, options: StaticFilesOptions = {}): Promise<RunResult> {
  return get(path, { environ, options });
}

async function assertFallsThrough(path: string, given: Given = {}): Promise<void> {
  const result = await get(path, given);
  assert.deepEqual([result.status, result.text], ["404 Not Found", "from the application"], path);
}

test("T612 staticFiles() sends files of several exports, the first that has them", async () => {
  const exports = { "/": root, "/sources": root, "/foo": `${base}/other` };
  for (const path of ["/test.txt", "/sources/test.txt"]) {
    const result = await get(path, { exports });
    assert.deepEqual([result.status, result.text, header(result, "content-type")], ["200 OK", "FOUND\n", "text/plain; charset=utf-8"]);
  }
  assert.equal((await get("/foo/%C3%A4%C3%B6%C3%BC", { exports })).text, "FOUND");
  await assertFallsThrough("/bar/test.txt", { exports: [["/foo", root]] });
  await assertFallsThrough("/footest.txt", { exports: [["/foo", root]] });
  assert.throws(() => staticFiles({ foo: root }), { name: "SyntaxError" });
});

test("T615 staticFiles() sends a single file", async () => {
  assert.equal((await get("/one", { exports: { "/one": `${root}/test.txt` } })).text, "FOUND\n");
  await assertFallsThrough("/one/x", { exports: { "/one": `${root}/test.txt` } });
  await assertFallsThrough("/one", { exports: { "/one": root } });
});

test("T616 staticFiles() says how long a file may be kept", async () => {
  const result = await getWith("/test.txt", {}, { cacheTimeout: 43_200 });
  assert.match(header(result, "etag")!, /^"[^"]+"$/);
  assert.equal(header(result, "cache-control"), "max-age=43200, public");
  assert.equal(Date.parse(header(result, "expires")!) - Date.parse(header(result, "date")!), 43_200_000);
  assert.deepEqual([header(result, "last-modified"), header(result, "content-length")], [httpDate(MODIFIED), "6"]);
});

test("T617 staticFiles() without cache gives no ETag", async () => {
  const result = await getWith("/test.txt", {}, { cache: false });
  assert.deepEqual([header(result, "cache-control"), header(result, "etag"), header(result, "expires")], ["public", undefined, undefined]);
});

test("T619 staticFiles() gives the time of the file", async () => {
  assert.equal(header(await get("/test.txt"), "last-modified"), httpDate(MODIFIED));
});

test("T620 staticFiles() answers 304 for the same time, and 200 for an earlier one", async () => {
  const result = await getWith("/test.txt", { HTTP_IF_MODIFIED_SINCE: httpDate(MODIFIED) });
  assert.deepEqual([result.status, result.text], ["304 Not Modified", ""]);
  for (const name of ["content-type", "content-length", "last-modified"]) assert.equal(header(result, name), undefined);
  assert.notEqual(header(result, "etag"), undefined);
  assert.equal((await getWith("/test.txt", { HTTP_IF_MODIFIED_SINCE: httpDate(MODIFIED - 100_000) })).status, "200 OK");
});

test("T622 staticFiles() compares If-None-Match weakly", async () => {
  const etag = header(await get("/test.txt"), "etag")!;
  for (const tag of [etag, `W/${etag}`, `"other", ${etag}`]) assert.equal((await getWith("/test.txt", { HTTP_IF_NONE_MATCH: tag })).status, "304 Not Modified");
  assert.equal((await getWith("/test.txt", { HTTP_IF_NONE_MATCH: '"other"', HTTP_IF_MODIFIED_SINCE: httpDate(MODIFIED) })).status, "200 OK");
  assert.equal((await getWith("/test.txt", { HTTP_IF_MATCH: '"other"' })).status, "412 Precondition Failed");
  assert.equal((await getWith("/test.txt", { HTTP_IF_MATCH: etag })).status, "200 OK");
});

test("T623 staticFiles() takes names decoded, and a plus for a plus", async () => {
  assert.equal((await get("/%74%65%73%74.txt")).text, "FOUND\n");
  assert.equal((await get("/a+b.txt")).text, "plus");
});

test("T624 staticFiles() never asks the file system about NUL, backslashes, surrogates and dot segments", async () => {
  const asked: string[] = [];
  const note = <T>(path: string, result: T): Promise<T> => (asked.push(path), Promise.resolve(result));
  const watching = { realPath: (path: string) => note(path, null), stat: (path: string) => note(path, null), open: (path: string) => note(path, null) };
  const app = lint(staticFilesOf({ "/": root }, { fileSystem: watching, dotfiles: true, index: "index.html" })(lint(fallback)));
  for (const path of ["/test%00.txt", "/%00", "/a%5c..%5csecret", "/..%5c", "/%ff", "/../secret.txt", "/cgi/../test.txt", "/./test.txt", "/..", "/sub//index.html", "//test.txt"]) {
    assert.equal(clean(await runApp(app, testEnviron(path))).text, "from the application", path);
  }
  assert.deepEqual(asked, []);
  await runApp(app, testEnviron("/x"));
  assert.deepEqual(asked, [`${root}/x`]);
});

test("T625 staticFiles() sends nothing from outside its directory", async () => {
  for (const path of ["/cgi/../test.txt", "/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/%2e%2e%2fsecret.txt", "/sub/../../secret.txt", "/..\\secret.txt", "/....//secret.txt", "/../root-neighbour/secret.txt", `//${base}/secret.txt`, `/${base}/secret.txt`]) {
    for (const dotfiles of [false, true]) assert.doesNotMatch((await get(path, { options: { dotfiles } })).text, /SECRET/, path);
  }
});

test("T627 staticFiles() finds no file with slashes behind it", async () => {
  for (const slashes of ["/", "//", "///"]) await assertFallsThrough(`/test.txt${slashes}`, { options: { index: "index.html" } });
});

test("T628 staticFiles() takes dots within names for names", async () => {
  for (const path of ["/..test", "/test..", "/a../b"]) assert.equal((await get(path, { options: { dotfiles: true } })).text, "dots", path);
  for (const path of ["/test..", "/a../b"]) assert.equal((await get(path)).text, "dots", path);
});

test("T630 staticFiles() follows no link out of its directory, and those within", async () => {
  for (const path of ["/link-out.txt", "/folder-out/%C3%A4%C3%B6%C3%BC", "/neighbour/secret.txt", "/loop"]) await assertFallsThrough(path);
  assert.equal((await get("/link-in.txt")).text, "Hello World");
  assert.equal((await get("/test.txt", { exports: { "/": `${base}/root-link` } })).text, "FOUND\n");
});

test("T632 staticFiles() tells OPTIONS what is allowed, and refuses other methods where there is a file", async () => {
  const options = await get("/test.txt", { method: "OPTIONS" });
  assert.deepEqual([options.status, header(options, "allow"), options.text], ["200 OK", "GET, HEAD, OPTIONS", ""]);
  for (const method of ["POST", "PUT", "DELETE"]) {
    const result = await get("/test.txt", { method });
    assert.deepEqual([result.status, header(result, "allow")], ["405 Method Not Allowed", "GET, HEAD, OPTIONS"]);
    await assertFallsThrough("/missing", { method });
  }
});

test("T633 staticFiles() answers HEAD with the length and no body", async () => {
  const result = await get("/data.bin", { method: "HEAD", environ: { HTTP_RANGE: "bytes=0-0" } });
  assert.deepEqual([result.status, header(result, "content-length"), result.chunks.length], ["200 OK", "300", 0]);
});

const PARTS: readonly [id: string, path: string, range: string, start: number, end: number][] = [
  ["T634", "/data.bin", "bytes=0-0", 0, 1], ["T634", "/data.bin", "bytes=0-100", 0, 101], ["T634", "/data.bin", "bytes=200-", 200, 300],
  ["T634", "/data.bin", "bytes=-100", 200, 300], ["T642", "/data.bin", "bytes=22-33", 22, 34], ["T643", "/hello.txt", "bytes=6-666", 6, 11],
];
for (const [id, path, range, start, end] of PARTS) {
  test(`${id} staticFiles() sends the part ${range} of ${path}`, async () => {
    const whole = (await get(path)).body;
    const result = await getWith(path, { HTTP_RANGE: range });
    assert.equal(result.status, "206 Partial Content");
    assert.deepEqual([...result.body], [...whole.slice(start, end)]);
    assert.equal(header(result, "content-range"), `bytes ${start}-${end - 1}/${whole.length}`);
    assert.deepEqual([header(result, "content-length"), header(result, "accept-ranges")], [String(end - start), "bytes"]);
  });
}

test("T636 staticFiles() answers 416 for a part beyond the end", async () => {
  const result = await getWith("/data.bin", { HTTP_RANGE: "bytes=99999-999999" });
  assert.deepEqual([result.status, header(result, "content-range"), result.text], ["416 Range Not Satisfiable", "bytes */300", ""]);
});

test("T637 staticFiles() ignores ranges that are none", async () => {
  for (const range of ["bytes=500-200", "bytes=a-b", "bytes=100", "furlongs=1-2", "bytes=0-1,5-6"]) {
    const result = await getWith("/data.bin", { HTTP_RANGE: range });
    assert.deepEqual([result.status, result.body.length, header(result, "content-range")], ["200 OK", 300, undefined], range);
  }
});

test("T639 staticFiles() sends an empty file whole", async () => {
  const result = await getWith("/empty.txt", { HTTP_RANGE: "bytes=0-1234" });
  assert.deepEqual([result.status, header(result, "content-range"), header(result, "content-length")], ["200 OK", undefined, "0"]);
});

test("T640 staticFiles() honours If-Range", async () => {
  const etag = header(await get("/data.bin"), "etag")!;
  const modified = httpDate(Math.floor(statSync(`${root}/data.bin`).mtimeMs));
  for (const [condition, status] of [[etag, "206"], ['"stale"', "200"], [modified, "206"], [`W/${etag}`, "200"], [httpDate(0), "200"]] as const) {
    assert.equal((await getWith("/data.bin", { HTTP_RANGE: "bytes=0-0", HTTP_IF_RANGE: condition })).status.slice(0, 3), status, condition);
  }
});

test("T644 staticFiles() sends the compressed sibling where it may", async () => {
  const gzip = { gzip: true };
  const result = await getWith("/test.txt", { HTTP_ACCEPT_ENCODING: "gzip, br" }, gzip);
  assert.deepEqual([header(result, "content-encoding"), header(result, "vary"), header(result, "content-type")], ["gzip", "Accept-Encoding", "text/plain; charset=utf-8"]);
  assert.equal(gunzipSync(result.body).toString(), "FOUND\n");
  assert.equal(header(result, "content-length"), String(result.body.length));
  const plain = await getWith("/test.txt", {}, gzip);
  assert.deepEqual([plain.text, header(plain, "content-encoding"), header(plain, "vary")], ["FOUND\n", undefined, "Accept-Encoding"]);
  assert.notEqual(header(plain, "etag"), header(result, "etag"));
  for (const [path, environ, options] of [["/hello.txt", { HTTP_ACCEPT_ENCODING: "gzip" }, gzip], ["/test.txt", { HTTP_ACCEPT_ENCODING: "gzip;q=0" }, gzip], ["/test.txt", { HTTP_ACCEPT_ENCODING: "gzip" }, {}], ["/test.txt", { HTTP_ACCEPT_ENCODING: "gzip", HTTP_RANGE: "bytes=0-1" }, gzip]] as const) {
    assert.equal(header(await getWith(path, environ, options), "content-encoding"), undefined);
  }
});

test("T645 staticFiles() sends the index of a directory", async () => {
  const options = { index: "index.html" };
  assert.equal((await get("/", { options })).text, "<p>index");
  assert.equal((await get("/sub/", { options })).text, "<p>sub");
  await assertFallsThrough("/sub-without-index/", { options });
  await assertFallsThrough("/sub", { options });
  await assertFallsThrough("/sub/");
});

test("T647 staticFiles() does not send what is disallowed", async () => {
  assert.equal((await get("/x.secret")).text, "secret");
  await assertFallsThrough("/x.secret", { options: { disallow: "*.secret" } });
  await assertFallsThrough("/x.secret", { options: { disallow: ["*.png", "?.SECRET"] } });
  assert.equal((await get("/test.txt", { options: { disallow: "test?txt?" } })).text, "FOUND\n");
});

test("T648 staticFiles() hides names with a dot in front, but for .well-known", async () => {
  for (const path of ["/.env", "/.git/config", "/%2eenv"]) await assertFallsThrough(path);
  assert.equal((await get("/.well-known/a")).text, "known");
  assert.equal((await get("/.env", { options: { dotfiles: true } })).text, "secret");
});

test("staticFiles() goes by extensions, and adds the headers it is given", async () => {
  assert.equal(header(await get("/page.HTML"), "content-type"), "text/html; charset=utf-8");
  assert.equal(header(await get("/noext"), "content-type"), "application/octet-stream");
  const result = await get("/noext", { options: { fallbackType: "text/plain", headers: [["X-Frame-Options", "DENY"], ["Cache-Control", "no-store"]] } });
  assert.deepEqual([header(result, "content-type"), header(result, "x-frame-options"), header(result, "cache-control")], ["text/plain; charset=utf-8", "DENY", "no-store"]);
});

test("staticFiles() breaks off when the file becomes shorter", async () => {
  const path = `${root}/shrinking.bin`;
  writeFileSync(path, new Uint8Array(300_000));
  const app = staticFilesOf({ "/": root }, {
    fileSystem: { ...fileSystem, open: (path, start, end) => (truncateSync(path, 100_000), fileSystem.open(path, start, end)) },
  })(fallback);
  const result = await runApp(app, testEnviron("/shrinking.bin"));
  assert.match(String(result.error), /it has become shorter, 200000 bytes are missing/);
  assert.equal(result.body.length, 100_000);
});

test("staticFiles() closes the file when nobody reads it", async () => {
  let closed = 0;
  const app = staticFilesOf({ "/": root }, {
    fileSystem: { ...fileSystem, open: () => Promise.resolve({ read: () => null, close: () => void closed++ }) },
  })(fallback);
  const body = await app(testEnviron("/test.txt"), () => () => Promise.resolve()) as unknown as { close(): Promise<void> };
  await body.close();
  assert.equal(closed, 1);
});

test("staticFiles() closes the file when the response cannot be started", async () => {
  let closed = 0;
  const app = staticFilesOf({ "/": root }, {
    fileSystem: { ...fileSystem, open: () => Promise.resolve({ read: () => null, close: () => void closed++ }) },
    headers: [["X-Bad", "a\nb"]],
  })(fallback);
  assert.equal((await runApp(app, testEnviron("/test.txt")) as { error: { code: string } }).error.code, "ERR_TSGI_HEADER_VALUE");
  assert.equal(closed, 1);
});

test("staticFiles() uses the gateway's file wrapper", async () => {
  const wrapped: FileLike[] = [];
  const wrap = (source: FileLike): Body => {
    wrapped.push(source);
    return Object.assign(["FOUND\n"], { close: () => source.close?.() });
  };
  const environ: Environ = testEnviron("/test.txt", { environ: { "tsgi.file_wrapper": wrap } });
  assert.equal((await runApp(lint(staticFiles({ "/": root })(fallback)), environ)).text, "FOUND\n");
  assert.equal((wrapped[0] as FileLike & { path: string }).path.endsWith("/root/test.txt"), true);
});

test("staticFiles() calls the application at once for paths that no export can have", () => {
  const answer = staticFiles({ "/static": root })(fallback)(testEnviron("/other"), () => () => Promise.resolve());
  assert.deepEqual(answer, ["from the application"]);
});
