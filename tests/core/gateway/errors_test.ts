import assert from "node:assert/strict";
import { test } from "node:test";
import { ConsoleErrors } from "../../../core/gateway/errors.ts";
import { toFetch } from "../../../core/gateway/to_fetch.ts";
import { ct, environOf } from "./exercise.ts";

/** What console.error is called with while `run` runs. */
async function consoleOf(run: () => void | Promise<void>): Promise<unknown[][]> {
  const calls: unknown[][] = [];
  const original = console.error;
  console.error = (...args: unknown[]) => void calls.push(args);
  try {
    await run();
  } finally {
    console.error = original;
  }
  return calls;
}

test("T264 environ has tsgi.errors", async () => assert.ok((await environOf())["tsgi.errors"]));

test("T267 write() takes a lone surrogate", async () => {
  assert.equal((await consoleOf(() => new ConsoleErrors().write("\ud800\n"))).length, 1);
});

test("T268 write() refuses what is no string", () => {
  for (const text of [5, new Uint8Array(1)]) assert.throws(() => new ConsoleErrors().write(text as unknown as string), TypeError);
});

test("T269 writelines() adds nothing", async () => {
  for (const lines of [["a\n", "b\n"], (function* () { yield "a\n"; yield "b\n"; })()]) {
    assert.equal((await consoleOf(() => new ConsoleErrors().writelines(lines))).map(([text]) => `${String(text)}\n`).join(""), "a\nb\n");
  }
});

test("T270 flush() shows an unfinished line", async () => {
  const calls = await consoleOf(() => {
    const errors = new ConsoleErrors();
    errors.write("no newline");
    errors.flush();
    errors.flush();
  });
  assert.deepEqual(calls, [["no newline"]]);
});

test("T271 write() waits for the end of the line", async () => {
  const calls = await consoleOf(() => {
    const errors = new ConsoleErrors();
    errors.write("a");
    errors.write("b\n");
  });
  assert.deepEqual(calls, [["ab"]]);
});

test("T272 tsgi.errors cannot be closed", () => assert.equal("close" in new ConsoleErrors(), false));

test("lines of requests that run side by side do not tear, and the last is flushed", async () => {
  const handler = toFetch(async (environ, startResponse) => {
    for (let part = 0; part < 3; part++) {
      environ["tsgi.errors"].write(environ.QUERY_STRING);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    startResponse("200 OK", [ct]);
    return [];
  });
  const calls = await consoleOf(async () => {
    await Promise.all(["a", "b"].map((name) => handler(new Request(`http://127.0.0.1/?${name}`))));
  });
  assert.deepEqual(calls.map(([text]) => text).sort(), ["aaa", "bbb"]);
});
