import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { App } from "../../../core/gateway/types.ts";
import { xRuntime } from "../../../core/middleware/x_runtime.ts";
import { answering, ct, header, hello, run, streaming } from "./under_lint.ts";

test("T687 xRuntime() adds the seconds, unless they are there, under its suffix", async () => {
  const result = await run(xRuntime(), hello);
  assert.match(header(result, "x-runtime")!, /^\d+\.\d+$/);
  assert.equal(header(result, "content-length"), "13");
  assert.equal(header(await run(xRuntime(), answering("200 OK", [...ct, ["X-Runtime", "foobar"]], "x")), "x-runtime"), "foobar");
  assert.match(header(await run(xRuntime("Test"), streaming("200 OK", ct, "x")), "X-Runtime-Test")!, /^\d+\.\d+$/);
});

test("T688 xRuntime() measures until the answer is there", async () => {
  const slow: App = async (_environ, startResponse) => {
    startResponse("200 OK", ct.slice());
    await sleep(100);
    return ["x"];
  };
  assert.ok(Number(header(await run(xRuntime(), slow), "x-runtime")) >= 0.05);
});
