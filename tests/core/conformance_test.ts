/** Whether every case of the conformance suite has a test: tests/core/conformance_cases.txt holds the list. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

interface Case {
  readonly id: string;
  readonly area: string;
  readonly line: string;
}

const folder = new URL("../", import.meta.url);

function readCases(): Case[] {
  const cases: Case[] = [];
  let area = "";
  for (const line of readFileSync(new URL("conformance_cases.txt", import.meta.url), "utf8").split("\n")) {
    area = /^([A-Z-]+): /.exec(line)?.[1] ?? area;
    const id = /^T\d{3}(?= )/.exec(line)?.[0];
    if (id !== undefined) cases.push({ id, area, line });
  }
  return cases;
}

/** The ids within the string literals of a test file: in the name of a test, or in a row of a table that names are made from. */
function idsOf(path: string): string[] {
  const code = readFileSync(path, "utf8").replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  return [...code.matchAll(/["'`](?:[^"'`\n]* )?(T\d{3}(?:,? T\d{3})*)\b/g)].flatMap((found) => found[1]!.match(/T\d{3}/g) ?? []);
}

function readIds(): Set<string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile() && entry.name.endsWith("_test.ts"));
  return new Set(files.flatMap((entry) => idsOf(`${entry.parentPath}/${entry.name}`)));
}

test("every case of the conformance suite has a test that names it", () => {
  const cases = readCases();
  const tested = readIds();
  const areas = Map.groupBy(cases, ({ area }) => area);
  console.log([...areas].map(([area, all]) => `${area} ${all.filter(({ id }) => tested.has(id)).length}/${all.length}`).join(", "));
  assert.ok(cases.length > 500, `only ${cases.length} cases in conformance_cases.txt`);
  assert.equal(new Set(cases.map(({ id }) => id)).size, cases.length, "an id stands twice in conformance_cases.txt");
  const lacking = cases.filter(({ id }) => !tested.has(id)).map(({ area, line }) => `${area}: ${line}`);
  assert.ok(lacking.length === 0, `no test names these ${lacking.length} cases:\n${lacking.join("\n")}`);
});

test("no test names a case that is not in the conformance suite", () => {
  const known = new Set(readCases().map(({ id }) => id));
  assert.deepEqual([...readIds()].filter((id) => !known.has(id)), []);
});
