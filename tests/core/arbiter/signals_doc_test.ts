import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { ARBITER_SIGNALS, SIGNALS, WORKER_SIGNALS } from "../../../core/arbiter/signals.ts";
import { signalsPage } from "../../../core/arbiter/signals_page.ts";

const file = new URL("../../../SIGNALS.md", import.meta.url);

test("SIGNALS.md is what signalsPage() makes of the table", () => {
  if (process.env.REWRITE === "1") writeFileSync(file, signalsPage());
  assert.equal(readFileSync(file, "utf8"), signalsPage(), "SIGNALS.md is stale: run REWRITE=1 npx bun test tests/core/arbiter/signals_doc_test.ts");
});

test("SIGNALS has a row for every signal that somebody handles", () => {
  const told = SIGNALS.map((row) => row.signal);
  assert.deepEqual([...ARBITER_SIGNALS, ...WORKER_SIGNALS].filter((signal) => !told.includes(signal)), []);
});
