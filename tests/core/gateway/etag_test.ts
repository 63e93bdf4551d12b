import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEtags, quoteEtag, unquoteEtag } from "../../../core/gateway/etag.ts";

test("T438 quoteEtag() and unquoteEtag() are inverses", () => {
  assert.equal(quoteEtag("foo"), '"foo"');
  assert.equal(quoteEtag("foo", true), 'W/"foo"');
  assert.deepEqual(unquoteEtag('"foo"'), ["foo", false]);
  assert.deepEqual(unquoteEtag('W/"foo"'), ["foo", true]);
  assert.deepEqual(unquoteEtag(' w/foo '), ["foo", true]);
  assert.deepEqual(unquoteEtag('"'), ['"', false]);
  assert.deepEqual(unquoteEtag('foo"'), ['foo"', false]);
});

test("quoteEtag() refuses what no header could carry", () => {
  for (const tag of ['a"b', "a b", "a\r\nb", "\u0103"]) assert.throws(() => quoteEtag(tag), RangeError);
});

test("parseEtags() sorts tags by strength and tolerates missing quotes", () => {
  const { strong, weak, star } = parseEtags('"a, b" , w/"c",d, W/e');
  assert.deepEqual([...strong], ["a, b", "d"]);
  assert.deepEqual([...weak], ["c", "e"]);
  assert.equal(star, false);
  assert.deepEqual(parseEtags(" * "), { strong: new Set(), weak: new Set(), star: true });
});

test("parseEtags() takes time in proportion to the header", () => {
  assert.equal(parseEtags(", ".repeat(50_000) + '"').strong.size, 0);
});
