import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { type RunResult, testEnviron, type TestEnvironOptions } from "../../../../core/gateway/testing.ts";
import { httpProxy as httpProxyOfCore, type ProxyTarget } from "../../../../core/middleware/contrib/http_proxy.ts";
import { httpProxy } from "../../../../runtimes/http_proxy.ts";
import { ct, header, hello, run, answering } from "../under_lint.ts";

let upstream: Server;
let target = "";

before(async () => {
  upstream = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    if (request.url === "/gzip") return response.writeHead(200, { "Content-Type": "text/plain", "Content-Encoding": "gzip" }).end(gzipSync("packed"));
    if (request.url === "/silent") return;
    if (request.url === "/moved") return response.writeHead(302, { Location: "/x" }).end();
    response.writeHead(200, [["Content-Type", "application/json"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"], ["Keep-Alive", "timeout=9"]].flat());
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body }));
  });
  await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  target = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
});
after(() => {
  upstream.closeAllConnections();
  upstream.close();
});

function pass(targets: Record<string, ProxyTarget>, path: string, given: TestEnvironOptions = {}): Promise<RunResult> {
  return run(httpProxy(targets), answering("404 Not Found", ct, "own"), testEnviron(path, given));
}

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

test("T706 httpProxy() chooses Host, headers and path for each target", async () => {
  const targets = {
    "/foo": { target, host: "faked.invalid", headers: { "X-Special": "foo" } },
    "/bar": { target, host: null, removePrefix: true, headers: { "X-Special": "bar" } },
    "/autohost": { target },
  };
  const environ = { HTTP_HOST: "own.example", HTTP_CONNECTION: "keep-alive, X-Hop", HTTP_X_HOP: "1", HTTP_X_END: "2", HTTP_TE: "gzip" };
  const foo = JSON.parse((await pass(targets, "/foo/bar", { environ })).text) as Seen;
  assert.deepEqual([foo.url, foo.headers["host"], foo.headers["x-special"]], ["/foo/bar", "faked.invalid", "foo"]);
  assert.deepEqual([foo.headers["x-hop"], foo.headers["x-end"], foo.headers["te"]], [undefined, "2", undefined]);
  const bar = JSON.parse((await pass(targets, "/bar/baz?a=a&b=b", { environ })).text) as Seen;
  assert.deepEqual([bar.url, bar.headers["host"], bar.headers["x-special"]], ["/baz?a=a&b=b", "own.example", "bar"]);
  const auto = JSON.parse((await pass(targets, "/autohost/aha", { environ })).text) as Seen;
  assert.deepEqual([auto.url, auto.headers["host"]], ["/autohost/aha", new URL(target).host]);
  assert.equal((await pass(targets, "/other")).text, "own");
  assert.equal((await pass(targets, "/foobar")).text, "own");
});

test("T708 httpProxy() answers 502 where nobody listens, and 504 where nobody answers", async () => {
  const dead = createServer();
  await new Promise<void>((resolve) => dead.listen(0, "127.0.0.1", resolve));
  const { port } = dead.address() as AddressInfo;
  await new Promise((resolve) => dead.close(resolve));
  const result = await pass({ "/": { target: `http://127.0.0.1:${port}` } }, "/");
  assert.equal(result.status, "502 Bad Gateway");
  assert.match(result.errors, /^Cannot pass GET on to http:/);
  assert.equal((await run(httpProxy({ "/": { target } }, { timeout: 50 }), hello, testEnviron("/silent"))).status, "504 Gateway Timeout");
});

test("httpProxy() passes bodies, redirects and repeated headers, and no header of the connection", async () => {
  const posted = await pass({ "/": { target } }, "/a%20b;c=d/%C3%A9", { method: "POST", input: "body", environ: { CONTENT_TYPE: "text/x" } });
  const seen = JSON.parse(posted.text) as Seen;
  assert.deepEqual([seen.method, seen.url, seen.body, seen.headers["content-type"], seen.headers["content-length"]], ["POST", "/a%20b;c=d/%C3%A9", "body", "text/x", "4"]);
  assert.deepEqual(posted.headers.filter(([name]) => name.toLowerCase() === "set-cookie").map(([, value]) => value), ["a=1", "b=2"]);
  assert.equal(header(posted, "keep-alive"), undefined);
  const moved = await pass({ "/": { target } }, "/moved");
  assert.deepEqual([moved.status, header(moved, "location")], ["302 Found", "/x"]);
  assert.equal((await pass({ "/": { target } }, "/x", { method: "HEAD" })).text, "");
});

test("httpProxy() leaves no way out of what the target shows", async () => {
  for (const path of ["/p/../secret", "/p/%2e%2e/secret", "/p/..%5csecret", "/p/./x"]) {
    assert.equal((await pass({ "/p": { target: `${target}/shown`, removePrefix: true } }, path)).status, "400 Bad Request", path);
  }
  const seen = JSON.parse((await pass({ "/p": { target: `${target}/shown/`, removePrefix: true } }, "/p")).text) as Seen;
  assert.equal(seen.url, "/shown/");
});

test("httpProxy() keeps a body and its Content-Encoding together, whichever fetch asks", async () => {
  const kept = await pass({ "/": { target } }, "/gzip");
  assert.deepEqual([header(kept, "content-encoding"), gunzipSync(kept.body).toString()], ["gzip", "packed"]);
  const decoded = await run(httpProxyOfCore({ "/": { target } }), hello, testEnviron("/gzip"));
  assert.deepEqual([header(decoded, "content-encoding"), decoded.text], [undefined, "packed"]);
});

test("httpProxy() refuses what is no prefix and no target", () => {
  assert.throws(() => httpProxy({ foo: { target } }), SyntaxError);
  assert.throws(() => httpProxy({ "/foo": { target: "nowhere" } }), TypeError);
});
