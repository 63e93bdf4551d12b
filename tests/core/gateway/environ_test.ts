import assert from "node:assert/strict";
import { test } from "node:test";
import { createEnviron } from "../../../core/gateway/environ.ts";
import { lint } from "../../../core/gateway/lint.ts";
import type { App, Environ } from "../../../core/gateway/types.ts";
import { bytesOf, call, ct, environOf, post, Recorder, streamOf, throwsCode } from "./exercise.ts";
import { exchange, runtime, withServer } from "./live.ts";
import { toFetch } from "../../../core/gateway/to_fetch.ts";

/** An application that yields what it reads. */
function showing(read: (environ: Environ) => unknown): App {
  return (environ, startResponse) => {
    startResponse("200 OK", [ct]);
    return [String(read(environ))];
  };
}

function like(url: string, more: Partial<Request> = {}): Pick<Request, "url" | "method" | "headers" | "body"> {
  return { url, method: "GET", headers: new Headers(), body: null, ...more };
}

test("T001 environ has an empty SCRIPT_NAME", async () => {
  const { response } = await call(showing((environ) => `script_name=${environ.SCRIPT_NAME}`));
  assert.equal(response.status, 200);
  assert.equal(await response.text(), "script_name=");
});

test("T002 toFetch() moves scriptName from PATH_INFO to SCRIPT_NAME", async () => {
  const { response } = await call(showing((environ) => `script_name=${environ.SCRIPT_NAME} ${environ.PATH_INFO}`), "/mnt/", {}, { scriptName: "/mnt" });
  assert.equal(await response.text(), "script_name=/mnt /");
});

test("T003 toFetch() leaves PATH_INFO empty at the mount itself", async () => {
  const environ = await environOf("/mnt", {}, { scriptName: "/mnt" });
  assert.equal(environ.SCRIPT_NAME, "/mnt");
  assert.equal(environ.PATH_INFO, "");
});

test("toFetch() answers 404 beside the mount without calling the application", async () => {
  const { response } = await call(() => assert.fail("called"), "/mnta", {}, { scriptName: "/mnt" });
  assert.equal(response.status, 404);
  assert.throws(() => toFetch(() => [], { scriptName: "mnt" }), TypeError);
});

test("T005 environ has the query string", async () => {
  const { response } = await call(showing((environ) => `Hello, ${environ.QUERY_STRING}`), "/?name=miyagawa");
  assert.equal(response.headers.get("content-type"), "text/plain");
  assert.equal(await response.text(), "Hello, name=miyagawa");
});

test("T006 environ has type, length and body of a POST", async () => {
  const app: App = async (environ, startResponse) => {
    startResponse("200 OK", [ct, ["Client-Content-Length", environ.CONTENT_LENGTH ?? ""], ["Client-Content-Type", environ.CONTENT_TYPE ?? ""]]);
    return ["Hello, ", await environ["tsgi.input"].read()];
  };
  const { response } = await call(app, "/", post("name=tatsuhiko", { "Content-Type": "application/x-www-form-urlencoded", "Content-Length": "14" }));
  assert.equal(response.headers.get("client-content-length"), "14");
  assert.equal(response.headers.get("client-content-type"), "application/x-www-form-urlencoded");
  assert.equal(await response.text(), "Hello, name=tatsuhiko");
});

test("T008 environ has HTTPS only under https", () => {
  const secure = createEnviron(new Request("https://127.0.0.1/"));
  assert.deepEqual([secure["tsgi.url_scheme"], secure.HTTPS], ["https", "on"]);
  const plain = createEnviron(new Request("http://127.0.0.1/"));
  assert.deepEqual([plain["tsgi.url_scheme"], "HTTPS" in plain], ["http", false]);
});

test("T009 environ has a header", async () => {
  const { response } = await call(showing((environ) => environ.HTTP_FOO), "/foo/?dankogai=kogaidan", { headers: { Foo: "Bar" } });
  assert.equal(await response.text(), "Bar");
});

test("T010 environ has HTTP_COOKIE", async () => {
  assert.equal((await environOf("/", { headers: { Cookie: "foo" } })).HTTP_COOKIE, "foo");
});

test("T011 environ has no COOKIE", async () => {
  const environ = await environOf("/", { headers: { Cookie: "foo=bar" } });
  assert.equal("COOKIE" in environ, false);
  assert.equal(environ.HTTP_COOKIE, "foo=bar");
});

test("T015 PATH_INFO is decoded text, and goes out as the bytes that came", async () => {
  const { response } = await call(showing((environ) => environ.PATH_INFO), "/foo%E3%81%82");
  assert.deepEqual(new Uint8Array(await response.arrayBuffer()), new Uint8Array([0x2f, 0x66, 0x6f, 0x6f, 0xe3, 0x81, 0x82]));
  assert.equal((await environOf("/foo%E3%81%82")).PATH_INFO, "/foo\u3042");
});

test("T016 SERVER_PROTOCOL is a protocol", async () => {
  assert.match((await environOf()).SERVER_PROTOCOL, /^HTTP\/\d(\.\d)?$/);
});

test("T019 REQUEST_URI stays undecoded", async () => {
  const environ = await environOf("/foo/bar%20baz%73?x=a");
  assert.equal(environ.REQUEST_URI, "/foo/bar%20baz%73?x=a");
  assert.equal(environ.PATH_INFO, "/foo/bar bazs");
});

test("T021 environ keeps a long header whole", async () => {
  const value = "abcdefgh".repeat(16);
  assert.equal((await environOf("/", { headers: { "X-Foo": value } })).HTTP_X_FOO, value);
});

test("T022 environ has HTTP_AUTHORIZATION only if it was sent", async () => {
  assert.equal((await environOf("/", { headers: { Authorization: "Basic XXXX" } })).HTTP_AUTHORIZATION, "Basic XXXX");
  assert.equal("HTTP_AUTHORIZATION" in await environOf(), false);
});

test("T023 PATH_INFO keeps repeated slashes", async () => {
  assert.equal((await environOf("//foo///bar/baz")).PATH_INFO, "//foo///bar/baz");
});

test("T026 toFetch() adds the deployer's variables", async () => {
  const environ = await environOf("/", {}, { environ: { X: "Y", HOME: "/override/home" } });
  assert.deepEqual([environ["X"], environ["HOME"]], ["Y", "/override/home"]);
  assert.deepEqual(environ["tsgi.version"], [1, 0]);
  for (const flag of ["multithread", "multiprocess", "run_once"] as const) assert.equal(typeof environ[`tsgi.${flag}`], "boolean");
});

test("T027 toFetch() lets the request win over the deployer's variables", async () => {
  for (const look of [(environ: Environ) => environ, (environ: Environ) => ({ ...environ })]) {
    const environ = look(await environOf("/", {}, { environ: { SCRIPT_NAME: "/spoof", SERVER_NAME: "spoof", REQUEST_METHOD: "X" } }));
    assert.deepEqual([environ.SCRIPT_NAME, environ.SERVER_NAME, environ.REQUEST_METHOD], ["", "127.0.0.1", "GET"]);
  }
});

test("T028 createEnviron() makes the gateway's own keys", () => {
  const environ = createEnviron(new Request("http://127.0.0.1/"));
  for (const key of ["tsgi.url_scheme", "tsgi.input", "tsgi.errors"]) assert.ok(key in environ, key);
});

test("T030 environ has type and length of JSON", async () => {
  const environ = await environOf("/", post("{}", { "Content-Type": "application/json", "Content-Length": "2" }));
  assert.deepEqual([environ.CONTENT_TYPE, environ.CONTENT_LENGTH], ["application/json", "2"]);
});

test("T031 environ never has HTTP_CONTENT_TYPE or HTTP_CONTENT_LENGTH", async () => {
  const environ = await environOf("/", post("{}", { "Content-Type": "application/json", "Content-Length": "2" }));
  for (const key of ["HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"]) {
    assert.equal(key in environ, false);
    assert.equal(environ[key], undefined);
    assert.equal(Object.keys(environ).includes(key), false);
  }
});

test("T032 environ has no CONTENT_LENGTH for a streamed body, and the body ends", async () => {
  let body = "";
  const app: App = async (environ, startResponse) => {
    assert.equal("CONTENT_LENGTH" in environ, false);
    assert.equal(environ["tsgi.input_terminated"], true);
    body = new TextDecoder().decode(await environ["tsgi.input"].read());
    startResponse("200 OK", [ct]);
    return [];
  };
  assert.equal((await call(app, "/", post(streamOf(["one ", "two"])))).response.status, 200);
  assert.equal(body, "one two");
});

test("T034 environ joins repeated headers in order, live", async () => {
  await withServer(toFetch(showing((environ) => environ["HTTP_XYZ"])), async ({ port }) => {
    const answer = await exchange(port, "GET / HTTP/1.1\r\nHost: h\r\nXYZ: a \r\nA: 1\r\nXYZ:  b\r\nXYZ: c \r\nB: 2\r\nXYZ: d\r\nConnection: close\r\n\r\n");
    const value = answer.slice(answer.indexOf("\r\n\r\n") + 4);
    assert.deepEqual(value.split(",").map((part) => part.trim()), ["a", "b", "c", "d"]);
  });
});

test("T035 environ has the header with -, and no trace of the one with _", async () => {
  const environ = await environOf("/", { headers: { "X_Foo": "spoof", "X-Foo": "real" } });
  assert.equal(environ.HTTP_X_FOO, "real");
  assert.equal(JSON.stringify(environ).includes("spoof"), false);
});

test("T036 environ drops a header with _", async () => {
  assert.equal("HTTP_X_FOO" in await environOf("/", { headers: { "X_Foo": "spoof" } }), false);
});

test("T036 environ drops headers with _ also where it is made whole", async () => {
  const headers = { "X_Foo": "spoof", "X-Foo": "real", "Y_Bar": "spoof" };
  for (const environ of [{ ...await environOf("/", { headers }) }, createEnviron(new Request("http://h/", { headers }))]) {
    assert.equal(environ["HTTP_X_FOO"], "real");
    assert.equal(JSON.stringify(environ).includes("spoof"), false);
  }
});

test("T037 toFetch() refuses a header with _ where told to", async () => {
  const { response } = await call(() => assert.fail("called"), "/", { headers: { "X_Foo": "a" } }, { underscoreHeaders: "refuse" });
  assert.equal(response.status, 400);
  throwsCode(() => createEnviron(like("http://h/", { headers: new Headers({ "X_Foo": "a" }) }), {}, { underscoreHeaders: "refuse" }), "ERR_TSGI_UNDERSCORE");
});

test("T038 environ maps a header with _ where told to", async () => {
  for (const look of [(environ: Environ) => environ, (environ: Environ) => ({ ...environ })]) {
    assert.equal(look(await environOf("/", { headers: { "X_Foo": "a" } }, { underscoreHeaders: "allow" })).HTTP_X_FOO, "a");
    assert.equal(look(await environOf("/", { headers: { "X_Foo": "a", "X-Foo": "b" } }, { underscoreHeaders: "allow" })).HTTP_X_FOO, "b, a");
  }
});

test("T040 environ never has HTTP_PROXY", async () => {
  const environ = await environOf("/", { headers: { Proxy: "http://evil" } });
  assert.equal("HTTP_PROXY" in environ, false);
  assert.equal(environ.HTTP_PROXY, undefined);
  assert.equal(Object.keys(environ).includes("HTTP_PROXY"), false);
});

test("T042 createEnviron() takes raw text above ASCII", () => {
  const environ = createEnviron(like("http://h/\u00e9?q=\u00e9"));
  assert.deepEqual([environ.PATH_INFO, environ.QUERY_STRING, environ.REQUEST_URI], ["/\u00e9", "q=%C3%A9", "/%C3%A9?q=%C3%A9"]);
});

test("T044 environ does not tell the length of a body that was dropped", async () => {
  const environ = createEnviron(like("http://h/", { headers: new Headers({ "Content-Length": "3" }) }));
  assert.equal("CONTENT_LENGTH" in environ, false);
  assert.equal((await environ["tsgi.input"].read()).length, 0);
});

test("T045 HTTP_HOST is the authority of the URL if there is no Host", () => {
  assert.equal(createEnviron(like("http://h.example:8080/")).HTTP_HOST, "h.example:8080");
});

test("T046 SERVER_NAME and SERVER_PORT come from the URL", () => {
  const seen = ["http://h.example:8080/", "http://h.example/", "https://h.example/"].map((url) => createEnviron(like(url)));
  assert.deepEqual(seen.map((environ) => environ.SERVER_NAME), ["h.example", "h.example", "h.example"]);
  assert.deepEqual(seen.map((environ) => environ.SERVER_PORT), ["8080", "80", "443"]);
});

test("T048 SERVER_NAME keeps the brackets of an IPv6 address", () => {
  const environ = createEnviron(like("http://[::1]:8000/"));
  assert.deepEqual([environ.SERVER_NAME, environ.SERVER_PORT], ["[::1]", "8000"]);
  assert.equal(createEnviron(like("http://[::1]/")).SERVER_NAME, "[::1]");
});

test("T049 environ leaves out what nobody knows", async () => {
  const environ = await environOf();
  for (const key of ["REMOTE_ADDR", "REMOTE_PORT", "REMOTE_USER", "AUTH_TYPE"]) assert.equal(key in environ, false, key);
});

test("T052 environ has strings under every key without a dot", async () => {
  const server = { software: "tsgi", serverName: "s", serverPort: 81, protocol: "HTTP/1.0", remoteAddr: "::ffff:1.2.3.4", remotePort: 5, requestTarget: "/x" };
  const environ = await environOf("/x?y", post("{}", { "Content-Type": "application/json", "Content-Length": "2" }), { server, environ: { X: "Y" } });
  const keys = Object.keys(environ).filter((key) => !key.includes("."));
  assert.ok(keys.length > 14, keys.join());
  for (const key of keys) assert.equal(typeof environ[key], "string", key);
});

test("T055 environ has RAW_URI only where it is exact", async () => {
  assert.equal("RAW_URI" in await environOf("/", {}, { server: {} }), false);
  const environ = await environOf("/b.?x", {}, { server: { requestTarget: "/a/../b%2e?x" } });
  assert.equal(environ.RAW_URI, "/a/../b%2e?x");
  assert.equal(environ.PATH_INFO, "/a/../b.");
});

test("T056 PATH_INFO keeps dot-segments", () => {
  for (const path of ["/a/../b", "/a/%2e%2e/b"]) {
    const environ = createEnviron(like(`http://h${path}`));
    assert.deepEqual([environ.PATH_INFO, environ.REQUEST_URI], ["/a/../b", path]);
  }
});

test("T057 REQUEST_METHOD is the request's", () => {
  for (const method of ["GET", "PATCH", "PROPFIND", "patch"]) assert.equal(createEnviron(like("http://h/", { method })).REQUEST_METHOD, method);
});

test("T058 environ says that it does not block", async () => {
  const environ = await environOf();
  assert.deepEqual([environ["tsgi.nonblocking"], environ["tsgi.multithread"], environ["tsgi.run_once"]], [true, false, false]);
});

test("T059 tsgi.multiprocess is what the server says", async () => {
  assert.equal((await environOf("/", {}, { server: { multiprocess: true } }))["tsgi.multiprocess"], true);
  assert.equal((await environOf())["tsgi.multiprocess"], false);
});

test("T309 the gateway's keys are the specification's", async () => {
  const known = ["version", "url_scheme", "input", "errors", "multithread", "multiprocess", "run_once", "nonblocking", "input_terminated", "signal", "response_finished", "file_wrapper", "early_hints", "wait_until"];
  const server = { earlyHints() {}, waitUntil() {} };
  const dotted = Object.keys(await environOf("/", {}, { server })).filter((key) => key.includes(".") || key !== key.toUpperCase());
  assert.deepEqual(dotted.sort(), known.map((name) => `tsgi.${name}`).sort());
});

test("environ is an ordinary object in every operation", async () => {
  const init = post("{}", { "X-A": "1", "Content-Type": "a/b", "Content-Length": "2" });
  const fresh = () => environOf("/p%20q?r", init, { environ: { DEPLOYED: "yes" } });
  const whole: Record<string, unknown> = { ...await fresh() };
  assert.ok([Object.prototype, null].includes(Object.getPrototypeOf(await fresh())));
  assert.equal(whole["HTTP_X_A"], "1");
  for (const key of Object.keys(whole)) {
    const environ = await fresh();
    assert.ok(key in environ && Object.hasOwn(environ, key), key);
    if (typeof whole[key] !== "object") assert.equal(environ[key], whole[key], key);
    const descriptor = Object.getOwnPropertyDescriptor(await fresh(), key)!;
    assert.ok(descriptor.enumerable && descriptor.configurable && "value" in descriptor, key);
    const poorer = await fresh();
    assert.equal(delete poorer[key], true);
    assert.deepEqual([poorer[key], key in poorer, Object.keys(poorer).includes(key)], [undefined, false, false], key);
  }
  assert.deepEqual(Object.keys(await fresh()).sort(), Object.keys(whole).sort());
  assert.deepEqual(Object.keys(Object.assign({}, await fresh())).sort(), Object.keys(whole).sort());
  const looped: string[] = [];
  for (const key in await fresh()) looped.push(key);
  assert.deepEqual(looped.sort(), Object.keys(whole).sort());
  assert.equal(JSON.parse(JSON.stringify(await fresh())).PATH_INFO, "/p q");
});

test("environ can be written, defined, frozen and inherited from like an ordinary object", async () => {
  const environ = await environOf("/p");
  environ.PATH_INFO = "/other";
  environ["my.key"] = 1;
  assert.deepEqual([environ.PATH_INFO, environ["my.key"], Object.keys(environ).includes("my.key")], ["/other", 1, true]);
  (environ as Record<string, unknown>)["QUERY_STRING"] = undefined;
  assert.deepEqual([environ.QUERY_STRING, "QUERY_STRING" in environ], [undefined, true]);
  Object.defineProperty(environ, "SCRIPT_NAME", { enumerable: false });
  assert.deepEqual([environ.SCRIPT_NAME, Object.keys(environ).includes("SCRIPT_NAME")], ["", false]);
  const child = Object.create(environ) as Environ;
  child.REQUEST_METHOD = "PUT";
  assert.deepEqual([child.REQUEST_METHOD, environ.REQUEST_METHOD, child.PATH_INFO], ["PUT", "GET", "/other"]);
  Object.defineProperty(environ, "SHOUT", { get(this: Environ) { return this.SERVER_PROTOCOL; }, enumerable: true, configurable: true });
  assert.equal(environ["SHOUT"], "HTTP/1.1");
  assert.equal(environ.hasOwnProperty("toString"), false);
  assert.equal(environ["constructor"], Object);
  Object.freeze(environ);
  assert.ok(Object.isFrozen(environ));
  assert.throws(() => environ.PATH_INFO = "/x", TypeError);
  assert.deepEqual([environ.PATH_INFO, environ.HTTP_HOST, environ["tsgi.signal"] === environ["tsgi.signal"]], ["/other", "127.0.0.1", true]);
});

test("environ is made whole at once for applications that always enumerate, and is the same", async () => {
  const errors = new Recorder();
  const seen: string[] = [];
  const values: string[] = [];
  const handler = toFetch((environ, startResponse) => {
    startResponse("200 OK", [ct]);
    seen.push(Object.keys(environ).sort().join());
    values.push(JSON.stringify([environ.PATH_INFO, environ.HTTP_HOST, environ["tsgi.signal"] === { ...environ }["tsgi.signal"], environ["tsgi.signal"].aborted]));
    return [];
  }, { errors });
  for (let round = 0; round < 80; round++) await handler(new Request("http://127.0.0.1/x", { headers: { A: "1" } }));
  assert.equal(new Set(seen).size, 1);
  assert.deepEqual([...new Set(values)], ['["/x","127.0.0.1",true,false]']);
});

test("environ passes lint() on both sides of the eager and the lazy form", async () => {
  const errors = new Recorder();
  const hello: App = (_environ, startResponse) => {
    startResponse("200 OK", [ct]);
    return ["Hello, world!"];
  };
  const handler = toFetch(lint(lint(hello)), { errors });
  for (let round = 0; round < 40; round++) {
    const response = await handler(new Request("http://127.0.0.1/a%20b?c", { method: "POST", body: "x", headers: { "X-A": "1" } }));
    assert.deepEqual([response.status, response.headers.get("content-length"), errors.text], [200, "13", ""]);
  }
});

test("toFetch() refuses deployer's variables that no environ may have", () => {
  assert.throws(() => toFetch(() => [], { environ: { NUMBER: 5 } }), TypeError);
});

test("environ has nothing that was not read before the answer, and does not throw for it", async () => {
  let late: Environ | undefined;
  await withServer(toFetch((environ, startResponse) => {
    late = environ;
    startResponse("200 OK", [ct]);
    return ["x"];
  }), async ({ url }) => {
    await (await fetch(`${url}/late?q`)).text();
    assert.equal(late!.PATH_INFO, "/late");
    assert.equal(late!.HTTP_X_FOO, undefined);
    assert.equal(typeof Object.keys(late!).length, "number");
  });
});

test("environ keeps its headers while a body is being sent, live", async () => {
  await withServer(toFetch(async function* (environ, startResponse) {
    startResponse("200 OK", [ct]);
    yield "first ";
    await new Promise((resolve) => setTimeout(resolve, 5));
    yield `${environ.HTTP_X_FOO} ${environ.REMOTE_ADDR}`;
  }), async ({ url }) => {
    assert.equal(await (await fetch(url, { headers: { "X-Foo": "bar" } })).text(), "first bar 127.0.0.1", runtime);
  });
});

test("createEnviron() reads bytes of a body", async () => {
  const environ = createEnviron(new Request("http://h/", post(bytesOf("abc") as Uint8Array<ArrayBuffer>)));
  assert.equal((await environ["tsgi.input"].read(2)).length, 2);
});
