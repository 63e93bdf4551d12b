import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { loadSettings } from "../../../core/settings/load.ts";
import { configReader } from "../../../runtimes/files.ts";

test("examples/tsgi.config.ts is found and settles without a problem", async () => {
  const cwd = fileURLToPath(new URL("../../../examples", import.meta.url));
  const { settings, problems, sources } = await loadSettings({ argv: [], env: {}, cwd, runtime: "deno", reader: configReader, parseArgs });
  assert.deepEqual(problems, []);
  assert.equal(sources.workers, "tsgi.config.ts: workers");
  assert.ok(settings.workers !== "auto" && settings.workers >= 1);
  assert.equal(settings.timeout, 60);
  assert.equal(settings.bind.length, 2);
});
