import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { eachLine } from "../../runtimes/lines.ts";

test("eachLine() gives whole lines, letters that came in two pieces, and the last line without an end", async () => {
  const stream = new PassThrough();
  const lines: string[] = [];
  const ended = eachLine(stream, (line) => lines.push(line));
  const bytes = new TextEncoder().encode("one\ntwo ü\n\nlast");
  const cut = bytes.indexOf(0xc3) + 1;
  stream.write(bytes.subarray(0, cut));
  stream.write(bytes.subarray(cut));
  stream.end();
  await ended;
  assert.deepEqual(lines, ["one", "two ü", "", "last"]);
});

test("eachLine() does not collect an endless line", async () => {
  const stream = new PassThrough();
  let most = 0;
  const ended = eachLine(stream, (line) => (most = Math.max(most, line.length)));
  for (let i = 0; i < 40; i++) stream.write("x".repeat(10_000));
  stream.end();
  await ended;
  assert.ok(most >= 65_536 && most < 140_000, String(most));
});
