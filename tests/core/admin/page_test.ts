/** The status page that is in the repository is what its sources make. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { PAGE } from "../../../core/admin/page.ts";

const root = new URL("../../../", import.meta.url).pathname;

test("core/admin/page.ts is what adapters/status_page/build.mjs makes of its sources", () => {
  const folder = mkdtempSync(join(tmpdir(), "tsgi-page-"));
  try {
    const made = join(folder, "page.ts");
    execFileSync("node", [join(root, "adapters/status_page/build.mjs"), made]);
    assert.ok(readFileSync(made, "utf8") === readFileSync(join(root, "core/admin/page.ts"), "utf8"), "it is stale: run node adapters/status_page/build.mjs");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("the status page loads nothing from anywhere, and stays small", () => {
  const [html = "", ...rest] = PAGE.split("<script>");
  assert.equal(rest.length, 1);
  assert.doesNotMatch(html, /\b(?:src|href)="(?!data:|#)/);
  assert.doesNotMatch(html, /url\(|@import|\son\w+=|style="/);
  assert.ok(PAGE.length < 100_000, `${PAGE.length}`);
  assert.match(PAGE, /uPlot.*The MIT License.*Copyright \(c\) \d+ Leon Sorokin/s, "its licence asks for that");
});
