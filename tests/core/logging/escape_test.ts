import assert from "node:assert/strict";
import { test } from "node:test";
import { cut, escape, escapeJson, FIELD_LIMIT } from "../../../core/logging/escape.ts";

/** What a terminal, a line reader or an eye could take for something else. */
const NEVER = /[\p{Cc}\p{Cs}\p{Bidi_Control}\u2028\u2029]/u;

test("escape() leaves printable text as it is", () => {
  const text = "GET /café?q=日本&e=😀 HTTP/1.1";
  assert.equal(escape(text, "text"), text);
  assert.equal(escape(text, "quoted"), text);
  assert.equal(escape('say "no" \\ C:', "text"), 'say "no" \\ C:');
});

test("escape() makes every code unit of the first 256 safe in every place", () => {
  for (let code = 0; code < 256; code++) {
    const character = String.fromCharCode(code);
    const hex = `\\x${code.toString(16).padStart(2, "0")}`;
    const control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    const quote = character === '"' || character === "\\";
    assert.equal(escape(character, "text"), control ? hex : character);
    assert.equal(escape(character, "quoted"), control || quote ? hex : character);
    assert.equal(escape(character, "word"), control || quote || character === " " ? hex : character);
  }
});

test("escape() writes line separators, bidirectional controls and lone surrogates as \\u", () => {
  assert.equal(escape("a\u2028b\u2029c", "text"), "a\\u2028b\\u2029c");
  assert.equal(escape("\u202egpj.exe\u2066\u061c\u200f", "text"), "\\u202egpj.exe\\u2066\\u061c\\u200f");
  assert.equal(escape("\ud800x\udcffy😀", "text"), "\\ud800x\\udcffy😀");
  for (let code = 0; code <= 0xffff; code++) assert.doesNotMatch(escape(String.fromCharCode(code), "text"), NEVER);
});

test("escape() cuts long values and says how much is missing", () => {
  assert.equal(escape("a".repeat(FIELD_LIMIT), "text").length, FIELD_LIMIT);
  assert.equal(escape("a".repeat(1_000_000), "word"), `${"a".repeat(FIELD_LIMIT)}[+${1_000_000 - FIELD_LIMIT}]`);
});

test("cut() does not part the halves of a character", () => {
  assert.equal(cut("ab😀c", 3), "ab[+3]");
  assert.equal(cut("ab😀c", 4), "ab😀[+1]");
});

test("escapeJson() keeps the value and leaves nothing invisible", () => {
  for (let code = 0; code <= 0xffff; code++) {
    const value = `x${String.fromCharCode(code)}y`;
    const json = escapeJson(JSON.stringify(value));
    assert.equal(JSON.parse(json), value);
    assert.doesNotMatch(json, NEVER);
  }
});
