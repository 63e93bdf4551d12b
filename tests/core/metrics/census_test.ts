import assert from "node:assert/strict";
import { test } from "node:test";
import type { Address, Held } from "../../../core/arbiter/listener.ts";
import { arbiter } from "../../../core/arbiter/step/state.ts";
import { Census } from "../../../core/metrics/census.ts";
import type { SocketTable } from "../../../core/metrics/socket_table.ts";

const state = arbiter({ workers: 1, timeout: 0, bootTimeout: 0, gracefulTimeout: 0 }, { covers: true }, 0);
const heldAt = (host: string) => ({ address: { kind: "tcp", host, port: 8000 } }) as Held;
/** Each of them has a queue of 3. */
const tableOf = (addresses: readonly Address[]): SocketTable => ({ tcp: addresses.map((address) => ({ address, state: "listening", queued: 3 })), unix: null });

test("Census asks for the kernel's sockets for a small part of the time only, however long that takes", () => {
  let now = 0;
  let reads = 0;
  const system = {
    pid: 1,
    now: () => now,
    socketTable: (addresses: readonly Address[]) => {
      reads++;
      now += 200; // As /proc with fifty thousand connections.
      return tableOf(addresses);
    },
  };
  const census = new Census({ system, version: "1", log: () => {} });
  const held = ["127.0.0.1", "::1"].map(heldAt);
  for (let i = 0; i < 60; i++) {
    const [one, all] = census.stats(state, "deno", held).listeners;
    assert.deepEqual([one!.queue!.queued, all!.queue!.queued], [3, 3]);
    now += 1000;
  }
  assert.ok(reads >= 5 && reads <= 7, `${reads} reads in a minute`);
});

test("Census asks at once when a reload has brought an address, and always where it is quick", () => {
  let cost = 200;
  let now = 0;
  const asked: string[] = [];
  const socketTable = (addresses: readonly Address[]) => {
    asked.push(addresses.map((one) => (one as { host: string }).host).join());
    now += cost;
    return tableOf(addresses);
  };
  const census = new Census({ system: { pid: 1, now: () => now, socketTable }, version: "1", log: () => {} });
  const look = (...hosts: string[]) => census.stats(state, "deno", hosts.map(heldAt)).listeners.map(({ queue }) => queue!.queued);
  assert.deepEqual([look("127.0.0.1"), look("127.0.0.1"), look("127.0.0.1", "::1")], [[3], [3], [3, 3]]);
  assert.deepEqual(asked.splice(0), ["127.0.0.1", "127.0.0.1,::1"]);
  cost = 1;
  for (let i = 0; i < 3; i++) look("::1");
  assert.deepEqual(asked, ["::1", "::1", "::1"]);
});
