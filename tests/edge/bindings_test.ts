import assert from "node:assert/strict";
import { test } from "node:test";
import { toNetlify } from "../../adapters/netlify.ts";
import { toVercel } from "../../adapters/vercel.ts";
import type { App } from "../../core/gateway/types.ts";
import { workerd } from "./binaries.ts";
import { startWorkerd } from "./workerd.ts";

test("toCloudflare() puts bindings and context into environ", { skip: workerd === null ? "workerd is not installed" : false }, async () => {
  const { url, stop } = await startWorkerd("tests/edge/programs/bindings.ts", "typescript");
  try {
    assert.deepEqual(await (await fetch(url)).json(), ["hi", "function", "HTTP/1.1"]);
  } finally {
    await stop();
  }
});

test("toVercel() waits by the platform's request context, else by the second argument", async () => {
  const key = Symbol.for("@vercel/request-context");
  const global = globalThis as { [key]?: unknown };
  const waited: string[] = [];
  const app: App = (environ, startResponse) => {
    environ["tsgi.wait_until"]?.(Promise.resolve());
    startResponse("200 OK", [["Content-Type", "text/plain"]]);
    return [String(environ.REMOTE_ADDR)];
  };
  const { fetch } = toVercel(app);
  const request = () => new Request("https://h/", { headers: { "x-forwarded-for": "192.0.2.1, 10.0.0.1" } });
  global[key] = { get: () => ({ waitUntil: () => waited.push("context") }) };
  try {
    assert.equal(await (await fetch(request())).text(), "192.0.2.1");
  } finally {
    delete global[key];
  }
  await fetch(request(), { waitUntil: () => waited.push("argument") });
  await fetch(request());
  assert.deepEqual(waited, ["context", "argument"]);
});

test("toNetlify() passes on what the context says, and nothing that goes past startResponse", async () => {
  const handler = toNetlify((environ, startResponse) => {
    startResponse("200 OK", [["Content-Type", "application/json"]]);
    return [JSON.stringify(Object.entries(environ).filter(([key]) => key.startsWith("netlify.") || key === "REMOTE_ADDR"))];
  });
  const context = { ip: "192.0.2.1", requestId: "r", geo: { city: "Ulm" }, next() {}, cookies: {} };
  const found = Object.fromEntries(await (await handler(new Request("https://h/"), context)).json());
  assert.deepEqual(found, { "REMOTE_ADDR": "192.0.2.1", "netlify.geo": { city: "Ulm" }, "netlify.request_id": "r" });
});
