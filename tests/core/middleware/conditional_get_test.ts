import assert from "node:assert/strict";
import { test } from "node:test";
import { httpDate } from "../../../core/gateway/http_date.ts";
import { type RunResult, testEnviron } from "../../../core/gateway/testing.ts";
import type { HeaderList } from "../../../core/gateway/types.ts";
import { conditionalGet } from "../../../core/middleware/conditional_get.ts";
import { answering, ct, header, run, streaming, watched } from "./under_lint.ts";

const NOW = Date.UTC(2026, 10, 20, 12, 0, 0);
const DATE = httpDate(NOW);

function get(headers: HeaderList, environ: Record<string, string>, status: "200 OK" | "302 Found" = "200 OK"): Promise<RunResult> {
  return run(conditionalGet(), answering(status, [...ct, ...headers], "body"), testEnviron("/", { environ }));
}

async function codes(...results: readonly Promise<RunResult>[]): Promise<string[]> {
  return (await Promise.all(results)).map(({ status }) => status.slice(0, 3));
}

test("T651 conditionalGet() leaves answers without validators alone", async () => {
  const result = await get([], { HTTP_IF_NONE_MATCH: '"a"', HTTP_IF_MODIFIED_SINCE: DATE });
  assert.deepEqual([result.status, result.text], ["200 OK", "body"]);
  assert.deepEqual(result.headers, [...ct, ["Content-Length", "4"]]);
});

test("T653 conditionalGet() answers 304 for the same date, without headers of the body", async () => {
  const result = await get([["Last-Modified", DATE], ["X-Kept", "1"], ["Content-Language", "de"], ["Content-Length", "4"]], { HTTP_IF_MODIFIED_SINCE: DATE });
  assert.deepEqual([result.status, result.text, result.headers], ["304 Not Modified", "", [["X-Kept", "1"]]]);
});

test("T654 conditionalGet() answers 200 for a date one second earlier", async () => {
  assert.deepEqual(await codes(get([["Last-Modified", DATE]], { HTTP_IF_MODIFIED_SINCE: httpDate(NOW - 1000) })), ["200"]);
});

test("T655 conditionalGet() answers 304 for a later date", async () => {
  assert.deepEqual(await codes(get([["Last-Modified", httpDate(NOW - 3_600_000)]], { HTTP_IF_MODIFIED_SINCE: DATE })), ["304"]);
});

test("T656 conditionalGet() ignores a length after the date", async () => {
  assert.deepEqual(await codes(get([["Last-Modified", DATE]], { HTTP_IF_MODIFIED_SINCE: `${DATE}; length=2` })), ["304"]);
});

test("T658 conditionalGet() answers for nothing but 200", async () => {
  assert.deepEqual(await codes(get([["ETag", '"a"'], ["Location", "/"]], { HTTP_IF_NONE_MATCH: '"a"' }, "302 Found")), ["302"]);
});

test("T659 conditionalGet() believes a matching ETag more than a date", async () => {
  const headers: HeaderList = [["ETag", '"a"'], ["Last-Modified", DATE]];
  assert.deepEqual(await codes(get(headers, { HTTP_IF_NONE_MATCH: 'W/"a"', HTTP_IF_MODIFIED_SINCE: httpDate(NOW - 1000) })), ["304"]);
});

test("T660 conditionalGet() believes another ETag more than a date", async () => {
  const headers: HeaderList = [["ETag", '"a"'], ["Last-Modified", DATE]];
  assert.deepEqual(await codes(get(headers, { HTTP_IF_NONE_MATCH: '"b"', HTTP_IF_MODIFIED_SINCE: DATE })), ["200"]);
});

test("T661 conditionalGet() matches no malformed date", async () => {
  assert.deepEqual(await codes(
    get([["Last-Modified", DATE]], { HTTP_IF_MODIFIED_SINCE: "yesterday" }),
    get([["Last-Modified", "1234"]], { HTTP_IF_MODIFIED_SINCE: DATE }),
  ), ["200", "200"]);
});

test("T662 conditionalGet() closes the body unread", async () => {
  const body = watched("200 OK", [...ct, ["ETag", '"a"']], "a", "b");
  const result = await run(conditionalGet(), body.app, testEnviron({ HTTP_IF_NONE_MATCH: '"a"' }));
  assert.deepEqual([result.status, body.closed(), body.taken()], ["304 Not Modified", 1, 0]);
});

test("conditionalGet() waits for a generator to start", async () => {
  const result = await run(conditionalGet(), streaming("200 OK", [...ct, ["ETag", '"a"']], "a", "b"), testEnviron({ HTTP_IF_NONE_MATCH: '"a"' }));
  assert.deepEqual([result.status, result.text], ["304 Not Modified", ""]);
});

test("conditionalGet() leaves other methods alone", async () => {
  const result = await run(conditionalGet(), answering("200 OK", [...ct, ["ETag", '"a"']], "x"), testEnviron("/", { method: "POST", environ: { HTTP_IF_NONE_MATCH: '"a"' } }));
  assert.equal(result.status, "200 OK");
});

test("conditionalGet() lets an error take the place of an answer", async () => {
  const result = await run(conditionalGet(), (async function* (_environ: unknown, startResponse) {
    startResponse("200 OK", [...ct, ["ETag", '"b"']]);
    startResponse("500 Internal Server Error", ct.slice(), new Error("late"));
    yield "sorry";
  }) as Parameters<typeof run>[1], testEnviron({ HTTP_IF_NONE_MATCH: '"a"' }));
  assert.deepEqual([result.status, result.text, header(result, "etag")], ["500 Internal Server Error", "sorry", undefined]);
});
