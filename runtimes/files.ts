/** The config files, read through node:fs and import(): the same on Deno and Bun, as far as tsgi cares. */
import { existsSync, realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { drawnPlace } from "../core/arbiter/app_load_error.ts";
import type { ConfigReader, Explanation } from "../core/settings/config_file.ts";
import { inside } from "./inside.ts";

export const configReader: ConfigReader = {
  exists: (path) => path === inside()?.config || existsSync(path),
  readText: async (path) => (path === inside()?.config ? JSON.stringify((await inside()!.importConfig()).default) : await readFile(path, "utf8")),
  importModule,
  explain,
};

// Any module's would do, for the cache they share; not every URL of ours would, where we come from the web.
const require = createRequire(pathToFileURL(process.cwd() + "/config"));
let imports = 0;

async function importModule(path: string): Promise<Readonly<Record<string, unknown>>> {
  if (path === inside()?.config) return await inside()!.importConfig();
  // Bun remembers where a link led; a Kubernetes ConfigMap changes by moving links.
  const real = realpathSync(path);
  // The query is enough for Deno. Bun ignores it on a file URL (https://github.com/oven-sh/bun/issues/21346), and shares this cache
  // with require(). A path instead of a URL would do on Bun, but not on Deno for a directory with % or # in its name.
  delete require.cache[real];
  return await import(`${pathToFileURL(real).href}?tsgi=${++imports}`) as Record<string, unknown>;
}

function explain(error: unknown, named: string): Explanation {
  const path = existsSync(named) ? realpathSync(named) : named;
  if (!(error instanceof Error) && !hasMessage(error)) return { message: oneLine(String(error)) };
  const position = (error as { readonly position?: { readonly file: string; readonly line: number; readonly column: number } | null }).position;
  const text = plain(String(error.message));
  const message = oneLine(text);
  if (position) return { message, place: placeText(position.file, position.line, position.column, path) };
  const json = !path.endsWith(".json") ? null : /\(?line (\d+) column (\d+)\)?/.exec(text);
  if (json !== null) return { message: oneLine(text.replace(json[0], "").trim()), place: placeText(path, json[1]!, json[2]!, path) };
  const drawn = error instanceof SyntaxError ? drawnPlace(error.stack ?? "") : undefined;
  if (drawn !== undefined) return { message, place: drawn.replace(/\?tsgi=\d+(?=:)/, "").replace(path, basename(path)) };
  const place = placeIn(text, path, false) ?? placeIn(plain(String((error as Error).stack ?? "")), path, true);
  return place === undefined ? { message } : { message, place };
}

function hasMessage(error: unknown): error is { readonly message: unknown } {
  return typeof error === "object" && error !== null && "message" in error;
}

/** The first place that `text` names; `own`: in the file at `path` only, because a stack begins with whatever library threw. */
function placeIn(text: string, path: string, own: boolean): string | undefined {
  for (const [, scheme, where, line, column] of text.matchAll(/(file:\/\/)?(\/[^\n()]*?)(?:\?tsgi=\d+)?:(\d+):(\d+)/g)) {
    // Deno writes URLs in messages and their decoded form in stacks.
    const file = scheme === undefined || where === path ? where! : decoded(where!);
    if (!own || file === path) return placeText(file, line!, column!, path);
  }
  return undefined;
}

function decoded(pathname: string): string {
  try {
    return decodeURIComponent(pathname);
  } catch {
    // It was decoded already, and has a % of its own.
    return pathname;
  }
}

function placeText(file: string, line: number | string, column: number | string, path: string): string {
  return `${file === path ? basename(path) : file}:${line}:${column}`;
}

/** Without the colours that Deno puts into some messages even when nobody sees them. */
function plain(text: string): string {
  return text.replace(/\x1b\[[\d;]*m/g, "");
}

/** The first line, without the place and without our query: Deno adds a drawing of the code below. */
function oneLine(text: string): string {
  return (text.split("\n")[0] ?? "").replace(/\s+at file:\/\/\S+:\d+:\d+$/, "").replace(/\?tsgi=\d+/g, "").trim();
}
