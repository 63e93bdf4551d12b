import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { readAnswered, readInFlight } from "../../core/arbiter/register.ts";
import { readLogRing } from "../../core/black_box/log_ring.ts";
import { METER_SIZE } from "../../core/metrics/meter.ts";
import { closeDescriptor, createChannel, handDescriptors } from "../../runtimes/descriptor_channel.ts";
import { shareMemory, takeMemory } from "../../runtimes/shared_memory.ts";

test("takeMemory() writes where shareMemory() reads", () => {
  const { arbiter, worker } = createChannel()!;
  const before = readdirSync("/proc/self/fd").length;
  const shared = shareMemory()!;
  handDescriptors(arbiter, [shared.descriptor]);
  closeDescriptor(shared.descriptor);
  const { register, meter, log } = takeMemory(worker)!;
  assert.equal(readdirSync("/proc/self/fd").length, before, "the memory keeps no descriptor open");
  register.beat(5000);
  register.wait(register.enter("GET", "http://h/report"), 4000);
  assert.equal(shared.inFlight(1000), "GET /report (2.0s)");
  register.leave(register.enter("GET", "http://h/done"), 204);
  log.write("[INFO] a line");
  meter[0] = 7;
  assert.equal(shared.meter()[0], 7);
  shared.close();
  assert.equal(shared.inFlight(1000), "", "the worker has ended");
  assert.equal(shared.meter()[0], 7, "what it counted stays");
  assert.equal(shared.meter().length, METER_SIZE);
  assert.deepEqual(readAnswered(shared.register()), [{ line: "GET /done", status: 204 }], "and what it answered");
  assert.equal(readInFlight(shared.register(), 1000).requests[0]!.line, "GET /report");
  assert.deepEqual(readLogRing(shared.log()), ["[INFO] a line"], "and what it logged");
  shared.close();
  for (const fd of [arbiter, worker]) closeDescriptor(fd);
});

test("takeMemory() is null where none was handed over", () => {
  const { arbiter, worker } = createChannel()!;
  assert.equal(takeMemory(worker), null);
  for (const fd of [arbiter, worker]) closeDescriptor(fd);
});
