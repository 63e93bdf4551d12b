import assert from "node:assert/strict";
import { test } from "node:test";
import { checkedName, nameFrom } from "../../../core/deploy/file.ts";
import { systemd, type SystemdPlan } from "../../../core/deploy/systemd.ts";

const PLAN: SystemdPlan = {
  name: "shop", program: ["/usr/bin/bun", "/srv/my shop/mod.js"], args: ["--name", "shop", "--env", 'A=100% "$HOME"', "/srv/my shop/app.ts"],
  directory: "/srv/my shop 100%", user: "shop", bind: [{ kind: "unix", path: "/run/shop.sock" }], socket: true, backlog: 77, patience: 40, cachesModules: false,
};

function line(text: string, key: string): string | undefined {
  return text.split("\n").find((one) => one.startsWith(`${key}=`))?.slice(key.length + 1);
}

test("systemd() writes each word of the command as systemd reads it, and a path without quotes", () => {
  const [service] = systemd(PLAN);
  assert.equal(line(service!.text, "ExecStart"), '/usr/bin/bun "/srv/my shop/mod.js" --control-socket /run/shop/control.sock --name shop --env "A=100%% \\"$$HOME\\"" "/srv/my shop/app.ts"');
  assert.equal(line(service!.text, "WorkingDirectory"), "/srv/my shop 100%%");
});

test("systemd() lets a socket unit hold the sockets, or tsgi itself, with the right to a low port only where there is one", () => {
  const [service, socket] = systemd({ ...PLAN, bind: [...PLAN.bind, { kind: "tcp", host: "::1", port: 80 }], socketGroup: "www-data" });
  assert.equal(service!.text.includes("--bind"), false);
  assert.equal(line(service!.text, "Requires"), "shop.socket");
  assert.equal(line(service!.text, "CapabilityBoundingSet"), "");
  assert.deepEqual(socket!.text.match(/^(?:Listen|Socket|Backlog).*$/gm), ["ListenStream=/run/shop.sock", "ListenStream=[::1]:80", "Backlog=77", "SocketUser=shop", "SocketGroup=www-data", "SocketMode=0660"]);
  const [alone, none] = systemd({ ...PLAN, bind: [{ kind: "tcp", host: "", port: 80 }], socket: false });
  assert.equal(none, undefined);
  assert.match(line(alone!.text, "ExecStart")!, / --bind 0\.0\.0\.0:80 /);
  assert.equal(line(alone!.text, "CapabilityBoundingSet"), "CAP_NET_BIND_SERVICE");
  assert.equal(line(alone!.text, "Requires"), undefined);
});

test("systemd() waits longer for the end than the server does, and tells the Deno that runs as another user where it may keep modules", () => {
  const [service] = systemd({ ...PLAN, cachesModules: true, group: "web" });
  assert.deepEqual(["TimeoutStopSec", "Environment", "CacheDirectory", "Group"].map((key) => line(service!.text, key)), ["45", "DENO_DIR=/var/cache/shop", "shop", "web"]);
});

test("systemd() refuses what a unit cannot say", () => {
  const refused = (patch: Partial<SystemdPlan>, pattern: RegExp) => assert.throws(() => systemd({ ...PLAN, ...patch }), pattern);
  refused({ bind: [{ kind: "fd", fd: 3 }] }, /Cannot use --bind fd:\/\/3: systemd chooses the number/);
  refused({ bind: [{ kind: "unix", path: "a.sock" }] }, /expected an absolute path/);
  refused({ bind: [{ kind: "tcp", host: "localhost", port: 80 }] }, /IP addresses only/);
  refused({ bind: [{ kind: "tcp", host: "::1", port: 0 }] }, /port 0/);
  refused({ user: "a b" }, /Cannot use --user/);
  refused({ args: ["a\nUser=root"] }, /line break/);
  refused({ directory: "/a\nUser=root" }, /line break/);
});

test("nameFrom() makes a name from what an application is called, and checkedName() takes no other", () => {
  assert.deepEqual(["app.ts", "/srv/My Shop/", "site/server.mjs:app", "/", "npm:site@1"].map(nameFrom), ["app", "my-shop", "server", "app", "npm"]);
  assert.equal(checkedName("shop-2"), "shop-2");
  for (const name of ["", "-a", "a/b", "a;b", "A", "a".repeat(64)]) assert.throws(() => checkedName(name), /Cannot use --name/);
});
