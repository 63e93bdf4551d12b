import assert from "node:assert/strict";
import { test } from "node:test";
import { lint } from "../../../core/gateway/lint.ts";
import { runApp } from "../../../core/gateway/testing.ts";
import type { Middleware } from "../../../core/gateway/types.ts";
import { compose } from "../../../core/middleware/compose.ts";
import { hello, run } from "./under_lint.ts";

function adding(name: string, made: string[]): Middleware {
  return (app) => {
    made.push(name);
    return (environ, startResponse) => app(environ, (status, headers, ...rest) => startResponse(status, [...headers, ["X-Order", name]], ...rest));
  };
}

test("T712 compose() makes the first the outermost, and each once", async () => {
  const made: string[] = [];
  const app = compose(adding("a", made), adding("b", made))(hello);
  for (let times = 0; times < 2; times++) {
    const result = await runApp(lint(app));
    assert.deepEqual(result.headers.filter(([name]) => name === "X-Order").map(([, value]) => value), ["b", "a"]);
  }
  assert.deepEqual(made, ["b", "a"]);
});

test("T713 compose() keeps the order", async () => {
  const result = await run(compose(adding("a", []), adding("b", []), adding("c", [])), hello);
  assert.deepEqual(result.headers.filter(([name]) => name === "X-Order").map(([, value]) => value), ["c", "b", "a"]);
});

test("compose() of nothing changes nothing", () => {
  assert.equal(compose()(hello), hello);
});
