import assert from "node:assert/strict";
import { test } from "node:test";
import { fileWrapper } from "../../../core/gateway/file_wrapper.ts";
import { testEnviron } from "../../../core/gateway/testing.ts";
import type { App } from "../../../core/gateway/types.ts";
import { compose } from "../../../core/middleware/compose.ts";
import { conditionalGet } from "../../../core/middleware/conditional_get.ts";
import { etag } from "../../../core/middleware/etag.ts";
import { answering, ct, header, hello, run, streaming } from "./under_lint.ts";

async function tagOf(app: App): Promise<string | undefined> {
  return header(await run(etag(), app), "etag");
}

test("etag() adds a weak ETag and Cache-Control, and keeps the Array", async () => {
  const result = await run(etag(), hello);
  assert.match(header(result, "etag")!, /^W\/"[0-9a-z-]+"$/);
  assert.equal(header(result, "cache-control"), "max-age=0, private, must-revalidate");
  assert.equal(header(result, "content-length"), "13");
  assert.equal(header(await run(etag(), answering("200 OK", [...ct, ["Cache-Control", "no-cache"]], "x")), "cache-control"), "no-cache");
  assert.equal(header(await run(etag({ cacheControl: null }), hello), "cache-control"), undefined);
});

test("T664 etag() skips other statuses, validators that are there, empty bodies, streams and files", async () => {
  const file: App = (_environ, startResponse) => {
    startResponse("200 OK", ct.slice());
    return fileWrapper(new Blob(["file"]));
  };
  const skipped: readonly App[] = [
    answering("401 Unauthorized", ct, "x"),
    answering("200 OK", [...ct, ["Last-Modified", "Fri, 20 Nov 2026 12:00:00 GMT"]], "x"),
    answering("200 OK", ct),
    answering("200 OK", ct, "", ""),
    streaming("200 OK", ct, "x"),
    file,
  ];
  for (const app of skipped) assert.equal(await tagOf(app), undefined);
  assert.equal(await tagOf(answering("200 OK", [...ct, ["ETag", '"own"']], "x")), '"own"');
  assert.notEqual(await tagOf(answering("201 Created", ct, "x")), undefined);
});

test("T666 etag() does not care how the body is cut", async () => {
  const whole = await tagOf(hello);
  assert.equal(await tagOf(answering("200 OK", ct, "Hello", "", ", world!")), whole);
  assert.equal(await tagOf(answering("200 OK", ct, new TextEncoder().encode("Hello, world!"))), whole);
  assert.notEqual(await tagOf(answering("200 OK", ct, "Hello, World!")), whole);
});

test("etag() tells bodies apart that differ in one bit", async () => {
  const tags = new Set<string | undefined>();
  for (let bit = 0; bit < 512; bit++) {
    const bytes = new Uint8Array(64);
    bytes[bit >> 3]! |= 1 << (bit & 7);
    tags.add(await tagOf(answering("200 OK", ct, bytes)));
  }
  assert.equal(tags.size, 512);
});

test("etag() under conditionalGet() answers 304", async () => {
  const middleware = compose(conditionalGet(), etag());
  const tag = header(await run(middleware, hello), "etag")!;
  const result = await run(middleware, hello, testEnviron({ HTTP_IF_NONE_MATCH: tag }));
  assert.deepEqual([result.status, header(result, "etag"), result.text], ["304 Not Modified", tag, ""]);
});
