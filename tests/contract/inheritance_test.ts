import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { Address, Held, HoldOptions } from "../../core/arbiter/listener.ts";
import { closeDescriptor, createChannel, handDescriptors } from "../../runtimes/descriptor_channel.ts";
import { findInheritance, type Inheritance } from "../../runtimes/inheritance.ts";
import { hold } from "../../runtimes/sockets.ts";
import { openStatus } from "../../runtimes/status.ts";
import { withFolder } from "../e2e/server.ts";

const ADOPT: HoldOptions = { backlog: 16, mode: "adopt" };
const LOCAL: Address = { kind: "tcp", host: "127.0.0.1", port: 0 };

/** What `held` becomes in a process whose parent is `parent`. */
function inherit(held: readonly Held[], parent = process.ppid): Inheritance {
  const channel = createChannel()!;
  const descriptors = held.flatMap((h) => h.descriptors());
  handDescriptors(channel.arbiter, descriptors);
  process.env.TSGI_PID = String(parent);
  process.env.TSGI_FD = [channel.worker, descriptors.length, ...held.flatMap((h) => h.number ?? [])].join();
  process.env.TSGI_UPGRADE_STATUS = String(openStatus());
  const found = findInheritance()!;
  closeDescriptor(channel.arbiter);
  assert.deepEqual([process.env.TSGI_PID, process.env.TSGI_FD, process.env.TSGI_UPGRADE_STATUS], [undefined, undefined, undefined]);
  return found;
}

test("hold() takes over an inherited address: port 0 as it became, all slots, and the lock", async () => {
  const before = await hold(LOCAL, ADOPT);
  before.descriptor(2);
  const inheritance = inherit([before]);
  const after = await hold(LOCAL, ADOPT, inheritance);
  try {
    assert.deepEqual([after.address, after.mode, after.slots], [before.address, "slots", 3]);
    before.abandon();
    await assert.rejects(hold(after.address, ADOPT), { code: "EADDRINUSE" });
    inheritance.closeRest();
    assert.notEqual(after.descriptor(3), after.descriptor(0));
  } finally {
    after.close();
  }
  (await hold(after.address, ADOPT)).close();
});

test("hold() keeps the mode of what it inherits, and refuses --reuse-port where others' connections wait", async () => {
  const shared = await hold(LOCAL, { backlog: 16, mode: "shared" });
  const again = await hold(shared.address, ADOPT, inherit([shared]));
  assert.equal(again.mode, "shared");
  again.close();
  await assert.rejects(hold(shared.address, { backlog: 16, mode: "reuse-port" }, inherit([shared])), /--reuse-port would lose what waits in them/);
  shared.close();
  const reserved = await hold(LOCAL, { backlog: 16, mode: "reuse-port" });
  const still = await hold(reserved.address, { backlog: 16, mode: "reuse-port" }, inherit([reserved]));
  assert.deepEqual([still.mode, still.address], ["reuse-port", reserved.address]);
  for (const held of [still, reserved]) held.close();
});

test("close() of an inherited unix socket leaves the file to the arbiter before, while that lives", async () => {
  await withFolder({}, async (folder) => {
    const address: Address = { kind: "unix", path: join(folder, "s.sock") };
    const before = await hold(address, ADOPT);
    (await hold(address, ADOPT, inherit([before]))).close();
    assert.ok(existsSync(address.path));
    // A pid that is not our parent's: it has gone.
    const after = await hold(address, ADOPT, inherit([before], 1 << 22));
    before.abandon();
    assert.ok(existsSync(address.path));
    after.close();
    assert.ok(!existsSync(address.path));
  });
});

test("closeRest() gives free what nobody asked for", async () => {
  const before = await hold(LOCAL, ADOPT);
  const inheritance = inherit([before]);
  before.close();
  await assert.rejects(hold(before.address, ADOPT), { code: "EADDRINUSE" });
  inheritance.closeRest();
  (await hold(before.address, ADOPT)).close();
});

test("findInheritance() is null where nobody is to be replaced", () => {
  assert.equal(findInheritance(), null);
});
