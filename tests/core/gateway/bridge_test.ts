import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import { createRequest } from "../../../core/gateway/create_request.ts";
import { fromFetch } from "../../../core/gateway/from_fetch.ts";
import { lint } from "../../../core/gateway/lint.ts";
import { status } from "../../../core/gateway/status.ts";
import { runApp } from "../../../core/gateway/testing.ts";
import { toFetch } from "../../../core/gateway/to_fetch.ts";
import type { App, Body, Environ, FetchHandler } from "../../../core/gateway/types.ts";
import { assert500, call, ct, environOf, post, Recorder, signalOf } from "./exercise.ts";
import { runtime, withServer } from "./live.ts";

const showing: App = (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "application/json"]]);
  return [JSON.stringify(environ)];
};

async function through(handler: FetchHandler, path: string, init: RequestInit = {}): Promise<Response> {
  return (await call(fromFetch(handler), path, init)).response;
}

test("T310 a URL goes through both bridges untouched", async () => {
  const errors = new Recorder();
  const handler = toFetch(fromFetch((request) => Response.json({ u: request.url, m: request.method })), { errors });
  const url = "http://h:81/a%20b/%2Fc?x=%zz";
  assert.deepEqual(await (await handler(new Request(url))).json(), { u: url, m: "GET" });
});

test("createRequest() builds the same URL anew", async () => {
  for (const path of ["/a%20b/%2Fc?x=%zz", "/caf%C3%A9/%FF", "/", "/?", "/x?"]) {
    const environ = { ...await environOf(path) };
    assert.equal(createRequest(environ).url, `http://127.0.0.1${path}`);
  }
  const changed = await environOf("/old?q=1");
  changed.PATH_INFO = "/n\u00e9w \udcff";
  assert.equal(createRequest(changed).url, "http://127.0.0.1/n%C3%A9w%20%FF?q=1");
});

test("T311 a POST goes through both bridges", async () => {
  const response = await through(async (request) => Response.json([await request.text(), request.headers.get("content-type")]), "/", post("a=b", { "Content-Type": "text/x" }));
  assert.deepEqual(await response.json(), ["a=b", "text/x"]);
});

test("createRequest() builds headers, body and signal anew", async () => {
  const app: App = async (environ, startResponse) => {
    const request = createRequest({ ...environ, HTTP_X_MORE: "more" });
    assert.notEqual(request.signal.aborted, true);
    startResponse("200 OK", [ct]);
    return [JSON.stringify([request.method, request.headers.get("x-foo"), request.headers.get("x-more"), request.headers.get("content-type"), request.headers.get("host"), await request.text()])];
  };
  const { response } = await call(app, "/", { ...post("body", { "X-Foo": "1", "Content-Type": "text/x" }), method: "PUT" });
  assert.deepEqual(await response.json(), ["PUT", "1", "more", "text/x", "127.0.0.1", "body"]);
});

test("T315 a status without a phrase is Unknown", async () => {
  const { response } = await call(fromFetch(() => new Response("x", { status: 299 })));
  assert.deepEqual([response.status, response.statusText], [299, "Unknown"]);
  assert.deepEqual([status(404), status(299)], ["404 Not Found", "299 Unknown"]);
  for (const code of [199, 600, 200.5, NaN]) assert.throws(() => status(code), RangeError);
});

test("T316 no body is an empty Array", async () => {
  let seen: unknown[] = [];
  const app: App = async (environ, startResponse) => {
    const body = await fromFetch(() => new Response(null, { status: 204 }))(environ, (...args) => {
      seen = [args[0]];
      return startResponse(...args);
    });
    seen.push(body);
    return body;
  };
  assert.equal((await call(app)).response.status, 204);
  assert.deepEqual(seen, ["204 No Content", []]);
});

test("T320 createRequest() gives the original back if nothing was changed", async () => {
  const original = new Request("http://127.0.0.1/x", post("body"));
  const requests: Request[] = [];
  await toFetch(async (environ, startResponse) => {
    environ["my.note"] = 1;
    requests.push(createRequest(environ));
    environ.HTTP_X_NEW = "1";
    requests.push(createRequest(environ));
    startResponse("200 OK", [ct]);
    return [await requests[1]!.text()];
  })(original);
  assert.equal(requests[0], original);
  assert.notEqual(requests[1], original);
  assert.equal(requests[1]!.headers.get("x-new"), "1");
});

test("T321 the handler sees SCRIPT_NAME, unless it is stripped", async () => {
  for (const [stripScriptName, expected] of [[false, "/api/x"], [true, "/x"]] as const) {
    const inner = fromFetch((request) => new Response(new URL(request.url).pathname), { stripScriptName });
    const { response } = await call((environ, startResponse) => {
      environ.SCRIPT_NAME = "/api";
      environ.PATH_INFO = "/x";
      return inner(environ, startResponse);
    }, "/api/x");
    assert.equal(await response.text(), expected);
  }
});

test("T322 createRequest() drops the body of a GET", async () => {
  const app: App = (environ, startResponse) => {
    environ.REQUEST_METHOD = "GET";
    assert.equal(createRequest(environ).body, null);
    startResponse("200 OK", [ct]);
    return [];
  };
  assert.equal((await call(app, "/", post("body"))).response.status, 200);
});

test("T323 a method that Request cannot carry is a 501", async () => {
  for (const method of ["TRACE", "CONNECT", "FOO"]) {
    let called: string | null = null;
    const { response } = await call((environ, startResponse) => {
      environ.REQUEST_METHOD = method;
      return fromFetch((request) => {
        called = request.method;
        return new Response("x");
      })(environ, startResponse);
    });
    // FOO is FOO on Deno, and GET on Bun; TRACE and CONNECT are refused by Deno, and Bun carries them.
    if (called === null) assert.equal(response.status, 501, method);
    else assert.deepEqual([called, response.status], [method, 200]);
  }
});

test("T325 a handler that returns no Response is a 500", async () => {
  await assert500(await call(fromFetch(() => undefined as unknown as Response)), "ERR_TSGI_BODY");
});

test("fromFetch() leaves out what belongs to the connection, and keeps cookies apart", async () => {
  const response = await through(() => new Response("x", { headers: [["Connection", "keep-alive"], ["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"], ["X", "y"]] }), "/");
  assert.deepEqual([response.status, response.headers.getSetCookie(), response.headers.get("x")], [200, ["a=1", "b=2"], "y"]);
});

test("fromFetch() gives a Response made from a string the Content-Type of the Fetch standard", async () => {
  const text = "h\u00e9llo ".repeat(20_000); // More than one chunk, cut within a character somewhere.
  const made = [new Response("text"), new Response(text), new Response("typed", { headers: { "Content-Type": "a/b" } }), new Response(new Uint8Array([0x89, 0x50])), new Response(null)];
  const types = await Promise.all(made.map(async (one) => (await through(() => one.clone(), "/")).headers.get("content-type")));
  assert.deepEqual(types, ["text/plain;charset=UTF-8", "text/plain;charset=UTF-8", "a/b", null, null]);
  assert.equal(await (await through(() => new Response(text), "/")).text(), text);
  assert.equal((await runApp(lint(fromFetch(() => new Response("text"))))).text, "text");
});

test("fromFetch() waits for no stream to see of what type it is, and passes on how it ends", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stream = (end: (controller: ReadableStreamDefaultController<Uint8Array>) => void) => {
    let pulls = 0;
    return new Response(new ReadableStream<Uint8Array>({ pull: async (controller) => {
      if (++pulls > 1) return end(controller);
      await promise;
      controller.enqueue(new TextEncoder().encode("late"));
    } }, { highWaterMark: 0 }));
  };
  const environ = await environOf("/");
  const started: string[] = [];
  const body = await fromFetch(() => stream((controller) => controller.close()))(environ, (...args) => {
    started.push(JSON.stringify(args));
    return () => Promise.resolve();
  });
  assert.deepEqual(started, ['["200 OK",[]]'], "before there is a byte");
  resolve();
  const chunks: string[] = [];
  for await (const chunk of body) chunks.push(new TextDecoder().decode(chunk as Uint8Array));
  assert.deepEqual(chunks, ["late"]);
  const errors = new Recorder();
  const broken = await toFetch(fromFetch(() => stream((controller) => controller.error(new Error("own")))), { errors })(new Request("http://h/"));
  await assert.rejects(broken.text(), /own/);
  assert.equal(errors.text.match(/Error handling request/g)?.length, 1, errors.text);
});

test("fromFetch() cancels the handler's stream when the client leaves", async () => {
  const cancelled = signalOf();
  const response = await through(() => new Response(new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(1)),
    cancel: () => cancelled.resolve(),
  }, { highWaterMark: 0 })), "/");
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
  await cancelled.promise;
});

function makeHono(): Hono {
  const hono = new Hono();
  hono.get("/x", (c) => c.text("got"));
  hono.post("/json", async (c) => c.json({ back: await c.req.json() }, 201));
  hono.get("/old", (c) => c.redirect("/x"));
  return hono;
}

test("T326 Hono answers under TSGI as it does alone", async () => {
  const hono = makeHono();
  const requests: [string, RequestInit?][] = [["/x"], ["/json", post('{"a":1}', { "Content-Type": "application/json" })], ["/missing"], ["/old"]];
  for (const [path, init] of requests) {
    const alone = await hono.request(path, init);
    const { response } = await call(fromFetch(hono.fetch as FetchHandler), path, init);
    // Alone, a string has its type on the wire only on Bun.
    const known = (headers: Headers) => [...headers].filter(([name]) => name !== "content-length" && (name !== "content-type" || alone.headers.has(name)));
    assert.deepEqual([response.status, known(response.headers), await response.text()], [alone.status, known(alone.headers), await alone.text()], path);
  }
});

test("T327 Hono's mount() strips the prefix", async () => {
  const hono = new Hono();
  hono.mount("/legacy", toFetch(showing));
  const environ = await (await hono.request("/legacy/a%2Fb?x=1")).json() as Environ;
  assert.deepEqual([environ.PATH_INFO, environ.QUERY_STRING, environ.SCRIPT_NAME], ["/a/b", "x=1", ""]);
});

test("T328 scriptName keeps the prefix under Hono", async () => {
  const hono = new Hono();
  hono.all("/legacy/*", (c) => toFetch(showing, { scriptName: "/legacy" })(c.req.raw));
  const environ = await (await hono.request("/legacy/a%2Fb")).json() as Environ;
  assert.deepEqual([environ.SCRIPT_NAME, environ.PATH_INFO], ["/legacy", "/a/b"]);
});

for (const [id, name] of [["T330", "deno"], ["T331", "bun"]] as const) {
  test(`${id} toFetch() knows the client's address under ${name}, live`, { skip: runtime !== name }, async () => {
    await withServer(toFetch(showing), async ({ url, port }) => {
      const environ = await (await fetch(url)).json() as Environ;
      assert.equal(environ.REMOTE_ADDR, "127.0.0.1");
      assert.match(environ.REMOTE_PORT ?? "", /^\d+$/);
      assert.equal(environ.SERVER_PORT, String(port));
    });
  });
}

test("toFetch() takes what it is told of the server before what it sees, live", async () => {
  const server = { serverName: "public.example", software: "tsgi", urlScheme: "http" as const };
  await withServer(toFetch(showing, { server }), async ({ url }) => {
    const environ = await (await fetch(url)).json() as Environ;
    assert.deepEqual([environ.SERVER_NAME, environ.SERVER_SOFTWARE, environ.REMOTE_ADDR], ["public.example", "tsgi", "127.0.0.1"]);
  });
});

test("toFetch() passes all platform arguments to a server function", async () => {
  let seen: unknown[] = [];
  const handler = toFetch<[string, number, boolean]>(showing, {
    server: (_request, ...platform) => {
      seen = platform;
      return { remoteAddr: "192.0.2.1" };
    },
  });
  const environ = await (await handler(new Request("http://127.0.0.1/"), "a", 2, true)).json() as Environ;
  assert.deepEqual([seen, environ.REMOTE_ADDR], [["a", 2, true], "192.0.2.1"]);
});

test("toFetch() recognises @hono/node-server, srvx and a platform with waitUntil by what they pass", async () => {
  const socket = { remoteAddress: "::ffff:192.0.2.7", remotePort: 5, localAddress: "::1", localPort: 8080 };
  const incoming = { url: "/a/../b%2e?x", httpVersion: "1.0", socket };
  const byHono = await (await toFetch(showing)(new Request("http://127.0.0.1/b."), { incoming, outgoing: {} })).json() as Environ;
  const fields = (environ: Environ) => [environ.REMOTE_ADDR, environ.REMOTE_PORT, environ.SERVER_NAME, environ.SERVER_PORT, environ.SERVER_PROTOCOL, environ.RAW_URI, environ.PATH_INFO];
  const expected = ["192.0.2.7", "5", "[::1]", "8080", "HTTP/1.0", "/a/../b%2e?x", "/a/../b."];
  assert.deepEqual(fields(byHono), expected);
  const request = Object.assign(new Request("http://127.0.0.1/b."), { runtime: { node: { req: incoming } } });
  assert.deepEqual(fields(await (await toFetch(showing)(request)).json() as Environ), expected);
  const kept: unknown[] = [];
  await toFetch((environ, startResponse) => {
    environ["tsgi.wait_until"]!(Promise.resolve());
    startResponse("200 OK", [ct]);
    return [] as Body;
  })(new Request("http://127.0.0.1/"), {}, { waitUntil: (promise: unknown) => void kept.push(promise) });
  assert.equal(kept.length, 1);
});

test("T332 a handler may clone, parse forms and read bytes", async () => {
  const form = new URLSearchParams({ a: "b" });
  const handler: FetchHandler = async (request) => {
    const copy = request.clone();
    const twice = request.clone();
    const fields = await request.formData();
    return Response.json([fields.get("a"), (await copy.arrayBuffer()).byteLength, await twice.text()]);
  };
  for (const change of [() => undefined, (environ: Environ) => void (environ.HTTP_X = "new")]) {
    const { response } = await call((environ, startResponse) => {
      change(environ);
      return fromFetch(handler)(environ, startResponse);
    }, "/", post(form.toString(), { "Content-Type": "application/x-www-form-urlencoded" }));
    assert.deepEqual(await response.json(), ["b", 3, "a=b"]);
  }
});
