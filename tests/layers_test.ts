/** The arrows of the house: examples, tests -> mod.ts -> runtimes -> core <- adapters. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const root = new URL("../", import.meta.url);

function sources(folder: string): string[] {
  if (!existsSync(new URL(folder, root))) return [];
  return readdirSync(new URL(folder, root), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(root.pathname.length))
    .filter((path) => !path.includes("node_modules"));
}

/** The file's code without comments and string contents that are not imports. */
function code(path: string): string {
  return readFileSync(new URL(path, root), "utf8").replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
}

function imports(path: string): string[] {
  return [...code(path).matchAll(/(?:from\s+|import\s*\(\s*|import\s+)["']([^"']+)["']/g)].map((m) => m[1] ?? "");
}

/** The folder or root file that a relative import leads to. */
function target(path: string, specifier: string): string {
  if (!specifier.startsWith(".")) return specifier;
  return new URL(specifier, new URL(path, root)).pathname.slice(root.pathname.length).split("/")[0] ?? "";
}

function offenders(folder: string, allowed: (where: string, path: string) => boolean): string[] {
  return sources(folder).flatMap((path) => imports(path).filter((s) => !allowed(target(path, s), path)).map((s) => `${path} imports ${s}`));
}

test("core imports core and nothing else", () => {
  assert.deepEqual(offenders("core", (where) => where === "core"), []);
});

test("core names no runtime", () => {
  const found = sources("core").filter((path) => /\b(?:Deno|Bun|process|Buffer|require|__dirname)\b\s*(?:\.(?!ts")|[(\[])/.test(code(path)));
  assert.deepEqual(found, []);
});

test("adapters import core, and each its one foreign interface", () => {
  assert.deepEqual(offenders("adapters", (where) => where === "core" || where === "adapters" || !where.includes(".")), []);
});

test("runtimes import core and what the runtime brings", () => {
  assert.deepEqual(offenders("runtimes", (where) => where === "core" || where === "runtimes" || /^(?:node:|bun:)/.test(where)), []);
});

test("only runtimes/deno.ts and runtimes/bun.ts ask which runtime it is", () => {
  const own = new Set(["runtimes/deno.ts", "runtimes/bun.ts"]);
  const found = sources("runtimes").filter((path) => !own.has(path) && /\b(?:Deno|Bun)\b\s*[.]/.test(code(path)));
  assert.deepEqual(found, []);
});

test("mod.ts imports core and runtimes, and the installed server no package", () => {
  const found = imports("mod.ts").map((s) => target("mod.ts", s)).filter((where) => where !== "core" && where !== "runtimes");
  assert.deepEqual(found, []);
});

test("no file is a drawer", () => {
  const drawers = /(?:^|\/)(?:utils?|helpers?|common|index|misc)\.ts$/;
  assert.deepEqual(["core", "runtimes", "adapters", "tests", "examples"].flatMap(sources).filter((path) => drawers.test(path)), []);
});
