/** `tsgi doctor` on this machine, made worse. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import type { Finding } from "../../core/deploy/doctor.ts";
import { runtime as here } from "../../runtimes/current.ts";
import { MINIMUM } from "../../runtimes/readings.ts";
import { hello, program, withFolder } from "./server.ts";

interface Said {
  readonly status: number | null;
  readonly healthy: boolean;
  readonly findings: readonly Finding[];
}

function doctor(args: readonly string[], { under = [], argv0 }: { readonly under?: readonly string[]; readonly argv0?: string } = {}): Said {
  const [command = "", ...rest] = [...under, ...program(), "doctor", "--json", ...args];
  const { status, stdout, stderr } = spawnSync(command, rest, { encoding: "utf8", ...(argv0 === undefined ? {} : { argv0 }) });
  assert.equal(stderr, "");
  return { status, ...JSON.parse(stdout) };
}

function finding({ findings }: Said, check: string): Finding {
  return findings.find((one) => one.check === check)!;
}

test("tsgi doctor reads what this machine is like, and ends with 0 when nothing keeps it from serving", () => {
  const said = doctor(["-w", "1", hello]);
  assert.deepEqual([said.status, said.healthy, finding(said, "runtime").level, finding(said, "sockets").level], [0, true, "ok", "ok"]);
  assert.match(finding(said, "runtime").message, new RegExp(`^${here.name} ${here.version.replaceAll(".", "\\.")}`));
  assert.match(finding(said, "backlog").message, /somaxconn allows \d+/);
  assert.equal(MINIMUM[here.name], here.minimum);
});

test("tsgi doctor sees few descriptors, a short queue, too many workers, a place that is not there, and ends with 1", () => {
  const said = doctor(["--backlog", "2000000000", "-w", "5000", "-b", "unix:/nowhere/a.sock"], { under: ["prlimit", "--nofile=300:300"] });
  assert.deepEqual([said.status, said.healthy], [1, false]);
  assert.deepEqual(["backlog", "open files", "cpus", "memory", "socket"].map((check) => finding(said, check).level), ["warning", "warning", "warning", "warning", "error"]);
  assert.match(finding(said, "open files").message, /may have 300 open files/);
  for (const { level, remedy } of said.findings) assert.equal(level === "ok", remedy === undefined);
});

test("tsgi doctor sees bunx among its ancestors, and --reuse-port without tcp_migrate_req", () => {
  const command = [...program(), "doctor", "--json", "--reuse-port"].join(" ");
  const { stdout } = spawnSync("/bin/sh", ["-c", `${command}; true`], { argv0: "bunx", encoding: "utf8" });
  const said = { status: 0, ...JSON.parse(stdout) } as Said;
  assert.match(finding(said, "starter").message, /^bunx started it/);
  assert.match(finding(said, "migration").message, /tcp_migrate_req/);
});

test("tsgi doctor tells people the same, with what to do; wrong settings are findings, unknown flags wrong usage", async () => {
  const [command = "", ...before] = program();
  const run = (...args: readonly string[]) => spawnSync(command, [...before, "doctor", ...args], { encoding: "utf8" });
  const told = run("-b", "unix:/nowhere/a.sock");
  assert.equal(told.status, 1);
  assert.match(told.stdout, /^error +socket +\/nowhere: is not there\n +-> create it/m);
  assert.match(told.stdout, /\n1 error, \d+ warnings?\n$/);
  assert.match(run("--timeout", "-5").stdout, /^error +settings +Cannot use --timeout/m);
  assert.equal(run("--zip").status, 2);
  await withFolder({}, async (folder) => {
    assert.equal(run("-p", `${folder}/a.pid`, "--log-file", `${folder}/log`).status, 0);
  });
});
