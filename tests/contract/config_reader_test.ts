import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { ConfigReader } from "../../core/settings/config_file.ts";
import { configReader } from "../../runtimes/files.ts";

const reader: ConfigReader = configReader;

async function inDirectory(name: string, body: (directory: string) => Promise<void>): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), "tsgi-reader-"));
  const directory = join(base, name);
  mkdirSync(directory);
  try {
    await body(directory);
  } finally {
    rmSync(base, { recursive: true });
  }
}

async function explained(path: string): Promise<{ readonly message: string; readonly place?: string }> {
  try {
    await reader.importModule(path);
  } catch (error) {
    return reader.explain(error, path);
  }
  assert.fail("imported");
}

test("ConfigReader.importModule() gives the file as it is now, every time", async () => {
  for (const name of ["plain", "with space", "per%41cent", "ha#sh"]) {
    await inDirectory(name, async (directory) => {
      for (const file of ["a.ts", "b.js", "c.mjs"]) {
        const path = join(directory, file);
        for (let n = 1; n <= 3; n++) {
          writeFileSync(path, `export default { n: ${n} };`);
          assert.deepEqual((await reader.importModule(path)).default, { n }, `${path} ${n}`);
        }
      }
    });
  }
});

test("ConfigReader.importModule() sees a change behind a link, and a link that points elsewhere", async () => {
  await inDirectory("d", async (directory) => {
    const [link, first, second] = ["link.ts", "first.ts", "second.ts"].map((file) => join(directory, file)) as [string, string, string];
    symlinkSync(first, link);
    writeFileSync(first, "export default 1;");
    assert.equal((await reader.importModule(link)).default, 1);
    writeFileSync(first, "export default 2;");
    assert.equal((await reader.importModule(link)).default, 2);
    writeFileSync(second, "export default 3;");
    rmSync(link);
    symlinkSync(second, link);
    assert.equal((await reader.importModule(link)).default, 3);
  });
});

test("ConfigReader.importModule() recovers from a file that was broken", async () => {
  await inDirectory("d", async (directory) => {
    const path = join(directory, "c.ts");
    writeFileSync(path, "export default { a: 1");
    await assert.rejects(reader.importModule(path));
    writeFileSync(path, "throw new Error('later')");
    await assert.rejects(reader.importModule(path));
    writeFileSync(path, "const n: number = 2;\nexport default { n };");
    assert.deepEqual((await reader.importModule(path)).default, { n: 2 });
  });
});

test("ConfigReader.explain() says in one line what is wrong and where", async () => {
  for (const name of ["a b", "x%41y"]) await inDirectory(name, async (directory) => {
    const path = join(directory, "c.ts");
    writeFileSync(path, "const a = 1;\nconst b: number = ;\n");
    const syntax = await explained(path);
    assert.match(syntax.place ?? "", /^c\.ts:2:\d+$/);

    writeFileSync(path, "const a = 1;\n\nthrow new Error(`no ${a}\\nat all`);\n");
    const thrown = await explained(path);
    assert.equal(thrown.message, "no 1");
    assert.match(thrown.place ?? "", /^c\.ts:3:\d+$/);

    writeFileSync(path, "throw 'text'");
    assert.deepEqual(await explained(path), { message: "text" });

    writeFileSync(path, "import './other.ts';\nexport default {};\n");
    writeFileSync(join(directory, "other.ts"), "let x = 1;\nlet y = ;\n");
    const other = await explained(path);
    assert.ok(other.place?.startsWith(`${directory}/other.ts`), String(other.place));
    assert.match(other.place ?? "", /^\/.*\/other\.ts:2:\d+$/);

    writeFileSync(path, "import './missing.ts';\nexport default {};\n");
    const missing = await explained(path);
    assert.match(missing.message, /missing\.ts/);

    for (const { message } of [syntax, thrown, other, missing]) assert.doesNotMatch(message, /\n|\x1b|tsgi=|:\d+:\d+$/);
  });
});

test("ConfigReader.explain() reads a place through the colours that Deno writes", () => {
  const error = new TypeError('Module not found "file:///x/a.ts".\n    at \x1b[36mfile:///x/c.ts?tsgi=5\x1b[0m:\x1b[33m1\x1b[0m:\x1b[33m8\x1b[0m');
  assert.deepEqual(reader.explain(error, "/x/c.ts"), { message: 'Module not found "file:///x/a.ts".', place: "c.ts:1:8" });
});

test("ConfigReader.explain() places an error of JSON.parse where the engine tells", () => {
  try {
    JSON.parse('{\n  "a": 1,\n}');
  } catch (error) {
    const { message, place } = reader.explain(error, "/x/c.json");
    assert.match(message, /JSON/);
    assert.doesNotMatch(message, /line \d/);
    if (place !== undefined) assert.match(place, /^c\.json:3:\d+$/);
  }
});

test("ConfigReader.exists() and readText() see files", async () => {
  await inDirectory("d", async (directory) => {
    const path = join(directory, "c.json");
    assert.equal(reader.exists(path), false);
    await assert.rejects(reader.readText(path));
    writeFileSync(path, '{"name":"ä"}');
    assert.equal(reader.exists(path), true);
    assert.equal(reader.exists(directory), true);
    assert.equal(await reader.readText(path), '{"name":"ä"}');
  });
});
