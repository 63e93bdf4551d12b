import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import type { SharedMemory } from "../../core/arbiter/process.ts";
import { readAnswered, readInFlight } from "../../core/arbiter/register.ts";
import { readLogRing } from "../../core/black_box/log_ring.ts";
import { METER_SIZE } from "../../core/metrics/meter.ts";
import { closeDescriptor, createChannel, handDescriptors } from "../../runtimes/descriptor_channel.ts";
import { openThreadMemory, shareMemory, takeMemory, takeThreadMemory } from "../../runtimes/shared_memory.ts";

test("takeMemory() writes where shareMemory() reads", () => {
  const { arbiter, worker } = createChannel()!;
  const before = readdirSync("/proc/self/fd").length;
  const shared = shareMemory()!;
  handDescriptors(arbiter, [shared.descriptor]);
  closeDescriptor(shared.descriptor);
  const { register, meter, log, beat } = takeMemory(worker)!;
  assert.equal(readdirSync("/proc/self/fd").length, before, "the memory keeps no descriptor open");
  assert.equal(shared.sinceBeat(), Infinity);
  const begun = performance.now();
  beat!();
  const beaten = shared.sinceBeat();
  assert.ok(beaten >= 0 && beaten <= performance.now() - begun + 1, `${beaten} ms ago`);
  register.beat(5000);
  register.wait(register.enter("GET", "http://h/report"), 4000);
  assert.equal(shared.inFlight(1000), "GET /report (2.0s)");
  register.leave(register.enter("GET", "http://h/done"), 204);
  log.write("[INFO] a line");
  meter[0] = 7;
  assert.equal(shared.meter()[0], 7);
  shared.close();
  assert.equal(shared.inFlight(1000), "", "the worker has ended");
  assert.ok(shared.sinceBeat() >= beaten && shared.sinceBeat() < Infinity, "when it beat last stays");
  assert.equal(shared.meter()[0], 7, "what it counted stays");
  assert.equal(shared.meter().length, METER_SIZE);
  assert.deepEqual(readAnswered(shared.registers()[0]!), [{ line: "GET /done", status: 204 }], "and what it answered");
  assert.equal(readInFlight(shared.registers()[0]!, 1000).requests[0]!.line, "GET /report");
  assert.deepEqual(readLogRing(shared.logs()[0]!), ["[INFO] a line"], "and what it logged");
  shared.close();
  for (const fd of [arbiter, worker]) closeDescriptor(fd);
});

test("takeMemory() is null where none was handed over", () => {
  const { arbiter, worker } = createChannel()!;
  assert.equal(takeMemory(worker), null);
  for (const fd of [arbiter, worker]) closeDescriptor(fd);
});

test("openThreadMemory() gives each thread its part of what the arbiter reads, or of the process's own", () => {
  const { arbiter, worker } = createChannel()!;
  const shared = shareMemory(2)!;
  handDescriptors(arbiter, [shared.descriptor]);
  closeDescriptor(shared.descriptor);
  for (const isShared of [true, false]) {
    const taken = takeThreadMemory(worker, 2);
    assert.equal(taken.memory instanceof SharedArrayBuffer, !isShared);
    const [first, second] = [0, 1].map((index) => openThreadMemory(taken.memory, index)) as [SharedMemory, SharedMemory];
    assert.equal(taken.beat === null, !isShared, "their process beats where the arbiter sees it");
    taken.beat?.();
    assert.ok(shared.sinceBeat() < Infinity);
    first.register.enter("GET", "http://h/first");
    second.register.enter("GET", "http://h/second");
    new Float64Array(second.meter.buffer, second.meter.byteOffset)[0] = 7;
    assert.equal(new Float64Array(taken.parts[1]!.meter.buffer, taken.parts[1]!.meter.byteOffset)[0], 7);
    if (!isShared) break;
    assert.match(shared.inFlight(1000), /^GET \/first \(.*\), GET \/second \(.*\)$/);
    assert.equal(new Float64Array(shared.meter().buffer)[0], 7, "the sum of both");
    closeDescriptor((taken.memory as { readonly descriptor: number }).descriptor);
  }
  shared.close();
  for (const fd of [arbiter, worker]) closeDescriptor(fd);
});
