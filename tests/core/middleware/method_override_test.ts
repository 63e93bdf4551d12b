import assert from "node:assert/strict";
import { test } from "node:test";
import { testEnviron, type TestEnvironOptions } from "../../../core/gateway/testing.ts";
import type { App } from "../../../core/gateway/types.ts";
import { methodOverride, type MethodOverrideOptions } from "../../../core/middleware/method_override.ts";
import { ct, run } from "./under_lint.ts";

const echo: App = async (environ, startResponse) => {
  const body = new TextDecoder().decode(await environ["tsgi.input"].read());
  startResponse("200 OK", ct.slice());
  return [`${environ.REQUEST_METHOD} ${String(environ["tsgi.method_override.original"])} ${body}`];
};
const FORM = { CONTENT_TYPE: "application/x-www-form-urlencoded" };

async function send(given: TestEnvironOptions, options: MethodOverrideOptions = {}): Promise<{ text: string; errors: string }> {
  const result = await run(methodOverride(options), echo, testEnviron("/", { method: "POST", ...given }));
  assert.equal(result.error, null);
  return result;
}

async function multipart(fields: Record<string, string>): Promise<TestEnvironOptions> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  const response = new Response(form);
  return { environ: { CONTENT_TYPE: response.headers.get("content-type")! }, input: await response.bytes() };
}

test("T683 methodOverride() takes _method of a form, and the body can still be read", async () => {
  assert.equal((await send({ environ: FORM, input: "_method=put&a=1" })).text, "PUT POST _method=put&a=1");
  assert.match((await send(await multipart({ _method: "delete", a: "1" }))).text, /^DELETE POST .*_method.*"a"/s);
});

test("T684 methodOverride() takes the header first", async () => {
  assert.equal((await send({ environ: { ...FORM, HTTP_X_HTTP_METHOD_OVERRIDE: "PATCH" }, input: "_method=put" })).text, "PATCH POST _method=put");
});

test("T686 methodOverride() passes a form that cannot be read on, and says so", async () => {
  const inputs: TestEnvironOptions[] = [
    { environ: FORM, input: Uint8Array.of(0x5f, 0xe9, 0x3d) },
    { environ: FORM, input: "_method=%E9" },
    { environ: { CONTENT_TYPE: "multipart/form-data; boundary=x" }, input: '--x\r\nContent-Disposition: form-data; name="_method"\r\n\r\nPUT' },
  ];
  for (const given of inputs) {
    const { text, errors } = await send(given);
    assert.match(text, /^POST undefined /);
    assert.match(errors, /^Cannot read the form for _method: .+\n$/);
  }
});

test("methodOverride() knows no other methods, and overrides nothing but POST", async () => {
  for (const method of ["BREW", "HEAD", ""]) assert.match((await send({ environ: { HTTP_X_HTTP_METHOD_OVERRIDE: method } })).text, /^POST undefined/);
  assert.match((await send({ method: "GET", environ: { HTTP_X_HTTP_METHOD_OVERRIDE: "PUT" } })).text, /^GET undefined/);
  assert.match((await send({ environ: { CONTENT_TYPE: "application/json" }, input: "_method=put" })).text, /^POST undefined/);
});

test("methodOverride() passes a large form on whole and unread", async () => {
  const input = `_method=put&a=${"x".repeat(100)}`;
  assert.equal((await send({ environ: FORM, input }, { maxForm: 50 })).text, `POST undefined ${input}`);
  assert.equal((await send({ environ: FORM, input: new Blob([input]).stream() }, { maxForm: input.length })).text, `PUT POST ${input}`);
});
