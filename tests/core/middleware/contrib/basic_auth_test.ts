import assert from "node:assert/strict";
import { test } from "node:test";
import { type RunResult, testEnviron } from "../../../../core/gateway/testing.ts";
import type { App } from "../../../../core/gateway/types.ts";
import { basicAuth } from "../../../../core/middleware/contrib/basic_auth.ts";
import { ct, header, run } from "../under_lint.ts";

const USERS: Record<string, string> = { admin: "s3cr3t", john: "foo:bar", "jos\u00e9": "x" };
const whoami: App = (environ, startResponse) => {
  startResponse("200 OK", ct.slice());
  return [`${environ.REMOTE_USER} ${environ.AUTH_TYPE}`];
};

function enter(authorization?: string): Promise<RunResult> {
  const middleware = basicAuth({ realm: 'the "shop"', verify: (user, password) => Promise.resolve(USERS[user] === password) });
  return run(middleware, whoami, testEnviron({ HTTP_AUTHORIZATION: authorization }));
}

function basic(credentials: string): string {
  return `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(credentials)))}`;
}

test("T718 basicAuth() asks, and lets in who may enter", async () => {
  for (const refused of [await enter(), await enter(basic("admin:wrong"))]) {
    assert.equal(refused.status, "401 Unauthorized");
    assert.equal(header(refused, "www-authenticate"), 'Basic realm="the \\"shop\\"", charset="UTF-8"');
  }
  assert.equal((await enter(basic("admin:s3cr3t"))).text, "admin Basic");
  assert.equal((await enter(basic("john:foo:bar"))).text, "john Basic");
  assert.equal((await enter(basic("jos\u00e9:x").replace("Basic", "bASIC"))).text, "jos\u00e9 Basic");
});

test("T719 basicAuth() answers 400 for what is no Basic authorization", async () => {
  for (const bad of ["Bearer x", "Basic %%%", "Basic", "", basic("username"), basic("a\nb:c"), `Basic ${btoa("\xff:x")}`]) {
    assert.equal((await enter(bad)).status, "400 Bad Request", bad);
  }
});
