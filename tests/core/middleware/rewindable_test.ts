import assert from "node:assert/strict";
import { test } from "node:test";
import { lint } from "../../../core/gateway/lint.ts";
import { runApp, testEnviron } from "../../../core/gateway/testing.ts";
import type { App } from "../../../core/gateway/types.ts";
import { rewindable, type Rewindable } from "../../../core/middleware/rewindable.ts";
import { clean, ct, run } from "./under_lint.ts";

function reading(read: (input: Rewindable) => Promise<string[]>): App {
  return async (environ, startResponse) => {
    const parts = await read(environ["tsgi.input"] as Rewindable);
    startResponse("200 OK", ct.slice());
    return [parts.join("|")];
  };
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Without an inner lint: that shows the application only what the specification gives an input, and so no rewind(). */
async function result(read: (input: Rewindable) => Promise<string[]>, input: string): Promise<string> {
  const environ = testEnviron("/", { method: "POST", input: new Blob([input]).stream() });
  return clean(await runApp(lint(rewindable()(reading(read))), environ)).text;
}

test("T231 rewindable() lets the body be read again", async () => {
  assert.equal(await result(async (input) => {
    const parts = [text(await input.read(1))];
    input.rewind();
    parts.push(text(await input.read(1)), text(await input.read()));
    input.rewind();
    parts.push(text(await input.readline()));
    return parts;
  }, "hello world"), "h|h|ello world|hello world");
});

test("rewindable() rewinds every way to read, and a stream that was taken", async () => {
  assert.equal(await result(async (input) => {
    const parts: string[] = [];
    for await (const line of input.lines()) parts.push(text(line));
    input.rewind();
    for await (const chunk of input) parts.push(text(chunk));
    input.rewind();
    parts.push(await new Response(input.stream).text());
    input.rewind();
    parts.push(...(await input.readlines()).map(text));
    return parts;
  }, "a\nb"), "a\n|b|a\nb|a\nb|a\n|b");
  assert.equal(await result(async (input) => {
    await input.read();
    input.rewind();
    return [text(await input.read())];
  }, ""), "");
});

test("rewindable() gives an input that lint accepts", async () => {
  const environ = testEnviron("/", { method: "POST", input: "body" });
  assert.equal((await run(rewindable(), reading(async (input) => [text(await input.read())]), environ)).text, "body");
});
