/** What is in the npm package, and what its judges say about it. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { command, pack } from "./packed.ts";
import { root } from "./server.ts";

const bin = join(root, "node_modules/.bin");
const { tarball, project, remove } = pack();
after(remove);

test("the package has what it needs, and no more", () => {
  const installed = join(project, "node_modules/tsgi");
  const files = readdirSync(installed, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const top = new Set(files.map((file) => file.slice(installed.length + 1).split("/")[0]));
  assert.deepEqual([...top].sort(), ["CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md", "SETTINGS.md", "SIGNALS.md", "SPEC.md", "bin", "dist", "package.json"]);
  assert.deepEqual(files.filter((file) => /_test\.|(?<!\.d)\.ts$/.test(file)), []);
  assert.ok(readFileSync(tarball).length < 430_000, "it is to stay a small download");
  const declarations = files.filter((file) => file.endsWith(".d.ts"));
  const withoutComments = (file: string) => readFileSync(file, "utf8").replace(/\/\*[^]*?\*\/|"(?:[^"\\\n]|\\.)*"/g, "");
  assert.deepEqual(declarations.filter((file) => /\b(?:Deno|Bun)\b/.test(withoutComments(file))), [], "types that name a runtime need its types");
});

test("the published types are right for those who have neither Deno's nor Bun's", () => {
  writeFileSync(join(project, "use.ts"), 'import { type App, compose, VERSION } from "tsgi";\nimport { staticFiles } from "tsgi/static_files";\nconst app: App = () => [VERSION];\nexport default compose(staticFiles({ "/": "." }))(app);\n');
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify({
    compilerOptions: { module: "nodenext", target: "esnext", lib: ["esnext", "dom", "dom.iterable", "dom.asynciterable"], types: [], strict: true, noEmit: true, skipLibCheck: false },
    files: ["use.ts"],
  }));
  assert.equal(command(project, join(bin, "tsc"), "-p", "."), "");
});

test("publint and attw find no fault with the package", () => {
  assert.match(command(root, join(bin, "publint"), "run", tarball, "--strict"), /All good!/);
  // It fails where there is a problem.
  assert.match(command(root, join(bin, "attw"), tarball, "--profile", "esm-only", "--no-color"), /"tsgi"/);
});

test("deno publish would take it: no slow types, no import that JSR cannot have", () => {
  command(root, join(bin, "deno"), "publish", "--dry-run", "--allow-dirty");
});
