import assert from "node:assert/strict";
import { test } from "node:test";
import {
  deleteHeader, getHeader, getHeaders, hasHeader, headerValue, removeEntityHeaders, removeHopByHopHeaders, setHeader,
} from "../../../core/gateway/header_list.ts";
import type { HeaderList } from "../../../core/gateway/types.ts";

test("T398 setHeader() leaves one, in the place of the first", () => {
  const headers: HeaderList = [["a", "1"], ["foo", "bar"], ["b", "2"], ["Foo", "spam"]];
  setHeader(headers, "foo", "baz");
  assert.deepEqual(headers, [["a", "1"], ["foo", "baz"], ["b", "2"]]);
  setHeader(headers, "A", "0");
  assert.deepEqual(headers, [["A", "0"], ["foo", "baz"], ["b", "2"]]);
  setHeader(headers, "New", "x");
  assert.deepEqual(headers.at(-1), ["New", "x"]);
});

test("T400 getHeader() answers with the fallback", () => {
  assert.equal(getHeader([["foo", "bar"]], "zoo", "whee"), "whee");
  assert.equal(getHeader([["foo", "bar"]], "zoo"), undefined);
  assert.equal(getHeader([["foo", ""]], "FOO", "whee"), "");
});

test("T401 headerValue() quotes parameters", () => {
  assert.equal(headerValue("bar", { baz: "spam" }), 'bar; baz="spam"');
  assert.equal(headerValue("bar", { cheese: null }), "bar; cheese");
  assert.equal(headerValue("bar", { a: 'q"\\' }), 'bar; a="q\\"\\\\"');
});

test("T402 getHeaders(), hasHeader() and deleteHeader() compare without case", () => {
  const headers: HeaderList = [["Content-Type", "text/plain"], ["X-Foo", "a"], ["x-foo", "b"]];
  assert.deepEqual(getHeaders(headers, "X-Foo"), ["a", "b"]);
  assert.equal(hasHeader(headers, "x-FOO"), true);
  deleteHeader(headers, "X-Foo");
  assert.deepEqual(headers, [["Content-Type", "text/plain"]]);
  assert.equal(hasHeader(headers, "x-foo"), false);
});

test("T403 getHeader() refuses what is no list", () => {
  assert.throws(() => getHeader("foo" as unknown as HeaderList, "x"), TypeError);
  assert.throws(() => setHeader(new Headers() as unknown as HeaderList, "x", "y"), TypeError);
});

test("T446 removeEntityHeaders() keeps what does not describe the body", () => {
  const headers: HeaderList = [["Date", "d"], ["Content-Type", "t"], ["Content-Length", "1"]];
  removeEntityHeaders(headers);
  assert.deepEqual(headers, [["Date", "d"]]);
  const kept: HeaderList = [["Expires", "e"], ["Content-Location", "/"], ["Last-Modified", "m"]];
  removeEntityHeaders(kept);
  assert.deepEqual(kept, [["Expires", "e"], ["Content-Location", "/"]]);
  removeEntityHeaders(kept, []);
  assert.deepEqual(kept, []);
});

test("T447 removeHopByHopHeaders() removes also what Connection names", () => {
  const headers: HeaderList = [["Connection", "closed"], ["Foo", "bar"], ["Keep-Alive", "wtf"]];
  removeHopByHopHeaders(headers);
  assert.deepEqual(headers, [["Foo", "bar"]]);
  const named: HeaderList = [["X-Hop", "1"], ["Connection", "close, x-hop"], ["Foo", "bar"]];
  removeHopByHopHeaders(named);
  assert.deepEqual(named, [["Foo", "bar"]]);
});
