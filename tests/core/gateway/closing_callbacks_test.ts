import assert from "node:assert/strict";
import { test } from "node:test";
import { closing } from "../../../core/gateway/closing.ts";
import type { Body } from "../../../core/gateway/types.ts";

test("T448 closing() calls the body's close, then the callbacks in order, once", async () => {
  const seen: string[] = [];
  const body = { *[Symbol.iterator]() {}, close: () => void seen.push("body") };
  const wrapped = closing(body as Body, () => void seen.push("first"), () => void seen.push("second")) as Body & { close(): Promise<void> };
  await wrapped.close();
  await wrapped.close();
  assert.deepEqual(seen, ["body", "first", "second"]);
});
