import assert from "node:assert/strict";
import { test } from "node:test";
import { nginx, type NginxPlan } from "../../../core/deploy/nginx.ts";

const PLAN: NginxPlan = { name: "my-shop", serverNames: [], servers: [{ kind: "unix", path: "/run/my shop.sock" }], files: [], accelerated: [], port: 80, tls: null };

test("nginx() says where tsgi is: a path in quotes, an address that can be reached", () => {
  const text = (patch: Partial<NginxPlan>) => nginx({ ...PLAN, ...patch })[0]!.text;
  assert.match(text({}), /^ {4}server "unix:\/run\/my shop\.sock" max_fails=0;$/m);
  assert.match(text({}), /^map \$http_upgrade \$my_shop_connection \{$/m);
  const several = text({ servers: [{ kind: "tcp", host: "0.0.0.0", port: 8000 }, { kind: "tcp", host: "::1", port: 1 }] });
  assert.deepEqual(several.match(/^ {4}(?:server |least).*;$/gm), ["    least_conn;", "    server 127.0.0.1:8000 max_fails=3 fail_timeout=5s;", "    server [::1]:1 max_fails=3 fail_timeout=5s;"]);
  assert.match(several, /proxy_next_upstream error timeout/);
});

test("nginx() ends both sides of an alias with a slash, without which it would show what is beside the folder", () => {
  const [{ text } = { text: "" }] = nginx({ ...PLAN, files: [{ url: "/static", directory: "/srv/pub" }], accelerated: [{ url: "/x/", directory: "/srv/x" }] });
  assert.match(text, /location \^~ \/static\/ \{\n {8}alias \/srv\/pub\/;/);
  assert.match(text, /location \^~ \/x\/ \{\n {8}internal;\n {8}alias \/srv\/x\/;/);
});

test("nginx() refuses what would be more than it seems", () => {
  const refused = (patch: Partial<NginxPlan>, pattern: RegExp) => assert.throws(() => nginx({ ...PLAN, ...patch }), pattern);
  refused({ serverNames: ["a; return 200"] }, /Cannot use --server-name/);
  refused({ files: [{ url: "/$uri", directory: "/a" }] }, /takes \$ for a variable/);
  refused({ files: [{ url: "/a", directory: "/a\n}" }] }, /line break/);
  refused({ files: [{ url: "a", directory: "/a" }] }, /absolute path/);
  refused({ servers: [{ kind: "fd", fd: 3 }] }, /fd:\/\/3 for nginx/);
  refused({ servers: [{ kind: "unix", path: "a" }] }, /absolute path/);
});
