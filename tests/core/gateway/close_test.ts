import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import { etag } from "hono/etag";
import { BodyReader } from "../../../core/gateway/body_reader.ts";
import { closing } from "../../../core/gateway/closing.ts";
import { toFetch } from "../../../core/gateway/to_fetch.ts";
import type { App, Body, HeaderList, Status } from "../../../core/gateway/types.ts";
import { call, ct, signalOf } from "./exercise.ts";

function simple(body: unknown, status: Status = "200 OK", headers: HeaderList = [ct]): App {
  return (_environ, startResponse) => {
    startResponse(status, headers);
    return body as Body;
  };
}

/** Notes what happens to it, in order. */
class Noting implements Iterable<string> {
  readonly notes: string[] = [];
  readonly #chunks: readonly string[];
  constructor(...chunks: string[]) {
    this.#chunks = chunks;
  }
  *[Symbol.iterator](): Generator<string> {
    try {
      for (const chunk of this.#chunks) {
        this.notes.push(chunk);
        yield chunk;
      }
    } finally {
      this.notes.push("finally");
    }
  }
  close(): void {
    this.notes.push("close");
  }
}

test("T196 close() of an iterator is called once, after the last chunk", async () => {
  const notes: string[] = [];
  let next = 1;
  const body = {
    [Symbol.iterator]() {
      return this;
    },
    next() {
      if (next > 4) return { done: true, value: undefined };
      notes.push(String(next));
      return { done: false, value: String(next++) };
    },
    close: () => notes.push("close"),
  };
  const { response } = await call(simple(body));
  assert.equal(await response.text(), "1234");
  assert.deepEqual(notes, ["1", "2", "3", "4", "close"]);
});

test("T197 close() is called once at the normal end", async () => {
  const body = new Noting("a", "b");
  assert.equal(await (await call(simple(body))).response.text(), "ab");
  assert.deepEqual(body.notes, ["a", "b", "finally", "close"]);
});

test("T198 close() is called after an error", async () => {
  let closed = 0;
  const { response, errors } = await call((_environ, startResponse) => {
    void startResponse("200 OK", [ct])("written");
    return {
      *[Symbol.iterator]() {
        yield "once";
        throw new Error("while iterating");
      },
      close: () => void closed++,
    };
  });
  await assert.rejects(response.text());
  assert.equal(closed, 1);
  assert.equal(errors.text.split("while iterating").length, 2, errors.text);
});

test("T202 closing() closes the object, then calls back", async () => {
  const notes: string[] = [];
  const body = {
    [Symbol.iterator]: () => ["x"][Symbol.iterator](),
    close: () => void notes.push("close"),
  };
  const { response } = await call(simple(closing(body, () => void notes.push("additional"))));
  assert.equal(await response.text(), "x");
  assert.deepEqual(notes, ["close", "additional"]);
});

test("closing() returns what a disconnect leaves unfinished, and calls back", async () => {
  for (const body of [new Noting("a", "b", "c"), new Noting("a", "b", "c")]) {
    const { response } = await call(simple(closing(body, () => void body.notes.push("back"))));
    const reader = response.body!.getReader();
    await reader.read();
    await reader.cancel();
    assert.deepEqual(body.notes.slice(-3), ["finally", "close", "back"]);
  }
});

test("T204 close() is called on the object and not on its generator", async () => {
  const body = new Noting("x");
  await (await call(simple(body))).response.text();
  assert.equal(body.notes.filter((note) => note === "close").length, 1);
});

test("T205 finally of a generator runs once", async () => {
  let finals = 0;
  const { response } = await call(function* (_environ, startResponse) {
    startResponse("200 OK", [ct]);
    try {
      yield "x";
    } finally {
      finals++;
    }
  });
  await response.text();
  assert.equal(finals, 1);
});

test("T208 a body with Symbol.dispose alone is disposed of once", async () => {
  let disposed = 0;
  const body = { *[Symbol.iterator]() { yield "x"; }, [Symbol.dispose]: () => void disposed++ };
  await (await call(simple(body))).response.text();
  assert.equal(disposed, 1);
  let later = 0;
  const asynchronous = { async *[Symbol.asyncIterator]() { yield "x"; }, [Symbol.dispose]: () => assert.fail(), [Symbol.asyncDispose]: async () => void later++ };
  await (await call(simple(asynchronous))).response.text();
  assert.equal(later, 1);
});

test("T210 a generator that never started is returned", async () => {
  let returned = 0;
  for (const [status, method] of [["204 No Content", "GET"], ["304 Not Modified", "HEAD"]] as const) {
    const { response, errors } = await call((_environ, startResponse) => {
      startResponse(status, []);
      const generator = (function* () { yield "never"; })();
      const original = generator.return.bind(generator);
      generator.return = (value) => {
        returned++;
        return original(value);
      };
      return generator;
    }, "/", { method });
    assert.deepEqual([response.body, errors.text], [null, ""]);
  }
  assert.equal(returned, 2);
});

test("T211 close() is called once, also if the client cancels late", async () => {
  const body = new Noting("a");
  const { response } = await call(simple(body));
  const reader = response.body!.getReader();
  while (!(await reader.read()).done);
  await reader.cancel();
  assert.equal(body.notes.filter((note) => note === "close").length, 1);
});

test("T212 a close() that throws is logged and changes nothing", async () => {
  const { response, errors } = await call(simple({ *[Symbol.iterator]() { yield "whole"; }, close() { throw new Error("in close"); } }));
  assert.equal(await response.text(), "whole");
  assert.match(errors.text, /in close/);
});

test("T213 a disconnect aborts the signal before the body is closed", async () => {
  const notes: string[] = [];
  const done = signalOf();
  const { response, errors } = await call(async function* (environ, startResponse) {
    startResponse("200 OK", [ct]);
    const signal = environ["tsgi.signal"];
    try {
      yield "a";
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      notes.push("woken");
      yield "b";
    } finally {
      notes.push("finally");
      done.resolve();
    }
  });
  const reader = response.body!.getReader();
  await reader.read();
  const pending = reader.read();
  await reader.cancel();
  await done.promise;
  await pending;
  assert.deepEqual(notes, ["woken", "finally"]);
  assert.equal(errors.text, "");
});

test("T215 close() is called although Hono throws the Response away", async () => {
  let closed = 0;
  const app: App = (_environ, startResponse) => {
    startResponse("200 OK", [ct, ["ETag", '"a"']]);
    return Object.assign(["x"], { close: () => void closed++ });
  };
  const hono = new Hono();
  hono.use(etag());
  hono.mount("/", toFetch(app));
  const response = await hono.request("/", { headers: { "If-None-Match": '"a"' } });
  assert.deepEqual([response.status, closed], [304, 1]);
});

test("BodyReader closes once, however often it is told", () => {
  const body = new Noting("a");
  const reader = new BodyReader(body);
  for (let round = 0; round < 2; round++) reader.close((error) => assert.fail(String(error)));
  assert.deepEqual(body.notes, ["close"]);
});

test("close() is called for a body that is never sent", async () => {
  const empty = { notes: [] as string[] };
  for (const app of [
    simple(Object.assign(new Noting("a"), empty), "204 No Content", []),
    (() => Object.assign(new Noting("a"), empty)) as unknown as App,
  ]) {
    empty.notes.length = 0;
    await (await call(app)).response.text();
    assert.equal(empty.notes.at(-1), "close");
  }
  const head = new Noting("a", "b");
  await call(simple(head), "/", { method: "HEAD" });
  assert.deepEqual(head.notes, ["a", "finally", "close"]);
  let cancelled = 0;
  await call(simple(new ReadableStream({ cancel: () => void cancelled++ }), "204 No Content", []));
  assert.equal(cancelled, 1);
});
