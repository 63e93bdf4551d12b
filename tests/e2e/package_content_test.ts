/** What is in the npm package, and what its judges say about it. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, realpathSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { command, pack } from "./packed.ts";
import { root } from "./server.ts";

/** Bytes: what there is, and room for a page or two. */
const MOST_UNPACKED = 950_000;
const MOST_PACKED = 360_000;
const MOST_AT_THE_EDGE = 65_000;

const bin = join(root, "node_modules/.bin");
const { tarball, project, remove } = pack();
after(remove);

test("the package has what it needs, and no more", () => {
  const installed = join(project, "node_modules/tsgi");
  const files = readdirSync(installed, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const top = new Set(files.map((file) => file.slice(installed.length + 1).split("/")[0]));
  assert.deepEqual([...top].sort(), ["CHANGELOG.md", "LICENSE", "README.md", "bin", "dist", "package.json"]);
  assert.deepEqual(files.filter((file) => /_test\.|(?<!\.d)\.ts$/.test(file)), []);
  const unpacked = files.reduce((sum, file) => sum + statSync(file).size, 0);
  assert.ok(unpacked < MOST_UNPACKED, `it is to stay small: ${unpacked} bytes`);
  assert.ok(readFileSync(tarball).length < MOST_PACKED, "it is to stay a small download");
  const declarations = files.filter((file) => file.endsWith(".d.ts"));
  const withoutComments = (file: string) => readFileSync(file, "utf8").replace(/\/\*[^]*?\*\/|"(?:[^"\\\n]|\\.)*"/g, "");
  assert.deepEqual(declarations.filter((file) => /\b(?:Deno|Bun)\b/.test(withoutComments(file))), [], "types that name a runtime need its types");
});

test("the published types are right for those who have neither Deno's nor Bun's", () => {
  writeFileSync(join(project, "use.ts"), 'import { type App, compose, defineConfig, type Given, VERSION } from "tsgi";\nimport { staticFiles } from "tsgi/static_files";\nconst app: App = () => [VERSION];\nexport default compose(staticFiles({ "/": "." }))(app);\n' +
    'export const given: Given = { workers: "auto", timeout: "10m", bind: ["unix:/run/app.sock"], logLevel: "debug", pidfile: null };\ndefineConfig({ ...given, env: { A: "b" } });\n' +
    '// @ts-expect-error A choice has its words.\ndefineConfig({ logLevel: "loud" });\n// @ts-expect-error A command is no setting.\ndefineConfig({ help: true });\n');
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({
    compilerOptions: { module: "nodenext", target: "esnext", lib: ["esnext", "dom", "dom.iterable", "dom.asynciterable"], types: [], strict: true, noEmit: true, skipLibCheck: false },
    files: ["use.ts"],
  }));
  assert.equal(command(project, join(bin, "tsc"), "-p", "."), "");
});

test("the published types of every export are whole", () => {
  mkdirSync(join(project, "node_modules/@types"), { recursive: true });
  for (const name of ["@types/node", "hono"]) symlinkSync(realpathSync(join(root, "node_modules", name)), join(project, "node_modules", name));
  const { exports } = JSON.parse(readFileSync(join(project, "node_modules/tsgi/package.json"), "utf8")) as { exports: Record<string, unknown> };
  const names = Object.keys(exports).filter((name) => name !== "./package.json");
  writeFileSync(join(project, "all.ts"), names.map((name, n) => `export * as e${n} from "tsgi${name.slice(1)}";\n`).join(""));
  assert.equal(command(project, join(bin, "tsc"), "all.ts", "--ignoreConfig", "--module", "nodenext", "--target", "esnext", "--types", "node", "--strict", "--noEmit"), "");
});

test("what imports toFetch from tsgi is bundled for the edge without the server, and without a module of a runtime's", () => {
  writeFileSync(join(project, "edge.ts"), 'import { toFetch } from "tsgi";\nexport default { fetch: toFetch(() => []) };\n');
  command(project, join(bin, "bun"), "build", "edge.ts", "--target=browser", "--outfile=edge.js", "--metafile=edge.json");
  const { inputs } = JSON.parse(readFileSync(join(project, "edge.json"), "utf8")) as { inputs: Record<string, unknown> };
  assert.deepEqual(Object.keys(inputs).filter((path) => path.includes("/dist/runtimes/")), []);
  const text = readFileSync(join(project, "edge.js"), "utf8");
  assert.doesNotMatch(text, /["'](?:node|bun):/);
  assert.ok(text.length < MOST_AT_THE_EDGE, `it is to start fast: ${text.length} bytes`);
});

test("publint and attw find no fault with the package", () => {
  assert.match(command(root, join(bin, "publint"), "run", tarball, "--strict"), /All good!/);
  // It fails where there is a problem.
  assert.match(command(root, join(bin, "attw"), tarball, "--profile", "esm-only", "--no-color"), /"tsgi"/);
});

test("deno publish would take it: no slow types, no import that JSR cannot have", () => {
  command(root, join(bin, "deno"), "publish", "--dry-run", "--allow-dirty");
});
