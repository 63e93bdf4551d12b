import assert from "node:assert/strict";
import { test } from "node:test";
import { isResourceModified } from "../../../core/gateway/conditional.ts";
import type { Validators } from "../../../core/gateway/conditional.ts";
import { httpDate } from "../../../core/gateway/http_date.ts";
import { testEnviron } from "../../../core/gateway/testing.ts";

const noon = Date.UTC(2008, 0, 1, 12);
const halfPast = noon + 30 * 60_000;

function isModified(headers: Record<string, string>, validators: Validators): boolean {
  return isResourceModified(testEnviron(headers), validators);
}

test("T440 isResourceModified() is true for a POST without validators", () => {
  assert.equal(isModified({ REQUEST_METHOD: "POST" }, { etag: "testing" }), true);
});

test("T442 isResourceModified() compares If-Modified-Since with the last change", () => {
  const since = { HTTP_IF_MODIFIED_SINCE: httpDate(halfPast) };
  assert.equal(isModified(since, { lastModified: noon }), false);
  assert.equal(isModified(since, { lastModified: noon + 3_600_000 }), true);
});

test("T443 isResourceModified() ignores If-Range without Range", () => {
  const headers = { HTTP_IF_RANGE: '"awesome"', HTTP_IF_MODIFIED_SINCE: httpDate(halfPast) };
  assert.equal(isModified(headers, { etag: '"other"', lastModified: halfPast, ignoreIfRange: false }), false);
  const ranged = { ...headers, HTTP_RANGE: "bytes=0-" };
  assert.equal(isModified(ranged, { etag: '"other"', lastModified: halfPast, ignoreIfRange: false }), true);
  assert.equal(isModified(ranged, { etag: '"awesome"', ignoreIfRange: false }), false);
});

test("T445 isResourceModified() never lets a weak If-Range match", () => {
  const headers = { HTTP_IF_RANGE: 'W/"Test"', HTTP_RANGE: "bytes=0-" };
  assert.equal(isModified(headers, { etag: '"Test"', ignoreIfRange: false }), true);
  assert.equal(isModified(headers, { etag: 'W/"Test"', ignoreIfRange: false }), true);
});

test("isResourceModified() wants the very date in If-Range", () => {
  const headers = { HTTP_IF_RANGE: httpDate(halfPast), HTTP_RANGE: "bytes=0-" };
  assert.equal(isModified(headers, { lastModified: halfPast + 999, ignoreIfRange: false }), false);
  assert.equal(isModified(headers, { lastModified: noon, ignoreIfRange: false }), true);
});

test("isResourceModified() lets If-None-Match decide before If-Modified-Since, and compares weakly", () => {
  const since = { HTTP_IF_MODIFIED_SINCE: httpDate(halfPast) };
  assert.equal(isModified({ ...since, HTTP_IF_NONE_MATCH: '"a"' }, { etag: '"b"', lastModified: noon }), true);
  assert.equal(isModified({ HTTP_IF_NONE_MATCH: 'W/"a"' }, { etag: '"a"' }), false);
  assert.equal(isModified({ HTTP_IF_NONE_MATCH: "*" }, { lastModified: noon }), false);
});

test("isResourceModified() compares If-Match strongly", () => {
  assert.equal(isModified({ HTTP_IF_MATCH: '"a"' }, { etag: '"a"' }), true);
  assert.equal(isModified({ HTTP_IF_MATCH: '"a"' }, { etag: 'W/"a"' }), false);
  assert.equal(isModified({ HTTP_IF_MATCH: "*" }, { etag: '"b"' }), true);
});

test("isResourceModified() lets If-Modified-Since count for reading only", () => {
  const since = { HTTP_IF_MODIFIED_SINCE: httpDate(halfPast) };
  assert.equal(isModified({ ...since, REQUEST_METHOD: "POST" }, { lastModified: noon }), true);
  assert.equal(isModified({ ...since, REQUEST_METHOD: "HEAD" }, { lastModified: noon }), false);
  assert.equal(isModified(since, {}), true);
  assert.equal(isModified({ HTTP_IF_NONE_MATCH: '"a"' }, { lastModified: noon }), true);
});

test("isResourceModified() survives a date that is none, and a length after it", () => {
  assert.equal(isModified({ HTTP_IF_MODIFIED_SINCE: "yesterday" }, { lastModified: noon }), true);
  assert.equal(isModified({ HTTP_IF_MODIFIED_SINCE: `${httpDate(noon)}; length=12` }, { lastModified: noon + 999 }), false);
});
