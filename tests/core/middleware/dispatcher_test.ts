import assert from "node:assert/strict";
import { test } from "node:test";
import { fromFetch } from "../../../core/gateway/from_fetch.ts";
import { lint } from "../../../core/gateway/lint.ts";
import { runApp, testEnviron } from "../../../core/gateway/testing.ts";
import type { App, Environ } from "../../../core/gateway/types.ts";
import { compose } from "../../../core/middleware/compose.ts";
import { dispatcher } from "../../../core/middleware/dispatcher.ts";
import { answering, clean, ct } from "./under_lint.ts";

const notFound = lint(answering("404 Not Found", ct, "null"));

/** Says where it believes itself to be. */
function where(name: string): App {
  return lint((environ, startResponse) => {
    startResponse("200 OK", ct.slice());
    return [`${name}:${environ.SCRIPT_NAME}|${environ.PATH_INFO}`.toWellFormed()];
  });
}

async function get(app: App, environ: Environ): Promise<string> {
  return clean(await runApp(lint(app), environ)).text;
}

for (const [id, path, script] of [["T592", "/test1", "/test1"], ["T595", "/test2/very", "/test2/very"], ["T596", "/test2/very/long/path/after/script/name", "/test2/very"]] as const) {
  test(`${id} dispatcher() mounts ${script} for ${path}`, async () => {
    const app = dispatcher(notFound, { "/test1": where("d"), "/test2/very": where("d") });
    assert.equal(await get(app, testEnviron(path)), `d:${script}|${path.slice(script.length)}`);
  });
}

test("T597 dispatcher() leaves the rest to the default application, with environ untouched", async () => {
  const app = dispatcher(where("default"), { "/test1": where("d") });
  assert.equal(await get(app, testEnviron("/missing")), "default:|/missing");
  assert.equal(await get(dispatcher(notFound, {}), testEnviron("/missing")), "null");
});

test("T598 dispatcher() matches the longest prefix, whole segments only", async () => {
  const app = dispatcher(notFound, { "/foo": where("a"), "/foo/bar": where("b") });
  const cases = { "/foo": "a:/foo|", "/foo/": "a:/foo|/", "/foo/bar": "b:/foo/bar|", "/foo/bard": "a:/foo|/bard", "/foo/bar/": "b:/foo/bar|/" };
  for (const [path, expected] of Object.entries(cases)) assert.equal(await get(app, testEnviron(path)), expected);
});

test("T599 dispatcher() appends to SCRIPT_NAME", async () => {
  const app = dispatcher(notFound, { "/foo": where("a") });
  assert.equal(await get(app, testEnviron("/foo/quux", { scriptName: "/bleh" })), "a:/bleh/foo|/quux");
});

test("T600 dispatcher() nests", async () => {
  const app = dispatcher(notFound, { "/foo": dispatcher(notFound, { "/bar": dispatcher(notFound, { "/quux": where("a") }) }) });
  assert.equal(await get(app, testEnviron("/foo/bar/quux")), "a:/foo/bar/quux|");
  assert.equal(await get(app, testEnviron("/foo/bar")), "null");
});

test("T601 dispatcher() mounts the root and merges no slashes", async () => {
  const app = dispatcher(notFound, { "/": where("root"), "/foo": where("foo") });
  assert.equal(await get(app, testEnviron("/bar")), "root:|/bar");
  assert.equal(await get(app, testEnviron("/http://example.org/bar")), "root:|/http://example.org/bar");
  assert.equal(await get(app, testEnviron("/foo/bar")), "foo:/foo|/bar");
  assert.equal(await get(app, testEnviron("/foo//bar")), "foo:/foo|//bar");
});

test("T603 dispatcher() prefers mounts of the host, without case and port", async () => {
  const app = dispatcher(notFound, { "/bar": where("any"), "http://foo.org/bar": where("foo"), "https://BAR.org/": where("bar"), "http://[::1]/bar": where("six") });
  const cases = { "foo.org": "foo", "FOO.ORG": "foo", "foo.org:8080": "foo", "other.org": "any", "bar.org": "bar", "[::1]:80": "six" };
  for (const [HTTP_HOST, expected] of Object.entries(cases)) {
    const text = await get(app, testEnviron("/bar/x", { environ: { HTTP_HOST } }));
    assert.equal(text, expected === "bar" ? "bar:|/bar/x" : `${expected}:/bar|/x`, HTTP_HOST);
  }
  assert.equal(await get(app, testEnviron("/bar", { environ: { HTTP_HOST: undefined, SERVER_NAME: "foo.org" } })), "foo:/bar|");
});

test("T605 dispatcher() mounts text, not bytes", async () => {
  assert.equal(await get(dispatcher(notFound, { "/caf\u00e9": where("a") }), testEnviron("/caf%C3%A9/x")), "a:/caf\u00e9|/x");
});

test("dispatcher() refuses other keys", () => {
  for (const key of ["foo", "", "ftp://x/", "http://foo.org:80/", "http:///x"]) {
    assert.throws(() => dispatcher(notFound, { [key]: notFound }), { name: "SyntaxError", message: /^Cannot mount at / }, key);
  }
});

test("T714 compose() and dispatcher() make no copy of environ", async () => {
  const seen: Environ[] = [];
  const note = (app: App): App => (environ, startResponse) => {
    seen.push(environ);
    return app(environ, startResponse);
  };
  await runApp(compose(note, (app) => dispatcher(notFound, { "/a": app }), note)(where("a")), testEnviron("/a"));
  assert.equal(seen.length, 2);
  assert.equal(seen[0], seen[1]);
});

test("T321 dispatcher() shows a Fetch handler the whole path, or what is left of it", async () => {
  const path = (request: Request): Response => new Response(new URL(request.url).pathname, { headers: { "Content-Type": "text/plain" } });
  const whole = dispatcher(notFound, { "/api": lint(fromFetch(path)) });
  assert.equal(await get(whole, testEnviron("/api/x")), "/api/x");
  const rest = dispatcher(notFound, { "/api": lint(fromFetch(path, { stripScriptName: true })) });
  assert.equal(await get(rest, testEnviron("/api/x")), "/x");
});
