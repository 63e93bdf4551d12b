import assert from "node:assert/strict";
import { test } from "node:test";
import { limitations } from "../../../core/arbiter/limitations.ts";
import { resolve } from "../../../core/settings/resolve.ts";

test("limitations() tells of WebSocket handlers that nobody calls", () => {
  const application = { kind: "fetch", fetch: () => new Response("x"), websocket: {} } as const;
  for (const runtime of ["node", "bun", "deno"] as const) {
    const { settings } = resolve([], { chdir: "/srv", runtime });
    const found = limitations(settings, application).filter((text) => text.includes("WebSocket"));
    assert.equal(found.length, runtime === "node" ? 1 : 0);
    assert.deepEqual(limitations(settings, { kind: "fetch", fetch: application.fetch }), []);
  }
});
