import assert from "node:assert/strict";
import { test } from "node:test";
import { ConcurrencyLimit } from "../../../core/arbiter/limit_concurrency.ts";
import { Meter, METER_SIZE, readMeter } from "../../../core/metrics/meter.ts";

test("ConcurrencyLimit refuses at the limit without calling the handler, and tells of a burst once", async () => {
  const memory = new Uint8Array(METER_SIZE);
  const { promise: told, resolve } = Promise.withResolvers<unknown>();
  const limit = new ConcurrencyLimit(2, (level, event, fields) => resolve([level, event, fields]), null, new Meter(memory, () => 0));
  const traffic = { inFlight: 1 };
  const door = { closing: false };
  let calls = 0;
  const handler = limit.guard(() => {
    calls++;
    return new Response("ok");
  }, traffic, door);
  const ask = async () => await handler(new Request("http://h/"), null);
  assert.equal((await ask()).status, 200);
  traffic.inFlight = 2;
  const refused = await ask();
  assert.deepEqual([refused.status, refused.headers.get("retry-after"), refused.headers.get("connection")], [503, "1", null]);
  door.closing = true;
  assert.equal((await ask()).headers.get("connection"), "close");
  traffic.inFlight = 1;
  assert.equal((await ask()).status, 200);
  assert.equal(calls, 2);
  assert.equal(readMeter(memory).statuses["5xx"], 2, "refusals are metered too");
  assert.deepEqual(await told, ["warning", "overloaded", { refused: 2, limit: 2 }]);
});
