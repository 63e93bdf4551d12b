import assert from "node:assert/strict";
import { test } from "node:test";
import { changes } from "../../../core/settings/changes.ts";
import { resolve } from "../../../core/settings/resolve.ts";

const { settings } = resolve([], { chdir: "/srv", runtime: "bun" });

test("changes() names every setting that is different with its old and new value", () => {
  assert.deepEqual(changes(settings, settings), []);
  const bind = [{ kind: "tcp", host: "::1", port: 9 }] as const;
  assert.deepEqual(changes(settings, { ...settings, workers: "auto", app: "app.ts", bind, warmup: ["GET / x2"], canary: 2.5 }), [
    "APP none -> app.ts",
    "--bind 127.0.0.1:8000 -> [::1]:9",
    "--workers 1 -> auto",
    '--warmup none -> "GET / x2"',
    "--canary 0 -> 2.5",
  ]);
});

test("changes() tells variables one by one, and no secret", () => {
  const before = { ...settings, env: { A: "1", TOKEN: "x", DB: "pg://u:p@h", OLD: "a\nb" }, app: 'app.ts:create("pg://u:old@h")' };
  const after = { ...settings, env: { A: "2", TOKEN: "y", DB: "pg://u:q@h" }, app: 'app.ts:create("pg://u:new@h")' };
  assert.deepEqual(changes(before, after), [
    'APP "app.ts:create(\\"pg://u:[hidden]@h\\")" -> "app.ts:create(\\"pg://u:[hidden]@h\\")"',
    "--env A: 1 -> 2",
    "--env TOKEN: [hidden] -> [hidden]",
    "--env DB: pg://u:[hidden]@h -> pg://u:[hidden]@h",
    '--env OLD: "a\\nb" -> unset',
  ]);
});
