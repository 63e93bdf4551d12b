/** What config files are written with. */
import type { GivenHooks } from "./hooks.ts";
import type { Given } from "./table.ts";

/** What a config file may say: settings, and hooks. */
export type Config = Given & GivenHooks;

/**
 * Returns `config` itself: write it around a config file's default export and the editor knows the keys.
 *
 * ```ts
 * import { defineConfig } from "tsgi";
 *
 * export default defineConfig({ app: "app.ts", workers: "auto", timeout: "1m" });
 * ```
 */
export function defineConfig<C extends Config | (() => Config | Promise<Config>)>(config: C): C {
  return config;
}
