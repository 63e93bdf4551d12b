import assert from "node:assert/strict";
import { test } from "node:test";
import { testEnviron } from "../../../core/gateway/testing.ts";
import { applicationUri, requestUri, rootUrl } from "../../../core/gateway/uri.ts";

const APPLICATIONS: readonly [id: string, given: Record<string, unknown>, uri: string][] = [
  ["T354", {}, "http://127.0.0.1/"],
  ["T356", { SCRIPT_NAME: "/sp\u00e4m" }, "http://127.0.0.1/sp%C3%A4m"],
  ["T359", { SERVER_NAME: "spam.example.com" }, "http://spam.example.com/"],
  ["T360", { HTTP_HOST: "127.0.0.1", SERVER_NAME: "spam.example.com" }, "http://127.0.0.1/"],
  ["T361", { HTTPS: "on" }, "https://127.0.0.1/"],
  ["T362", { SERVER_PORT: "8000", HTTP_HOST: undefined }, "http://127.0.0.1:8000/"],
];

for (const [id, given, uri] of APPLICATIONS) {
  test(`${id} applicationUri() of ${JSON.stringify(given)} is ${uri}`, () => assert.equal(applicationUri(testEnviron(given)), uri));
}

test("applicationUri() adds SERVER_PORT if it is not the scheme's own", () => {
  for (const [given, uri] of [
    [{ SERVER_PORT: "8000" }, "http://127.0.0.1:8000/"],
    [{ SERVER_PORT: "443" }, "http://127.0.0.1:443/"],
    [{ SERVER_PORT: "443", HTTPS: "on" }, "https://127.0.0.1/"],
  ] as const) {
    const environ = testEnviron(given);
    delete environ.HTTP_HOST;
    assert.equal(applicationUri(environ), uri);
  }
});

const REQUESTS: readonly [id: string, given: Record<string, unknown>, includeQuery: boolean, uri: string][] = [
  ["T364", { PATH_INFO: "/sp\u00e4m" }, true, "http://127.0.0.1/spammity/sp%C3%A4m"],
  ["T365", { PATH_INFO: "/spam;ham" }, true, "http://127.0.0.1/spammity/spam;ham"],
  ["T366", { PATH_INFO: "/spam;cookie=1234,5678" }, true, "http://127.0.0.1/spammity/spam;cookie=1234,5678"],
  ["T368", { QUERY_STRING: "s%E4y=ni" }, true, "http://127.0.0.1/spammity/spam?s%E4y=ni"],
  ["T369", { QUERY_STRING: "say=ni" }, false, "http://127.0.0.1/spammity/spam"],
];

for (const [id, given, includeQuery, uri] of REQUESTS) {
  test(`${id} requestUri() of ${JSON.stringify(given)} is ${uri}`, () => {
    assert.equal(requestUri(testEnviron({ SCRIPT_NAME: "/spammity", PATH_INFO: "/spam", ...given }), includeQuery), uri);
  });
}

test("requestUri() doubles no slash at the root", () => {
  assert.equal(requestUri(testEnviron("http://h/a/b?x=1")), "http://h/a/b?x=1");
  assert.equal(requestUri(testEnviron("*", { method: "OPTIONS" })), "http://127.0.0.1/");
});

test("rootUrl() ends in one slash and leaves the default port out", () => {
  assert.equal(rootUrl(testEnviron({ HTTP_HOST: "h:80", SCRIPT_NAME: "/\u00e4" })), "http://h/%C3%A4/");
  assert.equal(rootUrl(testEnviron({ SCRIPT_NAME: "/a/" })), "http://127.0.0.1/a/");
});
