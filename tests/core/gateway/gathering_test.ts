/** Chunks that can be had at once go to the native server as one, and nobody can tell from what arrives. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createGateway, type Exchange } from "../../../core/gateway/gateway.ts";
import type { Body, HeaderList } from "../../../core/gateway/types.ts";
import { property } from "../property.ts";
import { ct, Recorder, signalOf, text } from "./exercise.ts";

interface Arrived {
  readonly chunks: Uint8Array[];
  readonly isBroken: boolean;
  readonly errors: string;
  readonly exchanges: Exchange[];
}

/** A response whose body the native server alone reads, unless `isLast` is false. */
async function open(body: Body, headers: HeaderList = [ct], isLast = true) {
  const [exchanges, errors] = [[] as Exchange[], new Recorder()];
  const handler = createGateway((_environ, startResponse) => {
    startResponse("200 OK", headers);
    return body;
  }, { isLast, contentLength: "runtime", statusText: "runtime", errors, finished: (exchange) => void exchanges.push(exchange) });
  const response = await handler(new Request("http://127.0.0.1/"));
  return { response, errors, exchanges };
}

async function arrive(body: Body, headers?: HeaderList, isLast?: boolean): Promise<Arrived> {
  const { response, errors, exchanges } = await open(body, headers, isLast);
  const chunks: Uint8Array[] = [];
  let isBroken = false;
  try {
    for await (const chunk of response.body ?? []) chunks.push(chunk.slice());
  } catch {
    isBroken = true;
  }
  return { chunks, isBroken, errors: errors.text, exchanges };
}

function joined(chunks: readonly Uint8Array[]): number[] {
  return chunks.flatMap((chunk) => [...chunk]);
}

test("chunks that can be had at once are handed on as one, but for the first", async () => {
  const { chunks } = await arrive((function* () {
    yield* ["a", "b", "c", "\u00e9"];
  })());
  assert.deepEqual(chunks.map(text), ["a", "bc\u00e9"]);
});

test("64 KiB are enough, and a chunk of 16 KiB goes alone", async () => {
  const sizes = async (size: number, count: number) => {
    const { chunks } = await arrive(Array.from({ length: count }, () => "x".repeat(size))[Symbol.iterator]() as unknown as Body);
    return chunks.map(({ length }) => length);
  };
  assert.deepEqual(await sizes(1024, 130), [1024, 65536, 65536, 1024]);
  assert.deepEqual(await sizes(16 * 1024, 3), [16384, 16384, 16384]);
});

test("memory that the application fills again is copied first", async () => {
  const memory = new Uint8Array(3);
  const { chunks } = await arrive((function* () {
    for (let value = 0; value < 4; value++) yield memory.fill(value);
  })());
  assert.deepEqual(joined(chunks.slice(1)), [1, 1, 1, 2, 2, 2, 3, 3, 3]);
});

test("what a promise gives goes on before the next is asked for", async () => {
  const goOn = signalOf();
  const { response } = await open((async function* () {
    yield "a";
    yield "b";
    await goOn.promise;
    yield "c";
  })());
  const reader = response.body!.getReader();
  // Waits for ever if somebody waits for the third.
  assert.deepEqual([text((await reader.read()).value!), text((await reader.read()).value!)], ["a", "b"]);
  goOn.resolve();
  assert.equal(text((await reader.read()).value!), "c");
});

test("an iterator that gives results and promises of them keeps its order, and never has two asked for", async () => {
  let pending = 0;
  const results = ["a", "b", "c", "d", "e"].map((value) => ({ done: false, value }));
  const next = () => {
    assert.equal(pending, 0);
    const result = results.shift() ?? { done: true, value: undefined };
    if (result.value !== "d") return result;
    pending++;
    return new Promise((resolve) => setTimeout(resolve)).then(() => (pending--, result));
  };
  const { chunks, errors } = await arrive({ [Symbol.iterator]: () => ({ next }) } as unknown as Body);
  assert.deepEqual([chunks.map(text), errors], [["a", "bc", "d", "e"], ""]);
});

test("a promise that was asked for while chunks were gathered may reject when nobody wants it any more", async () => {
  const { promise, reject } = Promise.withResolvers<never>();
  let asked = 0;
  const body = { [Symbol.iterator]: () => ({ next: () => ++asked === 3 ? promise : { done: false, value: "x" } }) };
  const { response, errors } = await open(body as unknown as Body);
  const reader = response.body!.getReader();
  await reader.read();
  await reader.read();
  await reader.cancel();
  reject(new Error("late")); // An unhandled rejection fails the test run.
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual([asked, errors.text], [3, ""]);
});

test("beyond a declared length nothing is asked for", async () => {
  let asked = 0;
  const { chunks } = await arrive((function* () {
    for (; asked < 100;) {
      asked++;
      yield "ab";
    }
  })(), [ct, ["Content-Length", "6"]]);
  assert.deepEqual([joined(chunks).length, asked], [6, 4]);
});

/** How a body ends, after its chunks. */
const ENDINGS = ["returns", "throws", "yields a number"] as const;
const size = fc.oneof(fc.nat(20), fc.integer({ min: 16 * 1024 - 2, max: 16 * 1024 + 2 }), fc.constant(30_000));
const chunk = fc.oneof(
  fc.constantFrom("", "a", "\u00e9", "\ud83d", "\ude00", "\ud83d\ude00"),
  size.map((length) => "x".repeat(length)),
  size.map((length) => new Uint8Array(length).fill(length)),
);
const script = fc.record({ chunks: fc.array(chunk, { maxLength: 12 }), ending: fc.constantFrom(...ENDINGS) });

property("what arrives, is logged and is closed does not depend on gathering", script, async ({ chunks, ending }) => {
  const run = async (isLast: boolean) => {
    let closed = 0;
    const body = (function* () {
      try {
        yield* chunks;
        if (ending === "throws") throw new Error("its own");
        if (ending === "yields a number") yield 1;
      } finally {
        closed++;
      }
    })();
    const { chunks: arrived, isBroken, errors, exchanges } = await arrive(body as Body, [ct], isLast);
    const told = exchanges.map(({ bytes, status, error, aborted }) => [bytes, status, error instanceof Error, aborted]);
    return { bytes: joined(arrived), isBroken, logged: errors.split("\n").slice(0, 2), told, closed };
  };
  const [gathered, plain] = [await run(true), await run(false)];
  assert.deepEqual(gathered, plain);
  assert.equal(gathered.closed, 1);
});
