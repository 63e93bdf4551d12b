/** What package.json, deno.json and tsconfig.json say twice, they say alike. `REWRITE=1` makes package.json and tsconfig.json follow deno.json. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { VERSION } from "../core/version.ts";

type Json = Record<string, unknown>;

const url = (name: string) => new URL(`../${name}`, import.meta.url);
const json = (name: string) => JSON.parse(readFileSync(url(name), "utf8")) as Json;
const exports = Object.entries(json("deno.json").exports as Record<string, string>);
const importName = (name: string) => `tsgi${name.slice(1)}`;

function follows(name: string, change: (file: Json) => void): void {
  const file = json(name);
  change(file);
  const text = `${JSON.stringify(file, null, 2)}\n`;
  if (process.env.REWRITE) writeFileSync(url(name), text);
  assert.equal(readFileSync(url(name), "utf8"), text, `${name} is stale: run this test with REWRITE=1`);
}

test("package.json exports what deno.json exports, compiled", () => {
  for (const [, path] of exports) assert.ok(existsSync(url(path)), path);
  follows("package.json", (file) => {
    const compiled = exports.map(([name, path]) => {
      const place = `./dist/${path.slice(2).replace(/\.ts$/, "")}`;
      // Imported, the package is never the command (build.mjs).
      return [name, { types: `${place}.d.ts`, default: name === "." ? "./dist/library.js" : `${place}.js` }];
    });
    file.exports = { ...Object.fromEntries(compiled), "./package.json": "./package.json" };
  });
});

test("in this repository the package's names lead to its sources", () => {
  const sources = exports.map(([name, path]) => [importName(name), path] as const);
  follows("deno.json", (file) => void (file.imports = Object.fromEntries(sources)));
  follows("tsconfig.json", (file) => {
    (file.compilerOptions as Json).paths = Object.fromEntries(sources.map(([name, path]) => [name, [path]]));
  });
});

test("VERSION is the version of package.json, package-lock.json and deno.json", () => {
  follows("package.json", (file) => void (file.version = VERSION));
  follows("deno.json", (file) => void (file.version = VERSION));
  const lock = json("package-lock.json") as { version: string; packages: Record<string, { version: string }> };
  assert.deepEqual([lock.version, lock.packages[""]!.version], [VERSION, VERSION]);
  assert.match(readFileSync(url("CHANGELOG.md"), "utf8"), new RegExp(`^## ${VERSION.replaceAll(".", "\\.")}$`, "m"));
});

test("the package needs nothing but a runtime", () => {
  const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = json("package.json");
  assert.deepEqual([dependencies, optionalDependencies], [undefined, undefined]);
  const optional = Object.entries(peerDependenciesMeta as Record<string, { optional: boolean }>).filter(([, meta]) => meta.optional).map(([name]) => name);
  assert.deepEqual(Object.keys(peerDependencies as Json), optional);
});

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

const lock = json("package-lock.json") as { readonly lockfileVersion: number; readonly packages: Readonly<Record<string, Locked>> };
const packages = Object.entries(lock.packages).filter(([path]) => path !== "");

test("package-lock.json asks for what package.json does, in exact versions", () => {
  const file = json("package.json");
  const root = lock.packages[""] as Json;
  for (const kind of ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "engines", "bin"]) assert.deepEqual(root[kind], file[kind], kind);
  for (const [name, version] of Object.entries(file.devDependencies as Record<string, string>)) {
    assert.match(version, /^\d+\.\d+\.\d+$/, `${name} is not pinned: ${version}`);
    assert.equal(lock.packages[`node_modules/${name}`]?.version, version, name);
  }
});

test("everything in package-lock.json is a release of the public registry with its hash, and is there for development only", () => {
  assert.equal(lock.lockfileVersion, 3);
  assert.ok(packages.length > 100, `${packages.length} packages`);
  for (const [path, { version, integrity, resolved, link, dev, devOptional }] of packages) {
    assert.match(path, /^node_modules\//, path);
    assert.match(version ?? "none", /^\d+\.\d+\.\d+/, path);
    // An alternate source (a URL, a repository, a folder) would stand here; without it npm takes the registry it is set to, and the hash decides.
    assert.deepEqual([resolved, link], [undefined, undefined], path);
    assert.match(integrity ?? "none", /^sha512-[A-Za-z0-9+/]{86}==$/, path);
    assert.ok(dev === true || devOptional === true, `${path} would be installed with tsgi`);
  }
});
