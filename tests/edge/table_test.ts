import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import process from "node:process";
import { root } from "../e2e/server.ts";
import { platformTable } from "./table.ts";

test("README's table of platforms is what the tests hold them to", () => {
  const path = `${root}README.md`;
  const readme = readFileSync(path, "utf8");
  const expected = readme.replace(/\| Where \| With \|[^]*?(?=\n\n)/, () => platformTable());
  if (process.env.REWRITE === "1") writeFileSync(path, expected);
  else assert.equal(readme, expected, "Stale table, refresh it with: REWRITE=1 bun test ./tests/edge/table_test.ts");
});

test("every adapter is exported under its name, to both package managers", () => {
  const exported = (file: string): Record<string, string> => JSON.parse(readFileSync(root + file, "utf8")).exports;
  for (const name of ["fetch", "cloudflare", "deno_deploy", "vercel", "netlify", "lambda", "service_worker", "hono", "node"]) {
    assert.equal(exported("deno.json")[`./${name}`], `./adapters/${name}.ts`);
    assert.ok(`./${name}` in exported("package.json"));
  }
});
