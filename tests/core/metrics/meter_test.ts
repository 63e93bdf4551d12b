import assert from "node:assert/strict";
import { test } from "node:test";
import { pack } from "../../../core/metrics/meter.ts";
import { quantile } from "../../../core/metrics/distribution.ts";
import { addLogged, counted } from "../../../core/metrics/log_counts.ts";
import { addRequests, Meter, METER_SIZE, readLogged, readMeter, settleMeter, sumMeters } from "../../../core/metrics/meter.ts";

function pair(times: number[]) {
  const memory = new Uint8Array(METER_SIZE);
  return { memory, meter: new Meter(memory, () => times.shift()!) };
}

test("readMeter() reads what Meter has counted", () => {
  const { memory, meter } = pair([0, 2, 10, 1010, 2000, 2000, 3000]);
  meter.end(meter.begin(), 200);
  meter.end(meter.begin(), 503);
  meter.end(meter.begin(), 0);
  meter.begin();
  const { total, inFlight, statuses, duration } = readMeter(memory);
  assert.equal(total, 3);
  assert.equal(inFlight, 1);
  assert.deepEqual(statuses, { "1xx": 0, "2xx": 1, "3xx": 0, "4xx": 0, "5xx": 1, other: 1 });
  assert.equal(duration.count, 3);
  assert.equal(duration.sum, 1.002);
  assert.ok(Math.abs(quantile(duration, 0.5)! - 0.002) < 0.00003);
  assert.ok(Math.abs(quantile(duration, 1)! - 1) < 0.02);
});

test("Meter counts every request, and of many the duration of one in eight, eight times", () => {
  const memory = new Uint8Array(METER_SIZE);
  let looks = 0;
  const meter = new Meter(memory, () => looks++ * 1000);
  for (let i = 0; i < 256; i++) meter.end(meter.begin(), 200);
  assert.equal(looks, 512, "the first are timed one by one");
  for (let i = 0; i < 8000; i++) meter.end(meter.begin(), 204);
  assert.equal(looks, 512 + 2 * 1000);
  const { total, codes, duration } = readMeter(memory);
  assert.deepEqual([total, codes, duration.count, duration.sum], [8256, { 200: 256, 204: 8000 }, 8256, 8256]);
  meter.reported();
  meter.end(meter.begin(), 200);
  assert.equal(looks, 512 + 2 * 1000 + 2, "and again after a report");
});

test("Meter counts what is shorter than a microsecond or longer than an hour in its first and last bucket", () => {
  const { memory, meter } = pair([0, 1e-9, 0, 1e9, 10, 5]);
  for (let i = 0; i < 3; i++) meter.end(meter.begin(), 200);
  const { duration } = readMeter(memory);
  assert.deepEqual(Object.values(duration.buckets), [2, 1]);
  assert.equal(duration.count, 3, "also where the clock went back");
});

test("readMeter() tells each status, readLogged() what was logged, and both add up", () => {
  const { memory, meter } = pair(Array.from({ length: 12 }, (_, i) => i));
  for (const status of [200, 200, 599, 100, 600, 99]) meter.end(meter.begin(), status);
  for (const kind of ["warning", "exception", "exception"] as const) meter.logged(kind);
  assert.deepEqual(readMeter(memory).codes, { 100: 1, 200: 2, 599: 1 });
  assert.equal(readMeter(memory).statuses.other, 2);
  assert.deepEqual(addRequests([readMeter(memory), readMeter(memory)]).codes, { 100: 2, 200: 4, 599: 2 });
  assert.deepEqual(readLogged(memory), { warning: 1, error: 0, critical: 0, exception: 2 });
  assert.deepEqual(addLogged([readLogged(memory), readLogged(null), readLogged(memory)]), { warning: 2, error: 0, critical: 0, exception: 4 });
});

test("counted() tells the kind of each record, and writes it", () => {
  const kinds: string[] = [];
  const written: unknown[] = [];
  const log = counted((...record) => void written.push(record), (kind) => void kinds.push(kind));
  log("error", "application", { text: "x", stack: "at y" });
  for (const level of ["debug", "info", "warning", "error", "critical"] as const) log(level, "application", { text: "x" });
  assert.deepEqual(kinds, ["exception", "warning", "error", "critical"]);
  assert.equal(written.length, 6);
});

test("Meter has a stream in flight until it is over", () => {
  const { memory, meter } = pair([0, 1]);
  const since = meter.begin();
  meter.flow(1);
  meter.end(since, 200);
  assert.equal(readMeter(memory).inFlight, 1);
  meter.flow(-1);
  assert.equal(readMeter(memory).inFlight, 0);
});

test("readMeter() of nothing is zeros", () => {
  assert.equal(readMeter(null).total, 0);
  assert.equal(readMeter(new Uint8Array(8)).total, 0);
});

test("addRequests() is the sum", () => {
  const one = pair([0, 1]);
  one.meter.end(one.meter.begin(), 200);
  const other = pair([0, 8, 20]);
  other.meter.end(other.meter.begin(), 404);
  other.meter.begin();
  const both = addRequests([readMeter(one.memory), readMeter(other.memory)]);
  assert.equal(both.total, 2);
  assert.equal(both.inFlight, 1);
  assert.equal(both.statuses["4xx"], 1);
  assert.equal(both.duration.count, 2);
});

test("pack() leaves out what is zero", () => {
  const { memory, meter } = pair([0, 1]);
  meter.end(meter.begin(), 200);
  assert.equal(pack(memory).length, 8);
});

test("sumMeters() counts for all threads, and settleMeter() forgets what one of them had in flight", () => {
  const memory = [new Uint8Array(METER_SIZE), new Uint8Array(METER_SIZE)] as const;
  const [one, other] = memory.map((bytes) => new Meter(bytes, () => 0)) as [Meter, Meter];
  one.end(one.begin(), 200);
  one.begin();
  one.flow(1);
  other.end(other.begin(), 404);
  other.begin();
  const before = readMeter(sumMeters(memory));
  assert.deepEqual([before.total, before.statuses["2xx"], before.statuses["4xx"], before.inFlight, before.duration.count], [2, 1, 1, 3, 2]);
  settleMeter(memory[0]);
  const after = readMeter(sumMeters(memory));
  assert.deepEqual([after.total, after.inFlight], [2, 1]);
});
