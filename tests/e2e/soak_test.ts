/** Memory does not follow the requests: what `npm run soak` measures for long, in a few seconds, which only shows what grows fast. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runtime } from "./server.ts";
import { growthOf, soak } from "./soak.ts";

test("growthOf() sees through the saw teeth of a heap what stays", () => {
  const samples = Array.from({ length: 100 }, (_, n) => ({ requests: n * 10_000, bytes: 5e6 + n * 1000 + (n % 10) * 1e6 }));
  const { from, to, requests, slope } = growthOf("worker", samples);
  assert.deepEqual([from, to, requests], [5e6, 5e6 + 90_000, 900_000]);
  assert.ok(Math.abs(slope - 10_000) < 1, `${slope}`);
});

test("tsgi with every feature on loses no request and keeps its memory through 20 seconds of load and reloads", async () => {
  const { requests, failed, failures, reloads, growth } = await soak({ seconds: 20 });
  assert.equal(failed, 0, JSON.stringify(failures));
  const told = growth.map(({ who, slope }) => `${who} ${(slope / 2 ** 20).toFixed(1)}`).join(", ");
  console.log(`${runtime}: ${requests} requests, ${reloads} reloads; MiB for 100,000 requests: ${told}`);
  assert.ok(reloads >= 1, `${reloads} reloads`);
  // A process that gets warm still grows, on V8 by 40 MiB at once when it finds that its heap is too small: a kilobyte that every request leaves behind would be as much.
  for (const { who, from, to } of growth) assert.ok(to - from < Math.max(64 * 2 ** 20, 1000 * requests), `${who} grew from ${from} to ${to} over ${requests} requests`);
});
