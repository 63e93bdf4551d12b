import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEnvFile } from "../../../core/settings/env_file.ts";

test("parseEnvFile() reads KEY=VALUE lines as Docker and systemd do, and expands nothing", () => {
  const text = [
    "# a comment", "", "A=1", "  export B = two words  ", 'C="quoted # text"', "D='$HOME'", "E=", "URL=postgres://u:p@h/db?x=1#y", "lower.case-name=ok", "F=\"",
  ].join("\r\n");
  assert.deepEqual(parseEnvFile(text), {
    variables: { A: "1", B: "two words", C: "quoted # text", D: "$HOME", E: "", URL: "postgres://u:p@h/db?x=1#y", "lower.case-name": "ok", F: '"' },
    wrong: [],
  });
});

test("parseEnvFile() names the line of what it does not understand, and never shows it", () => {
  const { variables, wrong } = parseEnvFile("A=1\nhunter2\n=x\n1A=2\nB=2");
  assert.deepEqual(variables, { A: "1", B: "2" });
  assert.deepEqual(wrong, ["line 2: expected KEY=VALUE", "line 3: expected KEY=VALUE", "line 4: expected KEY=VALUE"]);
});
