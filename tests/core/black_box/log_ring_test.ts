import assert from "node:assert/strict";
import { test } from "node:test";
import { LOG_RING_SIZE, LogRing, readLogRing } from "../../../core/black_box/log_ring.ts";

test("readLogRing() tells the last lines that are whole, whatever their length", () => {
  const memory = new Uint8Array(LOG_RING_SIZE);
  const ring = new LogRing(memory);
  assert.deepEqual(readLogRing(memory), []);
  ring.write("first");
  ring.write("Error: é\n  at x");
  assert.deepEqual(readLogRing(memory), ["first", "Error: é", "  at x"]);
  for (let i = 0; i < 3000; i++) ring.write(`line ${i} ${"ü".repeat(i % 90)}`);
  const lines = readLogRing(memory);
  assert.ok(lines.length > 50, `${lines.length}`);
  assert.deepEqual(lines, Array.from({ length: lines.length }, (_, k) => 3000 - lines.length + k).map((i) => `line ${i} ${"ü".repeat(i % 90)}`));
});

test("LogRing keeps the beginning of a record that is too long, and readLogRing() bears whatever is in the memory", () => {
  const memory = new Uint8Array(LOG_RING_SIZE);
  new LogRing(memory).write("x".repeat(100_000));
  assert.deepEqual(readLogRing(memory), ["x".repeat(1500)]);
  for (const value of [0xff, 0x7f, 0x0a]) readLogRing(memory.fill(value));
  assert.deepEqual(readLogRing(new Uint8Array(8)), []);
});
