import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { cpuCount } from "../../runtimes/cpus.ts";

/** cpuCount() on a machine that consists of `files`. */
function countOn(files: Readonly<Record<string, string>>): number {
  const root = mkdtempSync(join(tmpdir(), "tsgi-cpus-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return cpuCount(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

const status = (list: string) => ({ "proc/self/status": `Name:\tbun\nCpus_allowed:\tff\nCpus_allowed_list:\t${list}\nMems_allowed:\t1\n` });

test("cpuCount() counts the CPUs the scheduler allows", () => {
  assert.equal(countOn(status("0-7")), 8);
  assert.equal(countOn(status("3")), 1);
  assert.equal(countOn(status("0-3,8,10-11")), 7);
});

test("cpuCount() obeys a cgroup v2 quota, rounded up", () => {
  const quota = (max: string) => countOn({ ...status("0-15"), "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": `${max}\n` });
  assert.equal(quota("150000 100000"), 2);
  assert.equal(quota("200000 100000"), 2);
  assert.equal(quota("10000 100000"), 1);
  assert.equal(quota("max 100000"), 16);
  assert.equal(quota("9900000 100000"), 16);
});

test("cpuCount() obeys the quota of any cgroup above", () => {
  const files = { ...status("0-15"), "proc/self/cgroup": "0::/system.slice/app:1.service\n" };
  assert.equal(countOn({ ...files, "sys/fs/cgroup/system.slice/app:1.service/cpu.max": "max 100000", "sys/fs/cgroup/system.slice/cpu.max": "300000 100000" }), 3);
  assert.equal(countOn({ ...files, "sys/fs/cgroup/system.slice/app:1.service/cpu.max": "200000 100000", "sys/fs/cgroup/system.slice/cpu.max": "300000 100000" }), 2);
});

test("cpuCount() obeys a cgroup v1 quota, also when the path is the host's", () => {
  const v1 = (group: string, quota: string, mount = "cpu") => countOn({
    ...status("0-15"),
    "proc/self/cgroup": "9:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n0::/\n",
    [`sys/fs/cgroup/${mount}${group}/cpu.cfs_quota_us`]: `${quota}\n`,
    [`sys/fs/cgroup/${mount}${group}/cpu.cfs_period_us`]: "100000\n",
  });
  assert.equal(v1("/docker/ab", "250000"), 3);
  assert.equal(v1("", "250000"), 3);
  assert.equal(v1("", "250000", "cpu,cpuacct"), 3);
  assert.equal(v1("", "-1"), 16);
});

test("cpuCount() falls back to what the runtime knows, and works here", () => {
  assert.equal(countOn({}), availableParallelism());
  const here = cpuCount();
  assert.ok(Number.isInteger(here) && here >= 1);
});
