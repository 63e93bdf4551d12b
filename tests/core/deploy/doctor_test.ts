import assert from "node:assert/strict";
import { test } from "node:test";
import { diagnose, type Finding, type Judged, type Readings } from "../../../core/deploy/doctor.ts";

const DAY = 86_400_000;
const SETTINGS: Judged = { backlog: 2048, reusePort: false, workers: 2, workerConnections: 1000, maxRss: 0, reloadStrategy: "surge", maxSurge: 1, user: null };
const WELL: Readings = {
  platform: "linux", settings: SETTINGS, runtime: { name: "bun", version: "1.4.5", minimum: "1.4.5" }, noAdoption: null, somaxconn: 4096,
  openFiles: { soft: 65536, hard: 65536 }, migratesRequests: false, cpus: 2, memory: 1024 * 2 ** 20, ancestors: [["systemd"]], pid: 9, init: ["/sbin/init"],
  uid: 1000, temporary: null, places: [{ what: "log", path: "/var/log/a", problem: null }],
  certificates: [{ path: "/c.pem", from: 0, until: 100 * DAY }], now: 60 * DAY,
};

function found(patch: Partial<Readings>, settings: Partial<Judged> = {}): readonly Finding[] {
  return diagnose({ ...WELL, ...patch, settings: { ...SETTINGS, ...settings } }).filter(({ level }) => level !== "ok");
}

test("diagnose() has nothing against a machine that is right", () => {
  assert.deepEqual(found({}), []);
  assert.equal(new Set(diagnose(WELL).map(({ check }) => check)).size, diagnose(WELL).length);
});

const CASES: readonly (readonly [what: string, patch: Partial<Readings>, settings: Partial<Judged>, expected: readonly [string, Finding["level"], RegExp, RegExp]])[] = [
  ["a queue shorter than asked for", { somaxconn: 128 }, {}, ["backlog", "warning", /2048 .* allows 128/, /sysctl -w net\.core\.somaxconn=2048, or --backlog 128/]],
  ["too few descriptors, which may be raised here", { openFiles: { soft: 1024, hard: 4096 } }, {}, ["open files", "warning", /may have 1024 .* needs some 1100/, /^ulimit -n 1100; or --worker-connections 924/]],
  ["too few descriptors, which only root may raise", { openFiles: { soft: 256, hard: 256 } }, {}, ["open files", "warning", /may have 256/, /LimitNOFILE=1100/]],
  ["more workers than CPUs can use", {}, { workers: 6 }, ["cpus", "warning", /6 workers share 2 CPUs/, /--workers auto, which is 2 here/]],
  ["a container too small for a reload", { memory: 256 * 2 ** 20 }, { workers: 2 }, ["memory", "warning", /256 MiB .* 5 processes of at least 60/, /rolling/]],
  ["a limit that the kernel enforces first", {}, { maxRss: 600 }, ["memory", "warning", /2 workers may grow to 600 MiB each/, /--max-rss 204/]],
  ["a package runner as ancestor", { ancestors: [["sh", "-c", "tsgi"], ["/usr/bin/node", "/usr/lib/npm/bin/npx-cli.js", "tsgi"]] }, {}, ["starter", "warning", /^npx started it/, /node_modules\/\.bin\/tsgi/]],
  ["bun's", { ancestors: [["/home/a/.bun/bin/bunx", "tsgi"]] }, {}, ["starter", "warning", /^bunx/, /./]],
  ["bun's, by its other name", { ancestors: [["bun", "x", "tsgi"]] }, {}, ["starter", "warning", /^bun x/, /./]],
  ["npm's, which changes its title", { ancestors: [["npm exec tsgi app.ts"]] }, {}, ["starter", "warning", /^npm exec/, /./]],
  ["a package runner's folder", { temporary: "Cannot write down how to start tsgi: /tmp/bunx-0-tsgi is" }, {}, ["installation", "warning", /bunx-0/, /npm install/]],
  ["a shell as PID 1", { init: ["/bin/sh", "-c", "tsgi"] }, {}, ["pid 1", "warning", /sh is the first process/, /as a list, or exec/]],
  ["root", { uid: 0 }, {}, ["user", "warning", /as root/, /--user/]],
  ["a folder that is not there", { places: [{ what: "pidfile", path: "/run/x", problem: "is not there" }] }, {}, ["pidfile", "error", /\/run\/x: is not there/, /create it/]],
  ["a certificate that nobody renews", { now: 95.5 * DAY }, {}, ["certificate", "warning", /^\/c\.pem expires in 4 days/, /^certbot renew/]],
  ["a certificate of today", { now: 99.5 * DAY }, {}, ["certificate", "warning", /expires in less than a day/, /./]],
  ["an expired certificate", { now: 102.5 * DAY }, {}, ["certificate", "error", /has expired 2 days ago/, /./]],
  ["a certificate that has just expired", { now: 100.5 * DAY }, {}, ["certificate", "error", /has expired less than a day ago/, /./]],
  ["a certificate of tomorrow", { now: -DAY }, {}, ["certificate", "error", /not valid yet, but from 1970-01-01T/, /clock/]],
  ["an old runtime", { runtime: { name: "deno", version: "2.9.4+abc", minimum: "2.9.5" } }, {}, ["runtime", "error", /2\.9\.4\+abc is older than 2\.9\.5/, /update deno/]],
  ["a runtime that is not there", { runtime: { name: "deno", version: null, minimum: "2.9.5" } }, {}, ["runtime", "error", /not in PATH/, /install deno/]],
];

for (const [what, patch, settings, [check, level, message, remedy]] of CASES) {
  test(`diagnose() finds ${what}, and says what to do`, () => {
    const [finding, ...others] = found(patch, settings);
    assert.deepEqual([others, finding?.check, finding?.level], [[], check, level]);
    assert.match(finding!.message, message);
    assert.match(finding!.remedy!, remedy);
  });
}

test("diagnose() asks for tcp_migrate_req only where workers bind by themselves", () => {
  assert.deepEqual(found({}, { reusePort: true }).map(({ check }) => check), ["migration"]);
  assert.deepEqual(found({ migratesRequests: true }, { reusePort: true }), []);
  assert.deepEqual(found({ noAdoption: "Cannot call the C library" }).map(({ check }) => check), ["sockets", "migration"]);
  assert.deepEqual(found({ noAdoption: "Cannot hand sockets to workers on darwin", platform: "darwin", migratesRequests: null }).map(({ remedy }) => remedy), ["deploy on Linux"]);
});

test("diagnose() knows a runtime that is newer than needed in a later number", () => {
  for (const version of ["1.4.6", "1.5.0", "2.0.0", "1.4.5", "1.10.0"]) assert.deepEqual(found({ runtime: { name: "bun", version, minimum: "1.4.5" } }), [], version);
});
