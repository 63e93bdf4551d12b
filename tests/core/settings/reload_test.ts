import assert from "node:assert/strict";
import { test } from "node:test";
import { reloaded } from "../../../core/settings/reload.ts";
import { resolve } from "../../../core/settings/resolve.ts";

const { settings } = resolve([], { chdir: "/srv", runtime: "bun" });

test("reloaded() takes over what a reload may change and keeps the rest", () => {
  const written = { ...settings, workers: 4, backlog: 10, env: { A: "1" } } as const;
  assert.deepEqual(reloaded(settings, written), { settings: { ...settings, workers: 4, env: { A: "1" } }, changed: ["workers", "env"], pending: ["backlog"] });
});

test("reloaded() sees no change in settings that were sent as JSON", () => {
  assert.deepEqual(reloaded(JSON.parse(JSON.stringify(settings)), settings), { settings, changed: [], pending: [] });
});
