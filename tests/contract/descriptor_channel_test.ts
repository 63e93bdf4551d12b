import assert from "node:assert/strict";
import { closeSync, openSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { closeDescriptor, createChannel, handDescriptors, takeDescriptors } from "../../runtimes/descriptor_channel.ts";

const isSame = (a: number, b: number) => readlinkSync(`/proc/self/fd/${a}`) === readlinkSync(`/proc/self/fd/${b}`);

test("takeDescriptors() gives what handDescriptors() gave, in order, over messages of any size", () => {
  const { arbiter, worker } = createChannel()!;
  const files = [import.meta.filename, import.meta.dirname, "/dev/null", "/proc/version", "/tmp"].map((path) => openSync(path, "r"));
  handDescriptors(arbiter, files.slice(0, 3));
  handDescriptors(arbiter, files.slice(3));
  const taken = [...takeDescriptors(worker, 1), ...takeDescriptors(worker, 3), ...takeDescriptors(worker, 1)];
  assert.equal(taken.length, 5);
  taken.forEach((fd, i) => assert.ok(isSame(fd, files[i]!)));
  const many = new Array<number>(300).fill(files[2]!);
  handDescriptors(arbiter, many);
  const all = takeDescriptors(worker, 300);
  assert.equal(new Set(all).size, 300);
  for (const fd of [...all, ...taken, arbiter, worker]) closeDescriptor(fd);
  for (const fd of files) closeSync(fd); // Deno counts what node:fs opened.
});

test("takeDescriptors() does not wait for what was not handed over", () => {
  const { arbiter, worker } = createChannel()!;
  assert.throws(() => takeDescriptors(worker, 2), { message: "Cannot take 2 descriptors from the arbiter: 0 came, and no more have been handed over" });
  closeDescriptor(arbiter);
  assert.throws(() => takeDescriptors(worker, 1), /0 came/);
  closeDescriptor(worker);
});

test("handDescriptors() to a worker that has gone is no error", () => {
  const { arbiter, worker } = createChannel()!;
  closeDescriptor(worker);
  handDescriptors(arbiter, [0]);
  closeDescriptor(arbiter);
});
