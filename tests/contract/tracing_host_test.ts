import assert from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { Context } from "../../core/otlp/api.ts";
import { tracingHost } from "../../runtimes/tracing_host.ts";
import { root, withFolder } from "../e2e/server.ts";

test("storage() keeps what belongs to one chain of awaits apart from another's", async () => {
  const storage = tracingHost.storage();
  const context = (): Context => ({ getValue: () => undefined });
  const seen = await Promise.all([context(), context()].map((one) => storage.run(one, async () => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return storage.getStore() === one;
  })));
  assert.deepEqual(seen, [true, true]);
  assert.equal(storage.getStore(), undefined);
});

test("api() is the application's own copy, and null where it has none", async () => {
  await withFolder({}, async (folder) => {
    assert.equal(await tracingHost.api(join(folder, "app.js")), null);
  });
  // Another folder: Bun remembers what it did not find.
  await withFolder({}, async (folder) => {
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(join(root, "node_modules/@opentelemetry"), join(folder, "node_modules/@opentelemetry"));
    const api = await tracingHost.api(join(folder, "app.js"));
    assert.equal(typeof api?.trace.setGlobalTracerProvider, "function");
    assert.equal(api?.trace, (await import("@opentelemetry/api")).trace as unknown);
  });
});

test("resource says which process this is", () => {
  assert.equal(tracingHost.resource["process.pid"], process.pid);
  assert.equal(tracingHost.resource["process.runtime.name"], "Deno" in globalThis ? "deno" : "bun");
});
