import assert from "node:assert/strict";
import { test } from "node:test";
import { adminAddress, adminProblems } from "../../../core/settings/admin.ts";
import { changes } from "../../../core/settings/changes.ts";
import { resolve } from "../../../core/settings/resolve.ts";
import { configObject, printConfig } from "../../../core/settings/usage.ts";

const COMPUTED = { chdir: "/srv", runtime: "deno" } as const;

function settled(adminBind: unknown, adminToken: unknown = null) {
  const entries = [{ name: "adminBind", written: adminBind, label: "--admin-bind" }, { name: "adminToken", written: adminToken, label: "TSGI_ADMIN_TOKEN" }] as const;
  return resolve([entries], COMPUTED);
}

function problems(adminBind: string | null, adminToken: string | null = null): string[] {
  const { settings, sources } = settled(adminBind, adminToken);
  return adminProblems(settings, sources).map((problem) => problem.message);
}

test("adminProblems() wants a token for every address that other machines may reach", () => {
  for (const bind of [null, "127.0.0.1:0", "127.1.2.3:9091", "localhost:9091", "[::1]:9091", "unix:/run/admin.sock"]) assert.deepEqual(problems(bind), [], String(bind));
  for (const bind of ["0.0.0.0:9091", ":9091", "[::]:9091", "10.0.0.1:9091", "admin.example:9091", "localhost.example:1", "[::ffff:127.0.0.1]:9091"]) {
    assert.match(problems(bind).join(), /^Cannot use --admin-bind: ".*" can be reached from other machines, so it needs a token: set TSGI_ADMIN_TOKEN/, bind);
    assert.deepEqual(problems(bind, "secret"), [], bind);
  }
});

test("adminProblems() says what an address has to be", () => {
  for (const bind of ["9091", "127.0.0.1", "[::1]", "fd://3", "127.0.0.1:99999", "unix:", "http://127.0.0.1:1"]) assert.match(problems(bind, "t").join(), /^Cannot use --admin-bind: expected .*, got/, bind);
  assert.deepEqual(adminAddress({ adminBind: "[::1]:9091" }), { kind: "tcp", host: "::1", port: 9091 });
  assert.equal(adminAddress({ adminBind: null }), null);
});

test("the admin token is in no error, no list of settings and no log of changes", () => {
  for (const token of ["se cret", "secret\n", "sécret"]) {
    assert.match(problems(null, token).join(), /^Cannot use TSGI_ADMIN_TOKEN: expected visible ASCII/);
    assert.doesNotMatch(problems(null, token).join(), /s.?.?cret/);
  }
  const wrong = settled(null, { secret: 1 }).problems.map((problem) => problem.message).join();
  assert.equal(wrong, "Cannot use TSGI_ADMIN_TOKEN: expected text, got something else");
  assert.doesNotMatch(settled(null, 12345).problems.map((problem) => problem.message).join(), /12345/);
  const { settings } = settled("127.0.0.1:1", "hunter2");
  const other = { ...settings, adminToken: "hunter3" };
  const told = [printConfig(settings), printConfig(settings, { json: true }), JSON.stringify(configObject(settings)), ...changes(settings, other), ...changes({ ...settings, adminToken: null }, other)];
  assert.deepEqual(told.filter((text) => text.includes("hunter")), []);
  assert.deepEqual(changes(settings, other), ["--admin-token [hidden] -> [hidden]"]);
  assert.deepEqual(changes({ ...settings, adminToken: null }, other), ["--admin-token none -> [hidden]"]);
});
