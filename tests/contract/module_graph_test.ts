import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { expand } from "../../runtimes/glob_walk.ts";
import { moduleGraph, specifiers } from "../../runtimes/module_graph.ts";

/** Calls `use` with a folder of `files`; what it returns is without the folder's path. */
function inFolder(files: Readonly<Record<string, string>>, use: (folder: string) => Iterable<string>): string[] {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "tsgi-graph-")));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    return [...use(folder)].map((path) => path.slice(folder.length + 1)).sort();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const graphOf = (files: Readonly<Record<string, string>>) => inFolder({ "deno.json": "{}", ...files }, (folder) => moduleGraph(join(folder, "app.ts")));

test("specifiers() finds every way to import", () => {
  const text = `
    import a from "./a.ts"; import"./b.ts"; import * as c from './c.ts';
    export * from "./d.ts"; export { e } from "./e.ts";
    import type { F } from "./f.ts";
    import {
      g,
    } from "./g.ts";
    const h = await import("./h.ts"); const i = require('./i.cjs');
    new Worker(new URL("./j.ts", import.meta.url)); new URL("./not.ts", base); import.meta.resolve; from; "./no.ts";
  `;
  assert.deepEqual(specifiers(text), ["./a.ts", "./b.ts", "./c.ts", "./d.ts", "./e.ts", "./f.ts", "./g.ts", "./h.ts", "./i.cjs", "./j.ts"]);
});

test("moduleGraph() follows imports through files with syntax errors, in circles, and to what is missing", () => {
  const found = graphOf({
    "app.ts": `import "./lib/a.ts"; import "node:fs"; import "npm:x"; import "https://example.com/x.ts"; import data from "./data.json";`,
    "lib/a.ts": `import "../app.ts"; import "./b.ts?v=1"; export const = "broken`,
    "lib/b.ts": `import "./missing.ts"; import "./with%20blank.ts";`,
    "lib/with blank.ts": "",
    "data.json": `{}`,
    "unused.ts": "",
  });
  assert.deepEqual(found, ["app.ts", "data.json", "deno.json", "lib/a.ts", "lib/b.ts", "lib/missing.ts", "lib/with blank.ts"]);
});

test("moduleGraph() finds what Bun finds without an extension, and TypeScript where JavaScript is named", () => {
  const files = { "app.ts": `import "./a"; import "./dir"; import "./b.js";`, "a.tsx": "", "dir/index.ts": "", "b.ts": "" };
  assert.deepEqual(graphOf(files), ["a.tsx", "app.ts", "b.ts", "deno.json", "dir/index.ts"]);
});

test("moduleGraph() goes through an import map, also one with comments", () => {
  const found = inFolder({
    "deno.jsonc": `{ // ours\n "imports": { "lib": "./src/lib.ts", "#/": "./src/", "#/deep/": "./deep/", "std": "jsr:@std/x", }, /* end */ }`,
    "src/app.ts": `import "lib"; import "#/x.ts"; import "#/deep/y.ts"; import "std";`,
    "src/lib.ts": "", "src/x.ts": "", "deep/y.ts": "",
  }, (folder) => moduleGraph(join(folder, "src/app.ts")));
  assert.deepEqual(found, ["deep/y.ts", "deno.jsonc", "src/app.ts", "src/lib.ts", "src/x.ts"]);
});

test("moduleGraph() leaves packages out, but not those of a workspace", () => {
  const found = inFolder({
    "package.json": `{}`,
    "app.ts": `import "foreign"; import "ours"; import "./node_modules/foreign/index.js";`,
    "node_modules/foreign/package.json": `{ "name": "foreign", "main": "index.js" }`,
    "node_modules/foreign/index.js": "",
    "packages/ours/package.json": `{ "name": "ours", "main": "main.js" }`,
    "packages/ours/main.js": `require("./inner.js")`,
    "packages/ours/inner.js": "",
  }, (folder) => {
    symlinkSync(join(folder, "packages/ours"), join(folder, "node_modules/ours"));
    return moduleGraph(join(folder, "app.ts"));
  });
  assert.deepEqual(found, ["app.ts", "package.json", "packages/ours/inner.js", "packages/ours/main.js"]);
});

test("expand() finds the files of a pattern, without those that begin with a dot and without packages", () => {
  const files = Object.fromEntries(["a.html", "b.txt", ".c.html", "t/d.html", "t/u/e.html", "t/.git/f.html", "node_modules/p/g.html"].map((path) => [path, ""]));
  const expanded = (pattern: string) => inFolder(files, (folder) => expand(join(folder, pattern)).files);
  assert.deepEqual(expanded("*.html"), ["a.html"]);
  assert.deepEqual(expanded("**/*.html"), ["a.html", "t/d.html", "t/u/e.html"]);
  assert.deepEqual(expanded("*/*.html"), ["t/d.html"]);
  assert.deepEqual(expanded("t/**"), ["t/d.html", "t/u/e.html"]);
  assert.deepEqual(expanded("**/e.html"), ["t/u/e.html"]);
  assert.deepEqual(expanded(".*.html"), [".c.html"]);
  assert.deepEqual(expanded("nowhere/*.html"), []);
});

test("expand() names the directories in which more files may appear", () => {
  const directories = inFolder({ "t/u/e.html": "", "t/.git/x": "" }, (folder) => expand(join(folder, "t/**/*.html")).directories);
  assert.deepEqual(directories, ["t", "t/u"]);
});
