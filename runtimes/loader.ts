/** Finds and imports the application's module: core/arbiter/application.ts decides what to ask for. */
import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import process from "node:process";
import type { Loader } from "../core/arbiter/application.ts";
import { runtime } from "./current.ts";
import { inside } from "./inside.ts";

export const loader: Loader = { importModule, resolve, exists };

/** Stands for the module of the application that is inside this program. */
const INSIDE = "inside:application";

async function importModule(specifier: string): Promise<Record<string, unknown>> {
  if (specifier === INSIDE) return await inside()!.importApplication();
  const url = /^[a-z][a-z\d+.-]*:/i.test(specifier) ? specifier : packageUrl(specifier);
  try {
    return await import(url);
  } catch (error) {
    if (error instanceof SyntaxError && url.startsWith("file:")) runtime.placeSyntaxError?.(error, fileURLToPath(url));
    throw error;
  }
}

/** A package as the application's own modules would see it, not as tsgi's would. */
function packageUrl(name: string): string {
  try {
    const found = createRequire(pathToFileURL(`${process.cwd()}/application`)).resolve(name);
    return found.startsWith("/") ? pathToFileURL(found).href : found;
  } catch {
    return name; // The import says what is wrong, in the words that loading knows to explain.
  }
}

function resolve(path: string): string {
  if (path === inside()?.module) return INSIDE;
  if (/^file:/i.test(path)) return path;
  return new URL(pathToFileURL(path.startsWith("/") ? path : `${process.cwd()}/${path}`)).href;
}

function exists(url: string): boolean {
  if (url === INSIDE) return true;
  return statSync(fileURLToPath(url), { throwIfNoEntry: false })?.isFile() ?? false;
}
