import assert from "node:assert/strict";
import { test } from "node:test";
import { splitWords } from "../../../core/settings/words.ts";

test("splitWords() splits as a shell does", () => {
  const cases: readonly [string, readonly string[]][] = [
    ["", []],
    ["  -w 4\t--bind=:80\n", ["-w", "4", "--bind=:80"]],
    [`-e 'A=b c' "d e"`, ["-e", "A=b c", "d e"]],
    [`a"b c"'d'e`, ["ab cde"]],
    [`'' ""`, ["", ""]],
    [String.raw`a\ b \"c '\d' "\e \" \\ $f"`, ["a b", '"c', String.raw`\d`, String.raw`\e " \ $f`]],
  ];
  for (const [text, words] of cases) assert.deepEqual(splitWords(text), words, text);
});

test("splitWords() throws for a quote that is not closed and for a last backslash", () => {
  assert.throws(() => splitWords("a 'b"), { name: "SyntaxError", message: "A ' is not closed" });
  assert.throws(() => splitWords("a\\"), { name: "SyntaxError" });
});
