import assert from "node:assert/strict";
import { test } from "node:test";
import { forwardedClient } from "../../../core/arbiter/forwarded.ts";
import { parseTrusted } from "../../../core/arbiter/networks.ts";

const client = (told: string | null, { peer = "10.0.0.1", trust = "10.0.0.0/8" }: { readonly peer?: string; readonly trust?: string } = {}) =>
  forwardedClient(new Headers(told === null ? {} : { "X-Forwarded-For": told }), peer, parseTrusted(trust.split(",")));

test("forwardedClient() is the last address that is no trusted proxy's", () => {
  assert.equal(client("192.0.2.7"), "192.0.2.7");
  assert.equal(client("6.6.6.6, 192.0.2.7"), "192.0.2.7");
  assert.equal(client("6.6.6.6, 192.0.2.7, 10.9.9.9"), "192.0.2.7");
  assert.equal(client("10.0.0.3, 10.0.0.2"), "10.0.0.3");
  assert.equal(client("192.0.2.7:4711, 10.0.0.2:80"), "192.0.2.7");
  assert.equal(client("[2001:db8::1]:4711"), "2001:db8::1");
  assert.equal(client("::ffff:192.0.2.7"), "192.0.2.7");
});

test("forwardedClient() believes nobody else, and nothing that is no address", () => {
  assert.equal(client("192.0.2.7", { peer: "192.0.2.1" }), null);
  assert.equal(client("192.0.2.7", { peer: "" }), null);
  assert.equal(client("192.0.2.7", { peer: "", trust: "unix:" }), "192.0.2.7");
  assert.equal(client(null), null);
  for (const text of ["", "unknown", "evil, <script>", "192.0.2.7,", "6.6.6.6, _hidden"]) assert.equal(client(text), null, text);
  assert.equal(client("6.6.6.6, unknown, 10.0.0.2"), "10.0.0.2");
});

test("forwardedClient() of a server that trusts everybody is what its peer says, not what that one was told", () => {
  assert.equal(client("6.6.6.6, 192.0.2.7", { trust: "*" }), "192.0.2.7");
});
