import assert from "node:assert/strict";
import { test } from "node:test";
import { isGlob, nameMatcher } from "../../../core/arbiter/glob.ts";

const matching = (part: string, names: readonly string[]) => names.filter(nameMatcher(part));

test("nameMatcher() knows *, ? and [...], and every other letter as itself", () => {
  const names = ["a.html", "b.html", "a.htm", "ahtml", "ab.html", "a+b", "€.html"];
  assert.deepEqual(matching("*.html", names), ["a.html", "b.html", "ab.html", "€.html"]);
  assert.deepEqual(matching("?.html", names), ["a.html", "b.html", "€.html"]);
  assert.deepEqual(matching("[ab].html", names), ["a.html", "b.html"]);
  assert.deepEqual(matching("[!a]*.html", names), ["b.html", "€.html"]);
  assert.deepEqual(matching("[a-z]+b", names), ["a+b"]);
  assert.deepEqual(matching("[]^\\]", ["]", "^", "\\", "a"]), ["]", "^", "\\"]);
  assert.deepEqual(matching("a(b", ["a(b", "ab"]), ["a(b"]);
});

test("nameMatcher() matches a name with a dot before it only where the pattern has one", () => {
  const names = [".env", ".git", "env"];
  assert.deepEqual(matching("*", names), ["env"]);
  assert.deepEqual(matching("?env", names), []);
  assert.deepEqual(matching("[.]env", names), []);
  assert.deepEqual(matching(".*", names), [".env", ".git"]);
});

test("isGlob() tells a pattern from a path", () => {
  assert.deepEqual(["a/b.ts", "a/*.ts", "a/?", "[ab]", "a/**/b"].map(isGlob), [false, true, true, true, true]);
});
