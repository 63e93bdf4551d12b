import assert from "node:assert/strict";
import { test } from "node:test";
import { createGateway } from "../../../core/gateway/gateway.ts";
import { splitTarget } from "../../../core/gateway/target.ts";
import { toFetch } from "../../../core/gateway/to_fetch.ts";
import type { App } from "../../../core/gateway/types.ts";
import { ct } from "./exercise.ts";
import { bodyOf, exchange, runtime, withServer } from "./live.ts";

/** The target that splitTarget() finds; null if it refuses. */
function target(url: string, host: string | null, rules: { raw?: boolean; scheme?: "http" | "https" } = {}): string | null {
  const headers = new Headers(host === null ? {} : { host });
  const start = splitTarget(url, { headers }, { raw: rules.raw ?? true, scheme: rules.scheme });
  return start < 0 ? null : url.slice(start);
}

test("splitTarget() finds the target behind a plain host", () => {
  assert.equal(target("http://example.org/a/b?c=/d#e", "example.org"), "/a/b?c=/d#e");
  assert.equal(target("http://[::1]:8000/x", "[::1]:8000"), "/x");
  assert.equal(target("https://h/", "h"), "/");
  assert.equal(target("http://h", "h"), "");
});

test("splitTarget() refuses a host that would make another path of the URL", () => {
  for (const host of ["h\\admin", "h/admin", "h/admin/x?y=", "h?y=", "h#", "u@h", "a b", "h:", "h:x", "", "h,h", "h\u00e9", "[::1", "h%41"]) {
    if (host !== "") assert.equal(target(`http://${host}/public`, host.replace("\u00e9", "e")), null, host);
  }
});

test("splitTarget() refuses other schemes, and one that the listener does not have", () => {
  for (const url of ["ftp://h/x", "file:///etc/passwd", "javascript:alert(1)", "/relative", "", "http:/h/x", "HTTP://h/x"]) assert.equal(target(url, "h"), null, url);
  assert.equal(target("https://h/x", "h", { scheme: "http" }), null);
  assert.equal(target("https://h/x", "h", { scheme: "https" }), "/x");
});

test("splitTarget() refuses an absolute-form authority that is not Host, until it has been one", () => {
  assert.equal(target("http://never-seen.example/x", "other.example"), null);
  assert.equal(target("http://never-seen.example/x/y", "other.example"), null);
  assert.equal(target("http://seen.example/x", "SEEN.example:80"), "/x");
  assert.equal(target("http://seen.example/x/y", "other.example"), null);
});

test("splitTarget() takes a missing Host, as under HTTP/2", () => {
  assert.equal(target("http://h2.example/a/b", null), "/a/b");
});

const showing: App = (environ, startResponse) => {
  startResponse("200 OK", [ct]);
  return [JSON.stringify([environ.PATH_INFO, environ.HTTP_HOST ?? null, environ["tsgi.url_scheme"], environ.REQUEST_URI, environ.QUERY_STRING])];
};

/** Status, and what the application saw, for a raw request. */
async function ask(port: number, host: string | null, path: string): Promise<[status: number, seen: unknown[]]> {
  const answer = await exchange(port, `GET ${path} HTTP/1.1\r\n${host === null ? "" : `Host: ${host}\r\n`}Connection: close\r\n\r\n`);
  const status = Number(answer.slice(9, 12));
  return [status, status === 200 ? JSON.parse(bodyOf(answer)) as unknown[] : []];
}

test("toFetch() gives PATH_INFO as it was sent, whatever Host says, live", async () => {
  await withServer(toFetch(showing), async ({ port }) => {
    assert.deepEqual(await ask(port, "h", "/public"), [200, ["/public", "h", "http", "/public", ""]]);
    assert.deepEqual(await ask(port, "h:81", "//e//x?a=/b"), [200, ["//e//x", "h:81", "http", "//e//x?a=/b", "a=/b"]]);
    for (const host of ["h\\admin", "h/admin", "h/admin/x?y=", "h?y=", "h#", "u@h", "a b"]) {
      for (const path of ["/public", "/a/b"]) assert.deepEqual(await ask(port, host, path), [400, []], `${host} ${path}`);
    }
    assert.equal((await ask(port, "h", "ftp://evil/x"))[0], 400);
    assert.equal((await ask(port, "h", "http://evil/x/y"))[0], runtime === "deno" ? 400 : 200);
    // Named exception: Bun resolves dot-segments before anybody sees the target, Deno does not.
    assert.deepEqual((await ask(port, "h", "/a/../b"))[1][0], runtime === "deno" ? "/a/../b" : "/b");
  });
});

test("toFetch() never tells a Host that is not one, live", async () => {
  await withServer(toFetch(showing), async ({ port }) => {
    // Bun takes the first of two; Deno refuses.
    const answer = await exchange(port, "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n");
    if (runtime === "deno") assert.match(answer, /^HTTP\/1\.1 400 /);
    else assert.deepEqual((JSON.parse(bodyOf(answer)) as unknown[])[1], "a");
  });
});

test("createGateway() does not invent a Host from the address it listens on", async () => {
  const seen: (string | undefined)[] = [];
  const handler = createGateway((environ, startResponse) => {
    seen.push(environ.HTTP_HOST);
    startResponse("200 OK", [ct]);
    return [];
  }, { noHost: () => "localhost:4321", rawUrl: true });
  for (const host of [null, "localhost:4321"]) {
    await handler(new Request("http://localhost:4321/", host === null ? {} : { headers: { Host: host } }));
  }
  assert.deepEqual(seen, [undefined, "localhost:4321"]);
});

test("createGateway() tells of a request that it refused", async () => {
  const told: unknown[] = [];
  const handler = createGateway(() => assert.fail("called"), { finished: ({ status, environ, error }) => void told.push(status, environ.REQUEST_URI, error) });
  const request = { url: "/relative?x", method: "GET", headers: new Headers(), body: null } as unknown as Request;
  const response = await handler(request);
  assert.equal(response.status, 400);
  assert.equal(await response.text(), "Bad Request");
  assert.deepEqual(told, ["400 Bad Request", "/relative?x", null]);
});
