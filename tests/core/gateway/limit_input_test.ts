import assert from "node:assert/strict";
import { test } from "node:test";
import { limitInput } from "../../../core/gateway/limit_input.ts";
import { testEnviron } from "../../../core/gateway/testing.ts";
import type { InputStream } from "../../../core/gateway/types.ts";

const tooLarge = { code: "ERR_TSGI_TOO_LARGE", status: "413 Content Too Large" };

/** A body without CONTENT_LENGTH, in one chunk, behind a limit. */
function limited(text: string, max: number): InputStream {
  return limitInput(testEnviron("/", { method: "POST", input: new Blob([text]).stream() }), { max });
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

test("T260 limitInput() throws for a CONTENT_LENGTH above the limit, before reading", async () => {
  const environ = testEnviron("/", { method: "POST", input: "123456" });
  assert.throws(() => limitInput(environ, { max: 3 }), tooLarge);
  assert.equal(decode(await environ["tsgi.input"].read()), "123456");
});

test("T261 limitInput() rejects reading past the limit of a body that does not tell its length", async () => {
  await assert.rejects(limited("123456", 3).read(), tooLarge);
});

test("T262 limitInput() gives what is within the limit", async () => {
  const input = limited("123456", 3);
  for (const expected of ["1", "2", "3"]) assert.equal(decode(await input.read(1)), expected);
  await assert.rejects(input.read(1), tooLarge);
});

test("limitInput() leaves a body of exactly the limit alone, whichever way it is read", async () => {
  assert.equal(decode(await limited("123", 3).read()), "123");
  assert.equal(await new Response(limited("123", 3).stream).text(), "123");
  assert.deepEqual((await limited("1\n2", 3).readlines()).map(decode), ["1\n", "2"]);
  await assert.rejects(new Response(limited("1234", 3).stream).text());
  await assert.rejects(async () => {
    for await (const line of limited("1\n2\n3", 3).lines()) assert.ok(line.length <= 2);
  }, tooLarge);
});

test("limitInput() refuses a limit that is none", () => {
  for (const max of [-1, NaN]) assert.throws(() => limited("", max), RangeError);
});

test("limitInput() believes no CONTENT_LENGTH that the body exceeds", async () => {
  const environ = testEnviron("/", { method: "POST", input: "123456", environ: { CONTENT_LENGTH: "3" } });
  await assert.rejects(limitInput(environ, { max: 3 }).read(), tooLarge);
});
