import assert from "node:assert/strict";
import { test } from "node:test";
import { defineConfig } from "../../../core/settings/config.ts";
import type { Given, Settings } from "../../../core/settings/table.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

/** Checked by the compiler: a derived type that changes makes a line here an error. */
const CHECKS: readonly true[] = [
  true satisfies Same<Settings["workers"], number | "auto">,
  true satisfies Same<Settings["runtime"], "deno" | "bun" | "node">,
  true satisfies Same<Settings["app"], string | null>,
  true satisfies Same<Settings["errorLogfile"], string>,
  true satisfies Same<Settings["logLevel"], "debug" | "info" | "warning" | "error" | "critical">,
  true satisfies Same<Settings["env"], Readonly<Record<string, string>>>,
  true satisfies Same<Given["timeout"], number | string | undefined>,
  true satisfies Same<Given["accessLogfile"], string | null | undefined>,
  true satisfies Same<"config" extends keyof Given ? true : false, false>,
  true satisfies Same<"help" extends keyof Settings ? true : false, false>,
];

test("defineConfig() returns what it is given and refuses unknown keys when compiled", () => {
  const config = { workers: "auto", bind: [":80"], timeout: "1m" } as const;
  assert.equal(defineConfig(config), config);
  // @ts-expect-error wokers is no setting
  defineConfig({ wokers: 2 });
  // @ts-expect-error there is no such level
  defineConfig({ logLevel: "loud" });
  assert.ok(CHECKS.every(Boolean));
});
