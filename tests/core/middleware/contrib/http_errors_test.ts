import assert from "node:assert/strict";
import { test } from "node:test";
import { limitInput } from "../../../../core/gateway/limit_input.ts";
import { testEnviron } from "../../../../core/gateway/testing.ts";
import type { App } from "../../../../core/gateway/types.ts";
import { httpErrors } from "../../../../core/middleware/contrib/http_errors.ts";
import { ct, header, run } from "../under_lint.ts";

function throwing(error: unknown): App {
  return () => {
    throw error;
  };
}

test("T711 httpErrors() answers what has a status, and leaves the rest a 500", async () => {
  const forbidden = await run(httpErrors(), throwing({ status: 403, message: "Members only" }));
  assert.deepEqual([forbidden.status, forbidden.text, forbidden.errors], ["403 Forbidden", "Members only", ""]);
  const redirect = await run(httpErrors(), throwing({ status: 302, location: "/login" }));
  assert.deepEqual([redirect.status, header(redirect, "location"), redirect.text], ["302 Found", "/login", "Found"]);
  const error = new Error("plain");
  const plain = await run(httpErrors(), throwing(error));
  assert.deepEqual([plain.status, plain.error], ["500 Internal Server Error", error]);
});

test("httpErrors() takes status lines, and what a started body throws", async () => {
  const result = await run(httpErrors(), (async function* (_environ, startResponse) {
    startResponse("200 OK", ct.slice());
    throw Object.assign(new Error("gone"), { status: "410 Gone For Good" });
  }) as App);
  assert.deepEqual([result.status, result.text], ["410 Gone For Good", "gone"]);
  const environ = testEnviron("/", { method: "POST", input: "123456" });
  const limited: App = async (environ) => [await limitInput(environ, { max: 3 }).read()];
  assert.equal((await run(httpErrors(), limited, environ)).status, "413 Content Too Large");
  assert.equal((await run(httpErrors(), throwing({ status: 304 }))).text, "");
});

test("httpErrors() does not take any status for one", async () => {
  for (const status of [200, 99, 600, "403", "pending", null, 403.5]) assert.equal((await run(httpErrors(), throwing({ status }))).status, "500 Internal Server Error");
});
