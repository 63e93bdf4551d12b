import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { oomKills } from "../../runtimes/out_of_memory.ts";
import { withFolder } from "../e2e/server.ts";

const CASES: readonly (readonly [string, Readonly<Record<string, string>>, number | null])[] = [
  ["cgroup v2", { "proc/self/cgroup": "0::/app.slice\n", "sys/fs/cgroup/app.slice/memory.events": "oom 9\noom_kill 3\noom_group_kill 0\n" }, 3],
  ["cgroup v2 in a container", { "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.events": "oom_kill 1\n" }, 1],
  ["cgroup v1", { "proc/self/cgroup": "4:memory:/a\n0::/\n", "sys/fs/cgroup/memory/a/memory.oom_control": "under_oom 0\noom_kill 2\n" }, 2],
  ["no cgroup", { "proc/vmstat": "pgfault 5\noom_kill 7\n" }, 7],
  ["nothing", {}, null],
];

for (const [name, files, expected] of CASES) {
  test(`oomKills() reads the kernel's count: ${name}`, async () => {
    await withFolder({}, async (root) => {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), text);
      }
      assert.equal(oomKills(root), expected);
    });
  });
}

test("oomKills() of this machine is a number, or null", () => {
  const count = oomKills();
  assert.ok(count === null || count >= 0);
});
