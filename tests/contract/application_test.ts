import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { AppLoadError, loadApplication } from "../../core/arbiter/application.ts";
import { loader } from "../../runtimes/loader.ts";

const directory = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "application_")));
const before = process.cwd();
process.chdir(directory);
after(() => {
  process.chdir(before);
  fs.rmSync(directory, { recursive: true });
});
// With a node_modules directory Bun looks for no package in the registry.
fs.mkdirSync(join(directory, "node_modules", "installed"), { recursive: true });
write("node_modules/installed/package.json", '{ "name": "installed", "version": "1.0.0", "type": "module", "exports": { "./site": "./site.js" } }');
write("node_modules/installed/site.js", "export const app = () => ['installed'];");

let files = 0;

function write(name: string, source: string): string {
  fs.writeFileSync(join(directory, name), source);
  return name;
}

/** A module of its own for each test: imports are kept. */
function module(source: string, extension = ".ts"): string {
  return write(`app_${++files}${extension}`, source);
}

function load(uri: string) {
  return loadApplication(uri, loader);
}

async function refusal(uri: string): Promise<AppLoadError> {
  const error = await load(uri).then(() => assert.fail("it was loaded"), (error: unknown) => error);
  assert.ok(error instanceof AppLoadError, String(error));
  assert.doesNotMatch(error.message, /[\n\x1b]/);
  assert.doesNotMatch(error.detail ?? "", /\x1b/);
  return error;
}

test("loadApplication() imports TypeScript, with what types cannot be erased from", async () => {
  const name = module(`
    enum Kind { A = "a" }
    interface Environ { readonly PATH_INFO: string }
    export default function application({ PATH_INFO }: Environ): string[] { return [PATH_INFO + Kind.A]; }
    export function startup(): void {}
  `);
  const loaded = await load(name);
  assert.ok(loaded.kind === "tsgi");
  assert.deepEqual(loaded.app({ PATH_INFO: "/" } as never, (() => {}) as never), ["/a"]);
  assert.equal(typeof loaded.startup, "function");
});

test("loadApplication() imports by absolute path, by file: URL, without the ending, and from a directory with odd characters", async () => {
  fs.mkdirSync(join(directory, "a b#é%20"));
  const name = write("a b#é%20/app.ts", "export const app = () => [];");
  for (const uri of [name, `./${name}`, join(directory, name), "a b#é%20/app", `${pathToFileURL(join(directory, name)).href}:app`]) {
    assert.equal((await load(uri)).kind, "tsgi", uri);
  }
});

test("loadApplication() imports a package from the application's directory", async () => {
  assert.equal((await load("installed/site")).kind, "tsgi");
  assert.equal((await refusal("absent_package/site")).message, "Cannot load absent_package/site: no such file, and no such package");
});

test("loadApplication() imports CommonJS, plain and compiled from a default export", async () => {
  assert.equal((await load(module("module.exports = () => [];", ".cjs"))).kind, "tsgi");
  const compiled = 'Object.defineProperty(exports, "__esModule", { value: true }); exports.default = { fetch() {} };';
  assert.equal((await load(module(compiled, ".cjs"))).kind, "fetch");
});

test("loadApplication() says where a syntax error is", async () => {
  const name = module("const a: number = ;\nexport default a;\n");
  const error = await refusal(name);
  assert.ok(error.message.startsWith(`Cannot load ${name}: syntax error at ${name}:1:19: `), error.message);
  assert.equal(error.exitCode, 3);
  const redeclared = module("const a = 1;\nlet a = 2;\nexport default a;\n");
  const { message } = await refusal(redeclared);
  assert.ok(message.startsWith(`Cannot load ${redeclared}: syntax error at ${redeclared}:2:5: `), message);
  assert.match(message, /"a"|'a'/);
});

test("loadApplication() says where the first of several syntax errors is", async () => {
  const name = module("export const a = 1;\n\nexport default function ( {\n  const x = ;\n}\n");
  const { message } = await refusal(name);
  assert.match(message, new RegExp(`^Cannot load ${name}: syntax error at ${name}:4:9: .+`));
});

test("loadApplication() names the imported file that a syntax error is in", async () => {
  const inner = module("export const = 1;");
  const name = module(`export { a as default } from "./${inner}";`);
  const { message } = await refusal(name);
  assert.ok(message.startsWith(`Cannot load ${name}: syntax error at ${join(directory, inner)}:1:14: `), message);
});

test("loadApplication() names an imported module that is missing, and who imports it", async () => {
  const relative = module('import x from "./absent.ts";\nexport default x;');
  assert.match((await refusal(relative)).message, new RegExp(`^Cannot load ${relative}: no such module \\S*/absent\\.ts, imported at ${relative}(:1:15)?$`));
  const bare = module('import x from "absent-package";\nexport default x;');
  assert.match((await refusal(bare)).message, new RegExp(`^Cannot load ${bare}: no such module absent-package, imported at ${bare}(:1:15)?$`));
  const builtin = module('import "node:nothing";');
  assert.match((await refusal(builtin)).message, new RegExp(`^Cannot load ${builtin}: no such module node:nothing, imported at ${builtin}(:1:8)?$`));
  const required = module('require("./absent.cjs");', ".cjs");
  assert.match((await refusal(required)).message, new RegExp(`^Cannot load ${required}: no such module \\S*absent\\.cjs`));
});

test("loadApplication() names an imported export that is missing", async () => {
  const inner = module("export const a = 1;");
  const named = module(`import { b } from "./${inner}";\nexport default b;`);
  assert.match((await refusal(named)).message, new RegExp(`^Cannot load ${named}: module \\S*/${inner} has no export "b"`));
  const fallback = module(`import b from "./${inner}";\nexport default b;`);
  assert.match((await refusal(fallback)).message, new RegExp(`^Cannot load ${fallback}: module \\S*/${inner} has no export "default"`));
});

test("loadApplication() gives what the module threw, and the application's part of the stack", async () => {
  const name = module(`function connect(): never {\n  throw new Error("no database\\nat all", { cause: new RangeError("port 0") });\n}\nconnect();\n`);
  const { message, exitCode, detail } = await refusal(name);
  assert.deepEqual([message, exitCode], [`Cannot load ${name}: it threw Error: no database`, 3]);
  assert.match(detail!, new RegExp(`^Error: no database\nat all\n +at connect \\(.*${name}:2:\\d+\\)`));
  assert.match(detail!, new RegExp(`\nCaused by: RangeError: port 0\n +at connect \\(.*${name}:2:\\d+\\)`));
  const nameless = module("[1].map(() => { throw new Error(String(1)); });");
  assert.match((await refusal(nameless)).detail!, new RegExp(`${nameless}:1:\\d+\\)?\n[^\n]+${nameless}:1:\\d+\\)?$`), "both frames, and map between them not");
  const json = module('JSON.parse("{");');
  const thrown = await refusal(json);
  assert.match(thrown.message, /: it threw SyntaxError: /);
  for (const line of thrown.detail!.split("\n").slice(1)) assert.match(line, new RegExp(`${json}:1:`));
});

test("loadApplication() gives the stack of a factory without tsgi's frames", async () => {
  const name = module('export async function create() {\n  throw new Error("no secret");\n}');
  const { message, exitCode, detail } = await refusal(`${name}:create()`);
  assert.deepEqual([message, exitCode], [`Cannot load ${name}:create(): create() threw Error: no secret`, 3]);
  assert.match(detail!, new RegExp(`${name}:2:`));
  assert.doesNotMatch(detail!, /core.arbiter.application\.ts/);
});

test("loadApplication() does not take what is no module for an application", async () => {
  assert.equal((await refusal("absent.ts")).message, "Cannot load absent.ts: no such file");
  fs.mkdirSync(join(directory, "dir"));
  assert.equal((await refusal("./dir")).exitCode, 3);
  assert.match((await refusal("file://elsewhere/app.ts")).message, /^Cannot load file:\/\/elsewhere\/app\.ts: /);
  assert.equal((await refusal(`${"x".repeat(300)}.ts`)).exitCode, 3);
  assert.equal((await refusal(module('{"a": 1}', ".json"))).message.startsWith("Cannot load app_"), true);
});
