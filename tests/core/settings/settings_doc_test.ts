import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { settingsPage } from "../../../core/settings/page.ts";

const file = new URL("../../../SETTINGS.md", import.meta.url);

test("SETTINGS.md is what settingsPage() makes of the table", () => {
  if (process.env.REWRITE === "1") writeFileSync(file, settingsPage());
  assert.equal(readFileSync(file, "utf8"), settingsPage(), "SETTINGS.md is stale: run REWRITE=1 npx bun test tests/core/settings/settings_doc_test.ts");
});
