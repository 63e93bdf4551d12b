import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesToPath, decodePath, encodePath, pathToBytes } from "../../../core/gateway/path.ts";

const decodings: [id: string, raw: string, path: string][] = [
  ["T061", "/%zz", "/%zz"],
  ["T063", "/%2", "/%2"],
  ["T064", "/a%2Fb", "/a/b"],
  ["T066", "/a%00b", "/a\u0000b"],
  ["T067", "/%ED%A0%80", "/\uDCED\uDCA0\uDC80"],
  ["T069", "/%F0%9F%98%80", "/\u{1F600}"],
  ["T070", "/%E3%81", "/\uDCE3\uDC81"],
  ["T072", "/a%5Cb", "/a\\b"],
  ["T073", "/%e3%81%82", "/\u3042"],
];
for (const [id, raw, path] of decodings) {
  test(`${id} decodePath() decodes ${raw}`, () => assert.equal(decodePath(raw), path));
}

const encodings: [id: string, path: string, encoded: string][] = [
  ["T074", "/sp\u00e4m", "/sp%C3%A4m"],
  ["T075", "/sp\uDCE4m", "/sp%E4m"],
  ["T077", "/spam;cookie=1234,5678", "/spam;cookie=1234,5678"],
  ["T079", "/a?b#c", "/a%3Fb%23c"],
  ["T080", "/\u{1F600}", "/%F0%9F%98%80"],
];
for (const [id, path, encoded] of encodings) {
  test(`${id} encodePath() writes ${encoded}`, () => assert.equal(encodePath(path), encoded));
}

test("T082 pathToBytes() gives back every byte that bytesToPath() was given", () => {
  const alphabet = [0x2f, 0x41, 0x7f, 0x80, 0xc3, 0xa9, 0xe3, 0xff];
  const strings = alphabet.flatMap((a) => [[a], ...alphabet.flatMap((b) => [[a, b], ...alphabet.map((c) => [a, b, c])])]);
  assert.equal(strings.length, 8 + 64 + 512);
  for (const bytes of strings) assert.deepEqual([...pathToBytes(bytesToPath(Uint8Array.from(bytes)))], bytes);
});

test("decodePath() mixes well-formed and broken sequences without loss", () => {
  assert.equal(decodePath("/caf%C3%A9%FF%zz+"), "/caf\u00e9\udcff%zz+");
  assert.equal(decodePath("/\u00e9%ff"), "/\u00e9\udcff");
  assert.equal(decodePath("/%EF%BB%BFx"), "/\ufeffx");
  assert.equal(decodePath("/%C0%AF%F5%80%80%80"), "/\udcc0\udcaf\udcf5\udc80\udc80\udc80");
});

test("pathToBytes() writes a surrogate that no byte can have made as U+FFFD", () => {
  assert.deepEqual([...pathToBytes("\ud800")], [0xef, 0xbf, 0xbd]);
});
