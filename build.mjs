// Makes dist/, what npm publishes: a module of JavaScript for every source file, and the types of what package.json exports.
//
// The JavaScript has no comments and no long local names, but it stays one file for each source, and functions and classes keep their
// names: a stack says where something happened as the source would. Nothing is inlined, since that would make another program of it.
// The types are what an export leads to (build_types.mjs).
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { minify } from "terser";
import { pruneTypes } from "./build_types.mjs";

const root = fileURLToPath(new URL(".", import.meta.url));
const dist = join(root, "dist");
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

const NAMES = { keep_fnames: true, keep_classnames: true };
const OPTIONS = {
  module: true,
  compress: { ...NAMES, ecma: 2020, inline: false, reduce_funcs: false, reduce_vars: false, collapse_vars: false, hoist_props: false },
  mangle: NAMES,
  format: { ecma: 2020 },
};

rmSync(dist, { recursive: true, force: true });
compile("--removeComments");
writeFileSync(join(dist, "library.js"), library(readFileSync(join(dist, "mod.js"), "utf8")));
for (const path of built(".js")) writeFileSync(path, (await minify(withoutHelper(readFileSync(path, "utf8")), OPTIONS)).code);
compile("--declaration", "--emitDeclarationOnly");
const types = pruneTypes(Object.values(exports).flatMap((conditions) => (conditions.types === undefined ? [] : join(root, conditions.types))));
for (const path of built(".d.ts")) {
  if (types.has(path)) writeFileSync(path, types.get(path));
  else rmSync(path);
}

function compile(...flags) {
  execFileSync(join(root, "node_modules/.bin/tsc"), ["-p", join(root, "tsconfig.build.json"), ...flags], { stdio: "inherit" });
}

function built(ending) {
  return readdirSync(dist, { recursive: true }).filter((entry) => entry.endsWith(ending)).map((entry) => join(dist, entry));
}

/** mod.ts without the command in it, which a bundler for the edge would follow into modules that only Bun or Deno has. */
function library(text) {
  const command = text.indexOf("if (import.meta.main)");
  if (command < 0) throw new Error("Cannot make dist/library.js: mod.ts does not end with `if (import.meta.main)`");
  return text.slice(0, command);
}

/** What tsc puts around an import that is computed: it would rename a relative path, and those here are absolute. */
function withoutHelper(text) {
  return text.replace(/^var __rewriteRelativeImportExtension = [^]*?^\};\n/m, "").replaceAll("__rewriteRelativeImportExtension(", "(");
}
