import assert from "node:assert/strict";
import { test } from "node:test";
import { describeError, TsgiError } from "../../../core/gateway/error.ts";
import { toFetch } from "../../../core/gateway/to_fetch.ts";
import type { App, Middleware, StartResponse } from "../../../core/gateway/types.ts";
import { assert500, call, ct, Recorder, signalOf } from "./exercise.ts";
import { RawClient, withServer } from "./live.ts";

test("T216 an application that throws is a 500, and the next request is served", async () => {
  const errors = new Recorder();
  const handler = toFetch((environ, startResponse) => {
    if (environ.PATH_INFO === "/bad") throw new Error("it dies");
    startResponse("200 OK", [ct]);
    return ["fine"];
  }, { errors });
  const bad = await handler(new Request("http://127.0.0.1/bad"));
  assert.equal(bad.statusText, "Internal Server Error");
  await assert500({ response: bad, errors }, "it dies");
  assert.match(errors.text, /GET \/bad\nError: it dies\n\s+at /);
  assert.equal(await (await handler(new Request("http://127.0.0.1/"))).text(), "fine");
});

test("T218 an application that rejects is a 500", async () => {
  await assert500(await call(() => Promise.reject(new Error("rejects"))), "rejects");
});

test("T221 an error after output breaks the body and adds nothing", async () => {
  const { response, errors } = await call(function* (_environ, startResponse) {
    startResponse("200 OK", [ct]);
    yield "a";
    throw new Error("after output");
  });
  assert.equal(response.status, 200);
  const reader = response.body!.getReader();
  assert.deepEqual([...(await reader.read()).value!], [97]);
  await assert.rejects(reader.read());
  assert.equal(errors.text.split("after output").length, 2, errors.text);
});

test("T222 undefined can be thrown", async () => {
  await assert500(await call(() => {
    throw undefined;
  }), "undefined");
});

test("T223 a disconnect is no error", async () => {
  const errors = new Recorder();
  const ended: (() => void)[] = [];
  const handler = toFetch(async function* (environ, startResponse) {
    environ["tsgi.response_finished"]!.push(() => ended.shift()?.());
    startResponse("200 OK", [ct]);
    for (;;) {
      yield "tick ";
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }, { errors });
  await withServer(handler, async ({ port }) => {
    for (const leave of ["reset", "close"] as const) {
      const end = signalOf();
      ended.push(end.resolve);
      const client = new RawClient(port);
      client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
      await client.until((received) => received.includes("tick"));
      client[leave]();
      await end.promise;
    }
  });
  const end = signalOf();
  ended.push(end.resolve);
  const reader = (await handler(new Request("http://127.0.0.1/"))).body!.getReader();
  await reader.read();
  await reader.cancel();
  await end.promise;
  assert.equal(errors.text, "");
});

test("T224 an error of the transport is logged once, and response_finished knows the response", async () => {
  const finished = signalOf<unknown[]>();
  const { response, errors } = await call(function* (environ, startResponse) {
    environ["tsgi.response_finished"]!.push((...args) => finished.resolve(args));
    startResponse("200 OK", [ct]);
    for (;;) yield "x";
  });
  const fault = new Error("cable cut");
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel(fault);
  const [environ, status, headers, error] = await finished.promise;
  assert.deepEqual([(environ as { PATH_INFO: string }).PATH_INFO, status, headers, error], ["/", "200 OK", [ct], fault]);
  assert.equal(errors.text.split("cable cut").length, 2, errors.text);
});

test("T226 an error on HEAD has no body", async () => {
  const { response } = await call(() => {
    throw new Error("on HEAD");
  }, "/", { method: "HEAD" });
  assert.deepEqual([response.status, response.body], [500, null]);
});

test("T227 an error in a middleware's startResponse is logged", async () => {
  const middleware: Middleware = (app) => (environ) => {
    const broken: StartResponse = () => {
      throw new Error("in the middleware");
    };
    return app(environ, broken);
  };
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", [ct]);
    return ["x"];
  };
  await assert500(await call(middleware(app)), "in the middleware");
});

test("onError is told of what is logged, and may fail", async () => {
  const told: unknown[] = [];
  const fault = new Error("told");
  const { response, errors } = await call(() => {
    throw fault;
  }, "/", {}, {
    onError(error, environ) {
      told.push(error, environ.PATH_INFO);
      throw new Error("not this one");
    },
  });
  await assert500({ response, errors }, "told");
  assert.deepEqual(told, [fault, "/"]);
});

test("a log that fails changes nothing", async () => {
  const broken = { write: () => assert.fail("full"), writelines() {}, flush() {} };
  const { response } = await call(() => {
    throw new Error("x");
  }, "/", {}, { errors: broken });
  assert.equal(response.status, 500);
});

test("describeError() shows name, code, frames and cause, and takes anything", () => {
  const text = describeError(new Error("outer", { cause: new TsgiError("ERR_TSGI_BODY", "inner") }));
  assert.match(text, /^Error: outer\n\s+at [^]*\nCaused by: TsgiError \[ERR_TSGI_BODY\]: inner\n\s+at /);
  assert.equal(describeError(undefined), "undefined");
  assert.equal(describeError({ a: 1 }), '{"a":1}');
  const cyclic: Record<string, unknown> = {};
  cyclic["self"] = cyclic;
  assert.equal(describeError(cyclic), "[object Object]");
});
