import assert from "node:assert/strict";
import { test } from "node:test";
import { testEnviron } from "../../../../core/gateway/testing.ts";
import type { Environ } from "../../../../core/gateway/types.ts";
import { type Profiled, profiler } from "../../../../core/middleware/contrib/profiler.ts";
import { ct, header, hello, run, streaming } from "../under_lint.ts";

test("T695 profiler() names each profile once, knowing its time", async () => {
  const named: Environ[] = [];
  const saved: unknown[][] = [];
  const middleware = profiler({
    start: () => () => "profile",
    save: (...args) => void saved.push(args),
    filenameFormat: (environ) => {
      named.push({ ...environ });
      return "name.cpuprofile";
    },
  });
  const result = await run(middleware, hello);
  assert.equal(header(result, "content-length"), "13");
  assert.deepEqual(saved, [["name.cpuprofile", "profile"]]);
  assert.equal(named.length, 1);
  const { time, elapsed } = named[0]!["tsgi.profiler"] as Profiled;
  assert.ok(Math.abs(Date.now() - time) < 60_000 && elapsed >= 0);
});

test("profiler() goes on to the end of the body, and names profiles by the request", async () => {
  const story: string[] = [];
  const middleware = profiler({ start: () => () => void story.push("stopped"), save: (name) => void story.push(name) });
  await run(middleware, streaming("200 OK", ct, "x"), testEnviron("/shop/../cart"));
  assert.equal(story[0], "stopped");
  assert.match(story[1]!, /^GET\.shop\.cart\.\d+ms\.\d+$/);
});

test("profiler() answers although a profile could not be saved", async () => {
  const result = await run(profiler({ start: () => () => undefined, save: () => Promise.reject(new Error("full")) }), hello);
  assert.deepEqual([result.text, result.errors], ["Hello, world!", "Cannot save a profile: full\n"]);
});
