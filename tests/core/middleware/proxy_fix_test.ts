import assert from "node:assert/strict";
import { test } from "node:test";
import { testEnviron } from "../../../core/gateway/testing.ts";
import type { Environ } from "../../../core/gateway/types.ts";
import { rootUrl } from "../../../core/gateway/uri.ts";
import { proxyFix, type ProxyFixOptions } from "../../../core/middleware/proxy_fix.ts";
import { hello, run } from "./under_lint.ts";

/** What the application sees. */
async function fixed(options: ProxyFixOptions, environ: Record<string, unknown>): Promise<Environ> {
  let seen: Environ | null = null;
  const result = await run(proxyFix(options), (inner, startResponse) => {
    seen = { ...inner };
    return hello(inner, startResponse);
  }, testEnviron(environ));
  assert.equal(result.error, null);
  return seen!;
}

const XFF = "HTTP_X_FORWARDED_FOR";
const CASES: readonly [id: string, claim: string, options: ProxyFixOptions, environ: Record<string, unknown>, url: string][] = [
  ["T572", "takes address and scheme", {}, { REMOTE_ADDR: "192.168.0.2", HTTP_HOST: "spam", [XFF]: "192.168.0.1", HTTP_X_FORWARDED_PROTO: "https" }, "https://spam/"],
  ["T574", "takes the host", { xHost: 1 }, { HTTP_HOST: "spam", HTTP_X_FORWARDED_HOST: "eggs", [XFF]: "192.168.0.1" }, "http://eggs/"],
  ["T577", "takes the port where there is no Host", { xPort: 1 }, { HTTP_HOST: undefined, SERVER_NAME: "spam", SERVER_PORT: "9000", HTTP_X_FORWARDED_PORT: "8080", [XFF]: "192.168.0.1" }, "http://spam:8080/"],
  ["T579", "takes all", { xFor: 1, xProto: 1, xHost: 1, xPort: 1, xPrefix: 1 }, { REMOTE_ADDR: "192.168.0.2", HTTP_HOST: "spam:9000", [XFF]: "192.168.0.1", HTTP_X_FORWARDED_PROTO: "https", HTTP_X_FORWARDED_HOST: "eggs", HTTP_X_FORWARDED_PORT: "443", HTTP_X_FORWARDED_PREFIX: "/ham" }, "https://eggs/ham/"],
  ["T580", "counts proxies from the right", { xFor: 2 }, { REMOTE_ADDR: "192.168.0.3", HTTP_HOST: "spam", [XFF]: "192.168.0.1, 192.168.0.2" }, "http://spam/"],
  ["T582", "ignores fewer values than proxies", { xFor: 3 }, { REMOTE_ADDR: "192.168.0.1", HTTP_HOST: "spam", [XFF]: "192.168.0.3, 192.168.0.2" }, "http://spam/"],
  ["T583", "ignores what stands before the trusted", {}, { REMOTE_ADDR: "192.168.0.2", HTTP_HOST: "spam", [XFF]: "192.168.0.3, 192.168.0.1" }, "http://spam/"],
  ["T584", "ignores an empty value", { xFor: 2 }, { REMOTE_ADDR: "192.168.0.1", HTTP_HOST: "spam", [XFF]: ", 192.168.0.3" }, "http://spam/"],
  ["T585", "counts for each header alone", { xFor: 2, xPrefix: 1 }, { REMOTE_ADDR: "192.168.0.2", HTTP_HOST: "spam", [XFF]: "192.168.0.1, 192.168.0.3", HTTP_X_FORWARDED_PREFIX: "/ham, /eggs" }, "http://spam/eggs/"],
  ["T587", "adds a port to IPv6", { xPort: 1 }, { HTTP_HOST: "[2001:db8::a]", HTTP_X_FORWARDED_PORT: "8080", [XFF]: "192.168.0.1" }, "http://[2001:db8::a]:8080/"],
  ["T588", "replaces the port of IPv6", { xPort: 1 }, { HTTP_HOST: "[2001:db8::a]:9000", HTTP_X_FORWARDED_PORT: "8080", [XFF]: "192.168.0.1" }, "http://[2001:db8::a]:8080/"],
];
for (const [id, claim, options, environ, url] of CASES) {
  test(`${id} proxyFix() ${claim}`, async () => {
    const seen = await fixed(options, environ);
    assert.equal(rootUrl(seen), url);
    assert.equal(seen.REMOTE_ADDR, "192.168.0.1");
  });
}

test("T589 proxyFix() keeps the six originals", async () => {
  const [, , options, environ] = CASES[3]!.slice(0, 4) as [string, string, ProxyFixOptions, Record<string, unknown>];
  const seen = await fixed(options, { ...environ, SERVER_NAME: "10.0.0.1", SERVER_PORT: "9000", SCRIPT_NAME: "/own", PATH_INFO: "" });
  assert.deepEqual(seen["tsgi.proxy_fix.orig"], {
    REMOTE_ADDR: "192.168.0.2",
    "tsgi.url_scheme": "http",
    HTTP_HOST: "spam:9000",
    SERVER_NAME: "10.0.0.1",
    SERVER_PORT: "9000",
    SCRIPT_NAME: "/own",
  });
  assert.deepEqual([seen.SCRIPT_NAME, seen.HTTPS, seen.SERVER_NAME, seen.SERVER_PORT], ["/ham", "on", "eggs", "443"]);
});

test("T590 proxyFix() ignores a scheme that is neither http nor https", async () => {
  const seen = await fixed({ xProto: 1 }, { HTTP_X_FORWARDED_PROTO: "javascript" });
  assert.equal(seen["tsgi.url_scheme"], "http");
  assert.equal("HTTPS" in seen, false);
});

test("proxyFix() ignores a host, a port and a prefix that can be none", async () => {
  for (const bad of ["a b", "x:y", "a/b", '"><script>', "a:123456"]) {
    const seen = await fixed({ xHost: 1, xPort: 1, xPrefix: 1 }, { HTTP_X_FORWARDED_HOST: bad, HTTP_X_FORWARDED_PORT: bad, HTTP_X_FORWARDED_PREFIX: bad });
    assert.deepEqual([seen.HTTP_HOST, seen.SERVER_PORT, seen.SCRIPT_NAME], ["127.0.0.1", "80", ""]);
  }
});

test("proxyFix() takes a lone slash for no prefix, and HTTPS away where the client came by http", async () => {
  const seen = await fixed({ xPrefix: 1 }, { SCRIPT_NAME: "/own", HTTP_X_FORWARDED_PREFIX: "/", HTTPS: "on", HTTP_X_FORWARDED_PROTO: "HTTP" });
  assert.deepEqual([seen.SCRIPT_NAME, seen["tsgi.url_scheme"], "HTTPS" in seen], ["", "http", false]);
});

test("proxyFix() refuses a number of proxies that is none", () => {
  for (const xFor of [-1, 1.5, NaN]) assert.throws(() => proxyFix({ xFor }), RangeError);
});
