import assert from "node:assert/strict";
import { test } from "node:test";
import { runApp, testEnviron } from "../../../core/gateway/testing.ts";
import type { App, Body, Chunk, Environ, HeaderList } from "../../../core/gateway/types.ts";

const ct: HeaderList = [["Content-Type", "text/plain"]];

test("T382 testEnviron() fills everything in", async () => {
  const environ = testEnviron({});
  assert.deepEqual(Object.fromEntries(Object.entries(environ).filter(([key]) => !key.includes("."))), {
    SERVER_NAME: "127.0.0.1",
    SERVER_PORT: "80",
    SERVER_PROTOCOL: "HTTP/1.1",
    HTTP_HOST: "127.0.0.1",
    REQUEST_METHOD: "GET",
    SCRIPT_NAME: "",
    PATH_INFO: "/",
    QUERY_STRING: "",
    REQUEST_URI: "/",
  });
  assert.deepEqual(environ["tsgi.version"], [1, 0]);
  for (const flag of ["run_once", "multithread", "multiprocess"] as const) assert.equal(environ[`tsgi.${flag}`], false);
  assert.equal(environ["tsgi.url_scheme"], "http");
  assert.equal((await environ["tsgi.input"].read()).length, 0);
  environ["tsgi.errors"].write("a");
  environ["tsgi.errors"].writelines(["b\n", "c"]);
  assert.equal(String(environ["tsgi.errors"]), "ab\nc");
});

test("T383 testEnviron() keeps every key that is given", () => {
  for (const key of Object.keys(testEnviron())) {
    const sentinel = { key };
    assert.equal(testEnviron({ [key]: sentinel })[key], sentinel, key);
  }
});

test("T384 testEnviron() derives host, scheme and port from what is given", () => {
  assert.equal(testEnviron({ SERVER_NAME: "foo.bar" }).HTTP_HOST, "foo.bar");
  for (const [HTTPS, scheme, port] of [["on", "https", "443"], ["1", "https", "443"], ["yes", "https", "443"], ["foo", "http", "80"]]) {
    const environ = testEnviron({ HTTPS });
    assert.deepEqual([environ["tsgi.url_scheme"], environ.SERVER_PORT], [scheme, port]);
  }
});

test("T388 testEnviron() takes a URL apart", () => {
  const environ = testEnviron("https://bla.example.org:9292/meh/foo?bar");
  assert.equal(environ.REQUEST_METHOD, "GET");
  assert.equal(environ.SERVER_NAME, "bla.example.org");
  assert.equal(environ.SERVER_PORT, "9292");
  assert.equal(environ.HTTP_HOST, "bla.example.org:9292");
  assert.equal(environ.QUERY_STRING, "bar");
  assert.equal(environ.PATH_INFO, "/meh/foo");
  assert.equal(environ.REQUEST_URI, "/meh/foo?bar");
  assert.equal(environ["tsgi.url_scheme"], "https");
  assert.equal(environ.HTTPS, "on");
});

test("testEnviron() decodes the path and mounts under scriptName", () => {
  const environ = testEnviron("/caf%C3%A9/../x%2Fy#z", { scriptName: "/m\u00e4", environ: { HTTP_X: "1" } });
  assert.equal(environ.PATH_INFO, "/caf\u00e9/../x/y");
  assert.equal(environ.SCRIPT_NAME, "/m\u00e4");
  assert.equal(environ.REQUEST_URI, "/m%C3%A4/caf%C3%A9/../x%2Fy");
  assert.equal(environ.HTTP_X, "1");
  assert.equal("HTTP_HOST" in testEnviron("/", { environ: { HTTP_HOST: undefined } }), false);
  assert.equal(testEnviron({ PATH_INFO: "/\u00e4", QUERY_STRING: "x=1" }).REQUEST_URI, "/%C3%A4?x=1");
  assert.equal(testEnviron("/", { protocol: "HTTP/2" }).SERVER_PROTOCOL, "HTTP/2");
});

test("T390 testEnviron() prepends a slash", () => assert.equal(testEnviron("foo").PATH_INFO, "/foo"));

test("T391 testEnviron() knows the length of a text, and not of a stream", () => {
  assert.equal(testEnviron("/", { input: "foo" }).CONTENT_LENGTH, "3");
  assert.equal("CONTENT_LENGTH" in testEnviron("/", { input: new Blob(["foo"]).stream() }), false);
});

test("T392 testEnviron() writes the method in capitals", () => assert.equal(testEnviron("/", { method: "post" }).REQUEST_METHOD, "POST"));

test("T396 runApp() gives the application a copy of environ", async () => {
  const environ = testEnviron();
  const before = { ...environ };
  await runApp((given, startResponse) => {
    given.PATH_INFO = "/changed";
    given["my.key"] = 1;
    startResponse("200 OK", ct);
    return [];
  }, environ);
  assert.deepEqual({ ...environ }, before);
});

test("T214 runApp() closes the body at the end, once", async () => {
  let closed = 0;
  const result = await runApp((_environ, startResponse) => {
    startResponse("200 OK", ct);
    return Object.assign((function* (): Generator<Chunk> {
      yield "a";
      yield new Uint8Array([98]);
    })(), { close: () => void closed++ });
  }, testEnviron());
  assert.equal(closed, 1);
  assert.equal(result.closed, 1);
  assert.equal(result.text, "ab");
  assert.equal(result.chunks.length, 2);
});

test("T228 runApp() gives the errors as text", async () => {
  const environ = testEnviron();
  const result = await runApp((given: Environ, startResponse) => {
    given["tsgi.errors"].write("odd\n");
    startResponse("200 OK", ct);
    return [];
  }, environ);
  assert.equal(result.errors, "odd\n");
  assert.equal(String(environ["tsgi.errors"]), "odd\n");
});

test("runApp() answers 500 for an application that throws, and says what it threw", async () => {
  const thrown = new Error("the reason");
  const failing: App = () => {
    throw thrown;
  };
  const { status, text, errors, error } = await runApp(failing, testEnviron());
  assert.equal(status, "500 Internal Server Error");
  assert.equal(text, "Internal Server Error");
  assert.ok(errors.includes("the reason"));
  assert.equal(error, thrown);
});

test("runApp() rejects with what was thrown where tsgix.throw_errors asks for it", async () => {
  const failing: App = () => {
    throw new RangeError("the reason");
  };
  await assert.rejects(runApp(failing, testEnviron({ "tsgix.throw_errors": true })), RangeError);
});

test("runApp() keeps what was sent before an error", async () => {
  const { status, text, error } = await runApp(async function* (_environ, startResponse) {
    startResponse("200 OK", ct);
    yield "a";
    throw new Error("late");
  }, testEnviron());
  assert.equal(status, "200 OK");
  assert.equal(text, "a");
  assert.equal((error as Error).message, "late");
});

test("runApp() keeps reason, order and repetition of what the application said", async () => {
  const { status, headers, text } = await runApp((_environ, startResponse) => {
    startResponse("299 Odd", [...ct, ["Set-Cookie", "a=1"], ["X-Foo", "1"], ["Set-Cookie", "b=2"]]);
    return ["a", "", "b"];
  }, testEnviron());
  assert.equal(status, "299 Odd");
  assert.deepEqual(headers.slice(0, 4), [["Content-Type", "text/plain"], ["Set-Cookie", "a=1"], ["X-Foo", "1"], ["Set-Cookie", "b=2"]]);
  assert.equal(text, "ab");
});

test("runApp() joins the chunks for buffered", async () => {
  const { chunks } = await runApp((_environ, startResponse) => {
    startResponse("200 OK", ct);
    return ["a", "b"].values();
  }, testEnviron(), { buffered: true });
  assert.equal(chunks.length, 1);
  assert.deepEqual((await runApp(answering("200 OK", [...ct], []), testEnviron(), { buffered: true })).chunks, []);
});

test("runApp() calls tsgi.response_finished in reverse order, after close", async () => {
  const seen: unknown[] = [];
  await runApp((environ, startResponse) => {
    environ["tsgi.response_finished"]!.push(
      () => void seen.push("first"),
      (_environ, status, headers, error) => void seen.push(status, headers, error),
    );
    startResponse("200 OK", ct);
    return Object.assign(["a"], { close: () => void seen.push("close") });
  }, testEnviron());
  assert.deepEqual(seen.slice(0, 2), ["close", "200 OK"]);
  assert.deepEqual(seen.slice(-2), [null, "first"]);
});

/** Status, body and Content-Length of an answer, and whether it broke. */
async function outcome(app: App, method = "GET"): Promise<unknown[]> {
  const { status, text, headers, error } = await runApp(app, testEnviron("/", { method }));
  const length = headers.find(([name]) => name.toLowerCase() === "content-length")?.[1] ?? null;
  return [Number(status.slice(0, 3)), text, length, (error as { code?: string } | null)?.code ?? null];
}

function answering(status: `${number} ${string}`, headers: HeaderList, body: Body): App {
  return (_environ, startResponse) => {
    startResponse(status, headers);
    return body;
  };
}

test("runApp() keeps the rules of Content-Length", async () => {
  const length = (value: string): HeaderList => [...ct, ["Content-Length", value]];
  const stream = (...chunks: Chunk[]): Body => chunks.values() as unknown as Body;
  assert.deepEqual(await outcome(answering("200 OK", [...ct], ["ab", "\u00e9"])), [200, "ab\u00e9", "4", null]);
  assert.deepEqual(await outcome(answering("200 OK", [...ct], stream("ab"))), [200, "ab", null, null]);
  assert.deepEqual(await outcome(answering("200 OK", [...ct], stream(""))), [200, "", "0", null]);
  assert.deepEqual(await outcome(answering("200 OK", length("4"), stream("abc", "def"))), [200, "abcd", "4", null]);
  assert.deepEqual(await outcome(answering("200 OK", length("9"), stream("abc"))), [200, "abc", "9", "ERR_TSGI_CONTENT_LENGTH"]);
  assert.deepEqual(await outcome(answering("200 OK", length("3"), ["abc"]), "HEAD"), [200, "", "3", null]);
  assert.deepEqual(await outcome(answering("200 OK", [...ct], ["abc"]), "HEAD"), [200, "", "3", null]);
  assert.deepEqual(await outcome(answering("200 OK", [...ct], stream()), "HEAD"), [200, "", null, null]);
  assert.deepEqual(await outcome(answering("204 No Content", length("3"), ["abc"])), [204, "", null, null]);
  assert.deepEqual(await outcome(answering("304 Not Modified", length("3"), stream("abc"))), [304, "", "3", null]);
});

test("runApp() closes unread what a 304 leads nobody to read, and says what it drops", async () => {
  const body = (function* (): Generator<Chunk> {
    yield assert.fail("read");
  })();
  const { closed, error, errors } = await runApp(answering("304 Not Modified", [], body), testEnviron());
  assert.deepEqual([closed, error, errors], [1, null, ""]);
  assert.match((await runApp(answering("204 No Content", [], ["x"]), testEnviron())).errors, /^Dropped the body of the answer to GET \/: /);
});

test("runApp() answers 500 for what breaks the protocol before the first byte", async () => {
  const failed = (code: string): unknown[] => [500, "Internal Server Error", "21", code];
  assert.deepEqual(await outcome(() => ["x"]), failed("ERR_TSGI_NOT_STARTED"));
  assert.deepEqual(await outcome(() => "x" as unknown as Body), failed("ERR_TSGI_BODY"));
  assert.deepEqual(await outcome(answering("200 OK", [...ct], ["a", null] as unknown as Body)), failed("ERR_TSGI_CHUNK"));
  assert.deepEqual(await outcome(answering("200 OK", [["X", "a\u0001"]], ["a"])), failed("ERR_TSGI_HEADER_VALUE"));
  assert.deepEqual(await outcome((environ, startResponse) => {
    startResponse("200 OK", [...ct]);
    startResponse("200 OK", [...ct]);
    return [String(environ.PATH_INFO)];
  }), failed("ERR_TSGI_ALREADY_STARTED"));
  assert.deepEqual(await outcome((_environ, startResponse) => {
    Reflect.apply(startResponse, undefined, ["200 OK"]);
    return [];
  }), failed("ERR_TSGI_ARGS"));
});

test("runApp() lets excInfo replace what was not sent, and rethrows it after that", async () => {
  const replacing = (first: string): App => async function* (_environ, startResponse) {
    startResponse("200 OK", [...ct]);
    yield first;
    startResponse("503 Sorry", [...ct], new TypeError("changed my mind"));
    yield "sorry";
  };
  assert.deepEqual(await outcome(replacing("")), [503, "sorry", null, null]);
  const { status, text, error } = await runApp(replacing("a"), testEnviron());
  assert.deepEqual([status, text, (error as Error).message], ["200 OK", "a", "changed my mind"]);
});

test("runApp() sends what is written before what is yielded, and refuses to write later", async () => {
  const refused: unknown[] = [];
  const app: App = (_environ, startResponse) => {
    const write = startResponse("200 OK", [...ct]);
    void write("a");
    return (function* (): Generator<Chunk> {
      write("z").catch((error: { code: string }) => refused.push(error.code));
      yield "b";
    })();
  };
  assert.deepEqual(await outcome(app), [200, "ab", null, null]);
  assert.deepEqual(refused, ["ERR_TSGI_WRITE_AFTER_RETURN"]);
  const tooMuch: App = async (_environ, startResponse) => {
    const write = startResponse("200 OK", [...ct, ["Content-Length", "3"]]);
    await write("abcd").catch((error: { code: string }) => refused.push(error.code));
    return [];
  };
  assert.deepEqual(await outcome(tooMuch), [200, "abc", "3", null]);
  assert.equal(refused[1], "ERR_TSGI_CONTENT_LENGTH");
});
