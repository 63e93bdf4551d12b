import assert from "node:assert/strict";
import { test } from "node:test";
import { lint } from "../../../core/gateway/lint.ts";
import type { LintOptions } from "../../../core/gateway/lint.ts";
import { runApp, testEnviron } from "../../../core/gateway/testing.ts";
import type { Environ, FileWrapper, InputStream, ResponseFinished } from "../../../core/gateway/types.ts";

/** Runs `use` inside a linted application, and rejects with what it threw. */
async function within(use: (environ: Environ) => unknown, given: { environ?: Environ; options?: LintOptions } = {}): Promise<void> {
  let thrown: unknown = null;
  await runApp(
    lint(async (environ, startResponse) => {
      try {
        await use(environ);
      } catch (error) {
        thrown = error;
      }
      startResponse("204 No Content", []);
      return [];
    }, given.options),
    given.environ ?? testEnviron("/", { method: "POST", input: "one\ntwo\n" }),
  );
  if (thrown !== null) throw thrown;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

test("T558 lint() accepts every way to read the input", async () => {
  const seen: string[] = [];
  const warnings: string[] = [];
  const options: LintOptions = { strict: true, onWarning: (code) => warnings.push(code) };
  await within(async ({ "tsgi.input": input }) => {
    seen.push(decode(await input.read(1)), decode(await input.readline()), decode(await input.read()));
    assert.equal((await input.read()).length, 0);
  }, { options });
  await within(async ({ "tsgi.input": input }) => {
    for (const line of await input.readlines(1)) seen.push(decode(line));
    for await (const line of input.lines()) seen.push(decode(line));
  }, { options });
  await within(async ({ "tsgi.input": input }) => {
    for await (const chunk of input) seen.push(decode(chunk));
  }, { options });
  await within(async ({ "tsgi.input": input }) => seen.push(await new Response(input.stream).text()), { options });
  assert.deepEqual(seen, ["o", "ne\n", "two\n", "one\n", "two\n", "one\ntwo\n", "one\ntwo\n"]);
  assert.deepEqual(warnings, []);
});

test("T559 lint() refuses arguments that are no integer, and two", async () => {
  for (const args of [[1, 2], ["foo"], [1.5]]) {
    await assert.rejects(() => within(({ "tsgi.input": input }) => Reflect.apply(input.read, input, args)), { code: "input/args" });
  }
});

test("T560 lint() warns of a negative size", async () => {
  const warnings: string[] = [];
  await within(async ({ "tsgi.input": input }) => assert.equal(decode(await input.read(-1)), "one\ntwo\n"), {
    options: { onWarning: (code) => warnings.push(code) },
  });
  assert.deepEqual(warnings, ["input/negative"]);
});

test("T564 lint() lets nobody close the input", async () => {
  for (const method of ["close", "cancel"]) {
    const use = ({ "tsgi.input": input }: Environ): unknown => Reflect.apply(Reflect.get(input, method), input, []);
    await assert.rejects(() => within(use), TypeError);
    await assert.rejects(() => within(use, { options: { strict: true } }), { code: "input/close" });
  }
});

test("T565 lint() refuses other members of the input when strict", async () => {
  const use = ({ "tsgi.input": input }: Environ): unknown => assert.equal((input as unknown as Record<string, unknown>).locked, undefined);
  await within(use);
  await assert.rejects(() => within(use, { options: { strict: true } }), { code: "input/attribute" });
});

test("T567 lint() refuses to write a number to the error stream", async () => {
  const number = 42 as unknown as string;
  await assert.rejects(() => within((environ) => environ["tsgi.errors"].write(number)), { code: "errors/write-type" });
  await assert.rejects(() => within((environ) => environ["tsgi.errors"].writelines(["a", number])), { code: "errors/write-type" });
});

test("T569 lint() lets nobody close the error stream", async () => {
  const use = ({ "tsgi.errors": errors }: Environ): unknown => Reflect.apply(Reflect.get(errors, "close"), errors, []);
  await assert.rejects(() => within(use), { code: "errors/close" });
});

test("T570 lint() counts the bytes of a file", async () => {
  const wrapper: FileWrapper = (file) => ({
    async *[Symbol.asyncIterator]() {
      yield (await (file as { read(size: number): Promise<Uint8Array> }).read(5));
    },
  });
  const environ = testEnviron({ "tsgi.file_wrapper": wrapper });
  const { error } = await runApp(
    lint((given, startResponse) => {
      startResponse("200 OK", [["Content-Type", "text/plain"], ["Content-Length", "9"]]);
      return given["tsgi.file_wrapper"]!({ read: (size) => new Uint8Array(size) });
    }),
    environ,
  );
  assert.equal((error as { code?: string } | null)?.code, "content-length/mismatch");
});

test("T571 lint() refuses the methods once the stream was taken", async () => {
  await assert.rejects(() => within(({ "tsgi.input": input }) => [input.stream, input.stream, input.read()]), { code: "input/locked" });
});

test("lint() refuses to read after the response", async () => {
  let kept: InputStream | null = null;
  await within(({ "tsgi.input": input }) => kept = input, { environ: testEnviron({ "tsgi.response_finished": [] }) });
  assert.throws(() => void kept!.read(), { code: "input/after-response" });
});

test("lint() refuses an input that does not give bytes", async () => {
  const input = { read: () => Promise.resolve("text"), readline() {}, readlines() {}, lines() {}, stream: null };
  const environ = testEnviron({ "tsgi.input": Object.assign(input, { [Symbol.asyncIterator]() {} }) });
  await assert.rejects(() => within((given) => given["tsgi.input"].read(), { environ }), { code: "input/return-type" });
  await assert.rejects(() => within((given) => given["tsgi.input"].readlines(), { environ }), { code: "input/return-type" });
  await assert.rejects(() => within((given) => given["tsgi.input"].stream, { environ }), { code: "input/return-type" });
});

test("lint() judges early hints as headers", async () => {
  const environ = testEnviron({ "tsgi.early_hints": () => {} });
  await within((given) => given["tsgi.early_hints"]!([["Link", "</a.css>; rel=preload"]]), { environ });
  await assert.rejects(() => within((given) => given["tsgi.early_hints"]!({ Link: "x" } as never), { environ }), { code: "headers/type" });
  await assert.rejects(() => within((given) => given["tsgi.early_hints"]!([["Link", "a\r\nb"]]), { environ }), { code: "header/value" });
});

test("lint() refuses a gateway that calls tsgi.response_finished with something else", () => {
  const finished: ResponseFinished[] = [];
  lint((_environ, startResponse) => {
    startResponse("204 No Content", []);
    return [];
  })(testEnviron({ "tsgi.response_finished": finished }), () => () => Promise.resolve());
  assert.throws(() => Reflect.apply(finished[0]!, undefined, [{}, 200, [], null]), { code: "response-finished/args" });
  assert.equal(Reflect.apply(finished[0]!, undefined, [{}, null, null, new Error("x")]), undefined);
});
