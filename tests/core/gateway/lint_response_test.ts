import assert from "node:assert/strict";
import { test } from "node:test";
import { closing } from "../../../core/gateway/closing.ts";
import { lint, LintError } from "../../../core/gateway/lint.ts";
import type { LintOptions } from "../../../core/gateway/lint.ts";
import { runApp, testEnviron } from "../../../core/gateway/testing.ts";
import type { App, Body, Chunk, Environ, HeaderList, Middleware, StartResponse } from "../../../core/gateway/types.ts";

const ct: HeaderList = [["Content-Type", "text/plain"]];
const start: StartResponse = () => () => Promise.resolve();

type Linted = AsyncIterable<Chunk> & { close(): Promise<void> };

interface Verdict {
  readonly refused: string | null;
  readonly warnings: readonly string[];
}

/** Runs an application under lint: the code of the LintError it ended with, and its warnings. */
async function judge(app: App, given: { environ?: Environ; strict?: boolean } = {}): Promise<Verdict> {
  const warnings: string[] = [];
  const options: LintOptions = { strict: given.strict ?? false, onWarning: (code) => warnings.push(code) };
  const { error, errors } = await runApp(lint(app, options), given.environ ?? testEnviron());
  if (error !== null && !(error instanceof LintError)) throw error;
  if (error !== null) assert.match(error.message, /^Saw .+, expected .+: the application's fault$/);
  assert.equal(error === null, errors === "", errors);
  return { refused: error?.code ?? null, warnings };
}

/** The most used case: these arguments to startResponse, this body. */
function answering(args: readonly unknown[], ...body: [body?: Body]): App {
  return (_environ, startResponse) => {
    Reflect.apply(startResponse, undefined, args);
    return body.length === 0 ? [] : body[0] as Body;
  };
}

async function* chunks(...given: Chunk[]): AsyncGenerator<Chunk> {
  yield* given;
}

test("T506 lint() refuses one argument and three", () => {
  const linted = lint(answering(["200 OK", ct])) as (...args: unknown[]) => unknown;
  for (const args of [[testEnviron()], [testEnviron(), start, 1]]) assert.throws(() => linted(...args), { code: "app/args" });
});

test("T507 lint() refuses what is no function when wrapping", () => {
  for (const app of [5, null]) assert.throws(() => lint(app as unknown as App), { code: "app/callable" });
});

const REFUSED: readonly [id: string, args: readonly unknown[], code: string][] = [
  ["T508", ["200 OK"], "start/args"],
  ["T508", ["200 OK", ct, null, 1], "start/args"],
  ["T509", ["cc", ct], "status/format"],
  ["T509", ["42 x", ct], "status/format"],
  ["T509", [200, ct], "status/type"],
  ["T510", ["20 OK", ct], "status/format"],
  ["T511", ["200", ct], "status/format"],
  ["T512", ["200 OK", {}], "headers/type"],
  ["T512", ["200 OK", Object.freeze([...ct])], "headers/frozen"],
  ["T514", ["200 OK", [["Status", "404"]]], "header/status"],
  ["T515", ["200 OK", [["foo@bar", "x"]]], "header/name"],
  ["T515", ["200 OK", [["Foo\nBar", "x"]]], "header/name"],
  ["T515", ["200 OK", [["Foo:", "x"]]], "header/name"],
  ["T521", ["200 OK", [["Connection", "close"]]], "header/hop-by-hop"],
  ["T522", ["204 No Content", ct], "content-type/forbidden"],
  ["T522", ["304 Not Modified", ct], "content-type/forbidden"],
  ["T523", ["204 No Content", [["Content-Length", "0"]]], "content-length/forbidden"],
  ["T526", ["200 OK", [...ct, ["Content-Length", "1"]]], "content-length/mismatch"],
];

for (const [id, args, code] of REFUSED) {
  test(`${id} lint() refuses startResponse(${JSON.stringify(args).slice(1, -1)}) as ${code}`, async () => {
    assert.deepEqual(await judge(answering(args)), { refused: code, warnings: [] });
  });
}

const WARNED: readonly [id: string, args: readonly unknown[], warnings: string[]][] = [
  ["T516", ["200 OK", [["Foo-", "bar"]]], ["header/name-portable"]],
  ["T516", ["200 OK", [["Foo_", "bar"]]], ["header/name-portable"]],
  ["T516", ["200 OK", [["0xyz", "bar"]]], ["header/name-portable"]],
  ["T517", ["200 OK", [["Content-Type", "x"]]], []],
  ["T519", ["200 OK", [["x", "a\tb"]]], ["header/value-tab"]],
  ["T520", ["200 OK", [["x", "h\u00e4"]]], ["header/non-ascii"]],
  ["T523", ["304 Not Modified", [["Content-Length", "3"]]], ["content-length/forbidden"]],
  ["T530", ["304 Not Modified", [["Last-Modified", "x"]]], ["not-modified/entity-header"]],
  ["T530", ["304 Not Modified", [["Content-Encoding", "gzip"], ["Expires", "x"]]], ["not-modified/entity-header"]],
  ["T533", ["302 Found", [["Location", "foo"]]], []],
  ["T521", ["200 OK", [["Transfer-Encoding", "chunked"]]], ["header/hop-by-hop"]],
];

for (const [id, args, warnings] of WARNED) {
  test(`${id} lint() accepts startResponse(${JSON.stringify(args).slice(1, -1)}), warning of ${warnings.join() || "nothing"}`, async () => {
    const { refused, warnings: given } = await judge(answering(args));
    assert.equal(refused, null);
    assert.deepEqual([...given].sort(), warnings);
  });
}

test("lint() judges header strings, values and ETags, and never quotes a value", async () => {
  assert.equal((await judge(answering(["200 OK", [["A", 1]]]))).refused, "header/string");
  assert.equal((await judge(answering(["200 OK", ["fo"]]))).refused, "header/string");
  assert.equal((await judge(answering(["200 OK", [["foo", "a\u0001"]]]))).refused, "header/value");
  assert.deepEqual((await judge(answering(["200 OK", [["ETag", 'w/"a"'], ["ETag", "b"]]]))).warnings, ["etag/weak-case", "etag/unquoted"]);
  const leaking = lint(answering(["200 OK", [["Cookie", "secret\r\n"]]]));
  assert.throws(() => leaking(testEnviron(), start), (error: Error) => !error.message.includes("secret"));
});

test("T524 lint() refuses the first byte without Content-Type", async () => {
  assert.equal((await judge(answering(["200 OK", []], ["x"]))).refused, "content-type/missing");
  assert.equal((await judge(answering(["200 OK", []], chunks("x")))).refused, "content-type/missing");
  assert.equal((await judge(answering(["200 OK", []], chunks("")))).refused, null);
});

test("T526 lint() refuses more and fewer bytes than Content-Length says, also of a stream", async () => {
  const headers = [...ct, ["Content-Length", "3"]];
  assert.equal((await judge(answering(["200 OK", headers], chunks("ab")))).refused, "content-length/mismatch");
  assert.equal((await judge(answering(["200 OK", headers], chunks("ab", "cd")))).refused, "content-length/mismatch");
  assert.equal((await judge(answering(["200 OK", headers], chunks("ab", "c")))).refused, null);
});

test("lint() refuses the byte too many at once, not at the end", async () => {
  let taken = 0;
  async function* long(): AsyncGenerator<Chunk> {
    for (; taken < 9; taken++) yield "abc";
  }
  const app = answering(["200 OK", [...ct, ["Content-Length", "5"]]], long());
  assert.equal((await judge(app)).refused, "content-length/mismatch");
  assert.equal(taken, 1);
});

test("T528 lint() accepts a HEAD without a body", async () => {
  const environ = testEnviron("/", { method: "HEAD" });
  assert.deepEqual(await judge(answering(["200 OK", [["Content-Length", "3"]]]), { environ }), { refused: null, warnings: [] });
});

test("T529 lint() warns of a body to HEAD", async () => {
  const environ = testEnviron("/", { method: "HEAD" });
  const app = answering(["200 OK", [["Content-Length", "3"]]], ["foo"]);
  assert.deepEqual(await judge(app, { environ }), { refused: null, warnings: ["head/body"] });
});

test("T531 lint() refuses a body in 304 and 204", async () => {
  assert.equal((await judge(answering(["304 Not Modified", []], ["x"]))).refused, "no-body/body");
  assert.equal((await judge(answering(["204 No Content", []], ["x"]))).refused, "no-body/body");
});

test("T535 lint() refuses a second startResponse without excInfo, and warns of one that is no Error", async () => {
  const twice = (excInfo: unknown): App => (_environ, startResponse) => {
    startResponse("200 OK", [...ct]);
    startResponse("500 Oops", [...ct], excInfo);
    return ["x"];
  };
  assert.equal((await judge(twice(undefined))).refused, "start/twice");
  assert.deepEqual(await judge(twice(new Error("late"))), { refused: null, warnings: [] });
  assert.deepEqual((await judge(twice("late"))).warnings, ["exc-info/type"]);
});

test("T536 lint() refuses what is no body", async () => {
  for (const body of [undefined, false, null, 5, {}, new ArrayBuffer(3), new Response("x"), () => []]) {
    assert.equal((await judge(answering(["200 OK", ct], body as unknown as Body))).refused, "body/type");
  }
  for (const body of ["Hello", new Uint8Array(3)]) {
    assert.equal((await judge(answering(["200 OK", ct], body as unknown as Body))).refused, "body/string");
  }
});

test("T539 lint() refuses chunks that are numbers", async () => {
  const body = [1, 2, 3] as unknown as Chunk[];
  assert.equal((await judge(answering(["200 OK", ct], body))).refused, "body/chunk");
  assert.equal((await judge(answering(["200 OK", ct], chunks(...body)))).refused, "body/chunk");
});

test("lint() refuses a chunk, and an end, before startResponse", async () => {
  assert.equal((await judge(() => ["x"])).refused, "body/before-start");
  assert.equal((await judge(() => chunks("", "x"))).refused, "body/before-start");
  assert.equal((await judge(() => chunks(""))).refused, "body/before-start");
});

test("T542 lint() refuses a body iterated twice", () => {
  const body = lint(answering(["200 OK", ct], chunks("a")))(testEnviron(), start) as AsyncIterable<Chunk>;
  body[Symbol.asyncIterator]();
  assert.throws(() => body[Symbol.asyncIterator](), { code: "body/twice" });
});

test("lint() refuses next() while another is pending, and after close()", async () => {
  const body = lint(answering(["200 OK", ct], chunks("a", "b", "c")))(testEnviron(), start) as Linted;
  const iterator = body[Symbol.asyncIterator]();
  const first = iterator.next();
  await assert.rejects(async () => await iterator.next(), { code: "body/concurrent-next" });
  assert.deepEqual(await first, { done: false, value: "a" });
  await body.close();
  await assert.rejects(async () => await iterator.next(), { code: "body/after-close" });
});

/** Puts a middleware between two lints, and gives back the body that a gateway would get. */
function sandwich(middleware: Middleware, app: App, warnings: string[] = []): Body | PromiseLike<Body> {
  const options: LintOptions = { onWarning: (code) => warnings.push(code) };
  return lint(middleware(lint(app, options)), options)(testEnviron(), start);
}

async function drain(body: Body): Promise<string> {
  let text = "";
  for await (const chunk of body as AsyncIterable<Chunk>) text += String(chunk);
  if ("close" in body) await (body.close as () => Promise<void>)();
  return text;
}

test("T543 lint() refuses a body that middleware replaced and did not close", async () => {
  const replacing: Middleware = (app) => (environ, startResponse) => {
    app(environ, startResponse);
    return chunks("other");
  };
  const app = answering(["200 OK", ct], chunks("a"));
  await assert.rejects(() => drain(sandwich(replacing, app) as Body), { code: "body/not-closed" });
  const closingOne: Middleware = (inner) => (environ, startResponse) => {
    const replaced = inner(environ, startResponse);
    return closing(chunks("other"), () => drop(replaced));
  };
  assert.equal(await drain(sandwich(closingOne, app) as Body), "other");
});

async function drop(body: Body | PromiseLike<Body>): Promise<void> {
  await (await body as Linted).close();
}

test("lint() refuses an Array in the place of a body that was not closed", async () => {
  const app = answering(["200 OK", ct], chunks("a"));
  const replacing = (body: Body): Middleware => (inner) => (environ, startResponse) => {
    inner(environ, startResponse);
    return body;
  };
  assert.throws(() => sandwich(replacing(["other"]), app), { code: "body/not-closed" });
  const closable = Object.assign(["other"], { close: () => {} });
  const linted = sandwich(replacing(closable), app) as Body;
  assert.ok(Array.isArray(linted));
  await assert.rejects(() => drop(linted), { code: "body/not-closed" });
});

test("T545 lint() lets middleware process an Array", () => {
  const shouting: Middleware = (app) => (environ, startResponse) => {
    const body = app(environ, startResponse) as string[];
    return body.map((chunk) => chunk.toUpperCase());
  };
  assert.deepEqual(sandwich(shouting, answering(["200 OK", ct], ["a", "b"])), ["A", "B"]);
});

test("lint() refuses middleware that iterates a stream before it returns", async () => {
  const eager: Middleware = (app) => async (environ, startResponse) => {
    const taken: Chunk[] = [];
    for await (const chunk of await app(environ, startResponse) as AsyncIterable<Chunk>) taken.push(chunk);
    return taken;
  };
  await assert.rejects(async () => await sandwich(eager, answering(["200 OK", ct], chunks("a"))), { code: "body/eager-middleware" });
});

/** Joins chunks two by two, yielding `meanwhile` for the one it holds back, if that is not null. */
function joining(meanwhile: string | null): Middleware {
  return (app) => async function* (environ, startResponse) {
    const body = await app(environ, startResponse) as AsyncIterable<Chunk>;
    let held: Chunk | null = null;
    try {
      for await (const chunk of body) {
        if (held !== null) yield `${held}${chunk}`;
        else if (meanwhile !== null) yield meanwhile;
        held = held === null ? chunk : null;
      }
    } finally {
      await drop(body as Body);
    }
  };
}

test("T546 lint() warns of middleware that joins chunks two by two", async () => {
  const warnings: string[] = [];
  assert.equal(await drain(sandwich(joining(null), answering(["200 OK", ct], chunks("a", "b", "c", "d")), warnings) as Body), "abcd");
  assert.deepEqual(warnings, ["body/block-boundary"]);
});

test("T548 lint() accepts middleware that yields an empty chunk while it waits", async () => {
  const warnings: string[] = [];
  assert.equal(await drain(sandwich(joining(""), answering(["200 OK", ct], chunks("a", "b", "c", "d")), warnings) as Body), "abcd");
  assert.deepEqual(warnings, []);
});

test("T550 lint() refuses half a surrogate pair", async () => {
  assert.equal((await judge(answering(["200 OK", ct], ["\ud83d", "\ude00"]))).refused, "body/lone-surrogate");
});

test("T551 lint() accepts text", async () => {
  for (const text of ["abc", "L\u00e9on"]) {
    assert.deepEqual(await judge(answering(["200 OK", ct], [text])), { refused: null, warnings: [] });
  }
});

test("T552 lint() refuses to write a number", async () => {
  const app: App = (_environ, startResponse) => {
    const write = startResponse("200 OK", [...ct]);
    void write(5 as unknown as Chunk);
    return [];
  };
  assert.equal((await judge(app)).refused, "write/type");
});

test("T553 lint() mentions write() only when strict, and refuses it after the return", async () => {
  const writing: App = (_environ, startResponse) => {
    void startResponse("200 OK", [...ct])("a");
    return ["b"];
  };
  assert.deepEqual(await judge(writing), { refused: null, warnings: [] });
  assert.deepEqual(await judge(writing, { strict: true }), { refused: null, warnings: ["write/used"] });
  const late: App = (_environ, startResponse) => {
    const write = startResponse("200 OK", [...ct]);
    return (function* () {
      void write("late");
      yield "x";
    })();
  };
  assert.equal((await judge(late)).refused, "write/after-return");
});

test("lint() blames middleware for an environ that the lint outside accepted", () => {
  const breaking: Middleware = (app) => (environ, startResponse) => app({ ...environ, PATH_INFO: "test" }, startResponse);
  assert.throws(() => sandwich(breaking, answering(["200 OK", ct])), (error: LintError) => {
    assert.equal(error.code, "environ/path-info-slash");
    assert.match(error.message, /: the middleware's fault$/);
    return true;
  });
});

test("lint() blames middleware for how it reads a body, and passes on what close() throws", async () => {
  const twice: Middleware = (app) => (environ, startResponse) => {
    const body = app(environ, startResponse) as Linted;
    body[Symbol.asyncIterator]();
    body[Symbol.asyncIterator]();
    return body;
  };
  assert.throws(() => sandwich(twice, answering(["200 OK", ct], chunks("a"))), /: the middleware's fault$/);
  const failing = Object.assign(chunks("a"), { close: () => Promise.reject(new RangeError("cannot close")) });
  await assert.rejects((lint(answering(["200 OK", ct], failing))(testEnviron(), start) as Linted).close(), RangeError);
});

test("lint() closes what it wrapped, once, and as a gateway would", async () => {
  const seen: string[] = [];
  const body = {
    async *[Symbol.asyncIterator]() {
      try {
        yield "a";
        yield "b";
      } finally {
        seen.push("return");
      }
    },
    close: () => seen.push("close"),
  };
  const linted = lint(answering(["200 OK", ct], body))(testEnviron(), start) as Linted;
  await linted[Symbol.asyncIterator]().next();
  await linted.close();
  await linted.close();
  assert.deepEqual(seen, ["return", "close"]);
});
