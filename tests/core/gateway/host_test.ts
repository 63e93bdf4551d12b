import assert from "node:assert/strict";
import { test } from "node:test";
import { getHost, guessScheme } from "../../../core/gateway/host.ts";
import { testEnviron } from "../../../core/gateway/testing.ts";

const HOSTS: readonly [id: string, given: Record<string, unknown>, host: string][] = [
  ["T370", { HTTP_HOST: "spam" }, "spam"],
  ["T371", { HTTP_HOST: "spam:80" }, "spam"],
  ["T374", { HTTP_HOST: "spam", SERVER_NAME: "eggs", SERVER_PORT: "80" }, "spam"],
  ["T375", { HTTP_HOST: undefined, SERVER_NAME: "eggs", SERVER_PORT: "80" }, "eggs"],
  ["T377", { HTTP_HOST: undefined, SERVER_NAME: "eggs", SERVER_PORT: "8080" }, "eggs:8080"],
  ["T378", { HTTP_HOST: "ham", HTTP_X_FORWARDED_HOST: "eggs" }, "ham"],
  ["T379", { HTTP_HOST: undefined, SERVER_NAME: "foobar.example.com", SERVER_PORT: "81" }, "foobar.example.com:81"],
];

for (const [id, given, host] of HOSTS) {
  test(`${id} getHost() of ${JSON.stringify(given)} is ${host}`, () => {
    assert.equal(getHost(testEnviron(given)), host);
  });
}

test("T380 getHost() throws for a host that is not trusted", () => {
  const trusted = (host: string, hosts: string[]): string => getHost(testEnviron({ HTTP_HOST: host }), hosts);
  assert.equal(trusted("example.org", [".example.org"]), "example.org");
  assert.throws(() => trusted("example.org", ["example.com"]), { code: "ERR_TSGI_HOST" });
  assert.equal(trusted("example.org:8080", [".example.org"]), "example.org:8080");
  assert.throws(() => trusted("a.example.org", ["example.org"]), { code: "ERR_TSGI_HOST" });
  assert.equal(trusted("A.Example.org", [".example.ORG"]), "A.Example.org");
  assert.throws(() => trusted("badexample.org", [".example.org"]), { code: "ERR_TSGI_HOST" });
});

test("getHost() throws for what is no host", () => {
  for (const host of ["a b", "a/b", "a@b", "a\r\nb", "::1", "a'b", "h:port"]) {
    assert.throws(() => getHost(testEnviron({ HTTP_HOST: host })), { code: "ERR_TSGI_HOST" }, host);
  }
  assert.equal(getHost(testEnviron({ HTTP_HOST: "[::1]:8000" })), "[::1]:8000");
  assert.equal(getHost(testEnviron({ HTTP_HOST: "h:443", HTTPS: "on" })), "h");
});

test("guessScheme() says https for on, 1 and yes only", () => {
  for (const HTTPS of ["on", "1", "yes"]) assert.equal(guessScheme({ HTTPS }), "https", HTTPS);
  for (const HTTPS of ["ON", "off", ""]) assert.equal(guessScheme({ HTTPS }), "http", HTTPS);
  assert.equal(guessScheme({}), "http");
});
