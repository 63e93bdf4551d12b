import assert from "node:assert/strict";
import { test } from "node:test";
import { testEnviron } from "../../../core/gateway/testing.ts";
import type { HeaderList } from "../../../core/gateway/types.ts";
import { earlyHints } from "../../../core/middleware/early_hints.ts";
import { hello, run } from "./under_lint.ts";

test("earlyHints() sends its links before the application runs", async () => {
  const story: unknown[] = [];
  const environ = testEnviron("/a", { environ: { "tsgi.early_hints": (headers: HeaderList) => void story.push(headers) } });
  await run(earlyHints((environ) => [`<${environ.PATH_INFO}.css>; rel=preload`, "</b>; rel=preconnect"]), (inner, startResponse) => {
    story.push("application");
    return hello(inner, startResponse);
  }, environ);
  assert.deepEqual(story, [[["Link", "</a.css>; rel=preload"], ["Link", "</b>; rel=preconnect"]], "application"]);
});

test("earlyHints() does nothing where the platform cannot, or there is nothing to hint at", async () => {
  assert.equal((await run(earlyHints(["</a>; rel=preload"]), hello)).text, "Hello, world!");
  const environ = testEnviron("/", { environ: { "tsgi.early_hints": () => assert.fail("sent nothing") } });
  assert.equal((await run(earlyHints([]), hello, environ)).text, "Hello, world!");
});

test("earlyHints() answers although a hint could not be sent", async () => {
  const environ = testEnviron("/", { environ: { "tsgi.early_hints": () => Promise.reject(new Error("gone")) } });
  const result = await run(earlyHints(["</a>; rel=preload"]), hello, environ);
  assert.deepEqual([result.text, result.errors], ["Hello, world!", "Cannot send early hints: gone\n"]);
});
