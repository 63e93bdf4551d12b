/** What was given to `tsgi init`, and how it is read. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs, type ParseArgsConfig } from "node:util";
import { parseAppUri } from "../../core/arbiter/app_uri.ts";
import type { Address } from "../../core/arbiter/listener.ts";
import { checkedName, type DeployFile, DeployError, nameFrom } from "../../core/deploy/file.ts";
import { parseAddress } from "../../core/settings/address.ts";
import { CONFIG_FILES } from "../../core/settings/config_file.ts";
import { loadSettings, type LoadOptions } from "../../core/settings/load.ts";
import type { Settings } from "../../core/settings/table.ts";
import { runtime } from "../current.ts";
import { configReader } from "../files.ts";

export interface InitValues {
  readonly values: Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;
  readonly app: string | undefined;
  /** What stood after `--`: tsgi's own options. */
  readonly extra: readonly string[];
}

export interface Initial {
  readonly summary: string;
  readonly help: string;
  readonly options: NonNullable<ParseArgsConfig["options"]>;
  make(given: InitValues): Promise<readonly DeployFile[]>;
}

/** tsgi's arguments, which must be such as it takes: also with what stands in the configuration, which is read again at the start. */
export async function argsOf({ app, extra }: InitValues, cwd: string, called = absoluteApp): Promise<{ readonly args: readonly string[]; readonly settings: Settings }> {
  const hasConfig = CONFIG_FILES.some((file) => existsSync(join(cwd, file)));
  const named = app === undefined ? [] : [called(app, cwd)];
  const all = hasConfig || extra.some((word) => /^(?:-w|--workers)/.test(word)) ? extra : [...extra, "--workers", "auto"];
  const args = [...all, ...named];
  const loaded = await loadSettings({ argv: args, env: {}, cwd, runtime: runtime.name, reader: configReader, parseArgs: parseArgs as LoadOptions["parseArgs"] });
  const [problem] = loaded.problems;
  if (problem !== undefined) throw new DeployError(problem.message);
  if (loaded.settings.daemon) throw new DeployError("Cannot use --daemon: whoever starts the server here must see when it ends, leave it out");
  return { args, settings: loaded.settings };
}

/** What is named by a path is named by an absolute one. */
function absoluteApp(app: string, cwd: string): string {
  const { module } = parseAppUri(app);
  return existsSync(resolve(cwd, module)) ? resolve(cwd, module) + app.slice(module.length) : app;
}

export function nameOf({ values, app }: InitValues, directory: string): string {
  return typeof values.name === "string" ? checkedName(values.name) : nameFrom(app ?? directory);
}

export function runtimeOf(given: InitValues): "deno" | "bun" {
  const name = text(given, "runtime") ?? runtime.name;
  if (name === "deno" || name === "bun") return name;
  throw new DeployError(`Cannot use --runtime: expected deno or bun, got ${JSON.stringify(name)}`);
}

export function text({ values }: InitValues, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

export function texts({ values }: InitValues, name: string): readonly string[] {
  const value = values[name];
  return Array.isArray(value) ? value.map(String) : [];
}

export function addresses(given: InitValues, fallback: readonly string[]): readonly Address[] {
  const written = texts(given, "bind");
  return (written.length === 0 ? fallback : written).map((one) => {
    const reading = parseAddress(one);
    if (!reading.ok) throw new DeployError(`Cannot use --bind: expected ${reading.expected}, got ${JSON.stringify(one)}`);
    return reading.value;
  });
}

export function port(given: InitValues, option: string, fallback: number): number {
  const written = text(given, option);
  const number = written === undefined ? fallback : Number(written);
  if (Number.isInteger(number) && number > 0 && number < 65536) return number;
  throw new DeployError(`Cannot use --${option}: expected a port from 1 to 65535, got ${JSON.stringify(written)}`);
}

export function seconds(given: InitValues, option: string, fallback: number): number {
  const written = text(given, option);
  if (written === undefined) return fallback;
  if (/^\d{1,5}$/.test(written)) return Number(written);
  throw new DeployError(`Cannot use --${option}: expected whole seconds, got ${JSON.stringify(written)}`);
}
