import assert from "node:assert/strict";
import { test } from "node:test";
import type { Held } from "../../../core/arbiter/listener.ts";
import { arbiter } from "../../../core/arbiter/step/state.ts";
import { Census } from "../../../core/metrics/census.ts";

const ROW = "   0: 0100007F:1F40 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 111 1 0 100 0 0 10 0\n";

test("Census reads the kernel's list of sockets for a small part of the time only, however long that takes", () => {
  let now = 0;
  let reads = 0;
  const system = {
    pid: 1,
    now: () => now,
    socketTable: () => {
      reads++;
      now += 200; // As with fifty thousand connections.
      return ROW;
    },
  };
  const census = new Census({ system, version: "1", log: () => {} });
  const state = arbiter({ workers: 1, timeout: 0, bootTimeout: 0, gracefulTimeout: 0 }, { covers: true }, 0);
  const held = ["127.0.0.1", "0.0.0.0"].map((host) => ({ address: { kind: "tcp", host, port: 8000 } }) as Held);
  for (let i = 0; i < 60; i++) {
    const [one, all] = census.stats(state, "deno", held).listeners;
    assert.deepEqual([one!.queue!.queued, all!.queue!.queued], [3, 3]);
    now += 1000;
  }
  assert.ok(reads >= 5 && reads <= 7, `${reads} reads in a minute`);
});
