/** How this tsgi is started, for those who write it down: never by a package runner, which stays as a parent and passes no signal on. */
import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { inside } from "./inside.ts";
import { runtime } from "./current.ts";

/** Folders of npx, bunx and pnpm dlx: what is there is gone some day. */
const TEMPORARY = /\/(?:bunx-\d+-[^/]*|_npx|dlx-[^/]*|dlx)\//;

/** The runtime, its flags and tsgi's module, with absolute paths. Throws an Error if that place is a temporary one. */
export function programHere(cwd = process.cwd()): readonly string[] {
  if (inside()?.isExecutable) return [process.execPath];
  const script = inside() === null ? moduleHere(cwd) : process.argv[1]!;
  for (const path of [script, process.execPath]) {
    if (TEMPORARY.test(path)) {
      throw new Error(`Cannot write down how to start tsgi: ${path} is in a package runner's temporary folder; npm install tsgi here, and run node_modules/.bin/tsgi`);
    }
  }
  return runtime.name === "deno" ? [process.execPath, "run", "-A", "--no-prompt", script] : [process.execPath, script];
}

/** By the name that survives an update, if there is one. */
function moduleHere(cwd: string): string {
  const url = import.meta.url.replace(/runtimes\/own_program(\.\w+)$/, "mod$1");
  if (!url.startsWith("file:")) return url;
  const path = fileURLToPath(url);
  const installed = join(cwd, "node_modules/tsgi/dist/mod.js");
  return existsSync(installed) && realpathSync(installed) === path ? installed : path;
}
