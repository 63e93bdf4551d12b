import assert from "node:assert/strict";
import { test } from "node:test";
import { lint } from "../../../core/gateway/lint.ts";
import { runApp } from "../../../core/gateway/testing.ts";
import type { App, HeaderList, Middleware } from "../../../core/gateway/types.ts";
import { intercept, type Verdict } from "../../../core/middleware/intercept.ts";
import { clean, ct, hello, run, streaming } from "./under_lint.ts";

const passing: Middleware = (app) => (environ, startResponse) => intercept(app, environ, startResponse, () => undefined);

function judging(verdict: Verdict): Middleware {
  return (app) => (environ, startResponse) => intercept(app, environ, startResponse, () => verdict);
}

const sayingNo: Verdict = {
  replace: (startResponse) => {
    startResponse("403 Forbidden", ct.slice());
    return ["no"];
  },
};

test("intercept() passes a body on as the very object it is", () => {
  const body = ["x"];
  const app = passing((_environ, startResponse) => {
    startResponse("200 OK", ct.slice());
    return body;
  });
  assert.equal(app({} as never, () => () => Promise.resolve()), body);
});

test("intercept() throws what startResponse refuses while the application is on the stack", async () => {
  const caught: unknown[] = [];
  const bad: readonly [string, HeaderList][] = [["200", []], ["200 OK", [["a b", "x"]]], ["200 OK", [["X", "a\r\nb"]]], ["200 OK", [["Connection", "close"]]]];
  for (const args of bad) {
    const result = await runApp(lint(passing((_environ, startResponse) => {
      try {
        Reflect.apply(startResponse, undefined, args);
      } catch (error) {
        caught.push((error as { code: string }).code);
        startResponse("500 Internal Server Error", ct.slice(), error);
      }
      return ["caught"];
    })));
    assert.equal(result.text, "caught");
  }
  assert.deepEqual(caught, ["ERR_TSGI_STATUS", "ERR_TSGI_HEADER_NAME", "ERR_TSGI_HEADER_VALUE", "ERR_TSGI_HOP_BY_HOP"]);
});

test("intercept() refuses a second startResponse without excInfo, and one with too few arguments", async () => {
  const twice: App = (_environ, startResponse) => {
    startResponse("200 OK", ct.slice());
    startResponse("200 OK", ct.slice());
    return [];
  };
  assert.equal((await runApp(passing(twice)) as { error: { code: string } }).error.code, "ERR_TSGI_ALREADY_STARTED");
  const short: App = (_environ, startResponse) => {
    Reflect.apply(startResponse, undefined, ["200 OK"]);
    return [];
  };
  assert.equal((await runApp(passing(short)) as { error: { code: string } }).error.code, "ERR_TSGI_ARGS");
});

test("intercept() keeps headers as they were when startResponse was called", async () => {
  const result = await run(passing, (_environ, startResponse) => {
    const headers: HeaderList = [["Content-Type", "text/plain"]];
    startResponse("200 OK", headers);
    headers.length = 0;
    return ["x"];
  });
  assert.deepEqual(result.headers[0], ["Content-Type", "text/plain"]);
});

test("intercept() replaces an answer that fails after it was judged", async () => {
  const result = await run(passing, (async function* (_environ: unknown, startResponse) {
    startResponse("200 OK", ct.slice());
    try {
      throw new Error("before the first chunk");
    } catch (error) {
      startResponse("503 Service Unavailable", ct.slice(), error);
    }
    yield "sorry";
  }) as App);
  assert.deepEqual([result.status, result.text], ["503 Service Unavailable", "sorry"]);
});

test("intercept() leaves an application that never starts to the gateway", async () => {
  for (const app of [(() => ["x"]) as App, (async function* () {
    yield "x";
  }) as unknown as App]) {
    assert.equal((await runApp(passing(app)) as { error: { code: string } }).error.code, "ERR_TSGI_NOT_STARTED");
  }
});

test("intercept() replaces at the first write(), and drops what is written", async () => {
  const result = await run(judging(sayingNo), async (_environ, startResponse) => {
    const write = startResponse("200 OK", ct.slice());
    await write("written");
    return ["returned"];
  });
  assert.deepEqual([result.status, result.text], ["403 Forbidden", "no"]);
});

test("intercept() logs what a replaced body throws when it is closed, and goes on", async () => {
  const result = clean(await runApp(lint(judging(sayingNo)((_environ, startResponse) => {
    startResponse("200 OK", ct.slice());
    return { *[Symbol.iterator]() {}, close: () => Promise.reject(new Error("stuck")) } as Iterable<string>;
  }))));
  assert.equal(result.text, "no");
  assert.match(result.errors, /^Cannot close a body that was replaced: stuck$/m);
});

test("intercept() transforms streams chunk by chunk", async () => {
  const doubling: Verdict = {
    transform: async function* (body) {
      for await (const chunk of body as AsyncIterable<string>) yield chunk + chunk;
    } as (body: object) => AsyncGenerator<string>,
  };
  assert.deepEqual((await run(judging(doubling), streaming("200 OK", ct, "a", "b"))).chunks.map((chunk) => new TextDecoder().decode(chunk)), ["aa", "bb"]);
  assert.equal((await run(judging(undefined), hello)).text, "Hello, world!");
});
