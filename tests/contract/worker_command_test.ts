import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { runtime } from "../../runtimes/current.ts";
import { workerCommand } from "../../runtimes/worker_command.ts";
import { start } from "./worker.ts";

const folder = mkdtempSync(join(tmpdir(), "tsgi-test-"));
after(() => rmSync(folder, { recursive: true }));

/** Runs a script that imports the module named in its environment, from `cwd`, as a worker; what it prints. */
async function run(directory: string, module: string, more: { readonly cwd?: string; readonly env?: Record<string, string> } = {}): Promise<string> {
  const script = fileURLToPath(new URL("children/importer.ts", import.meta.url));
  const env = { ...(process.env as Record<string, string>), TEST_MODULE: join(directory, module), ...more.env };
  const { command, args, env: clean } = workerCommand({ script, env, appDirectory: directory });
  const child = spawn(command, [...args], { env: clean, cwd: more.cwd ?? directory, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (data) => (output += data));
  child.stderr.on("data", (data) => (output += data));
  await once(child, "close");
  return output.trim();
}

function write(files: Record<string, string>): string {
  const directory = mkdtempSync(join(folder, "app-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
  return directory;
}

const dep = { "node_modules/dep/package.json": '{"name":"dep","version":"1.0.0","type":"module","exports":"./main.js"}', "node_modules/dep/main.js": 'export default "a package"' };

test("workerCommand() gives the application its import map, also from a folder below", { skip: runtime.name !== "deno" }, async () => {
  for (const name of ["deno.json", "deno.jsonc"]) {
    const directory = write({ [name]: '{"imports":{"greeting":"./greeting.ts"}}', "greeting.ts": 'export default "mapped"', "src/app.ts": 'export { default } from "greeting"' });
    assert.equal(await run(join(directory, "src"), "app.ts", { cwd: "/" }), "mapped");
  }
});

test("workerCommand() gives the application its packages", async () => {
  const app = { "src/app.ts": 'export { default } from "dep"', "package.json": '{"dependencies":{"dep":"1.0.0"}}', ...dep };
  assert.equal(await run(join(write(app), "src"), "app.ts", { cwd: "/" }), "a package");
  assert.equal(await run(join(write({ ...app, "deno.json": "{}" }), "src"), "app.ts", { cwd: "/" }), "a package");
});

test("workerCommand() gives an application without any configuration none of ours", async () => {
  assert.equal(await run(write({ "app.ts": 'const text: string = "alone"; export default text' }), "app.ts"), "alone");
});

test("workerCommand() keeps what lies in the current or home directory out of workers", async () => {
  const directory = write({
    "app.ts": 'import process from "node:process"; export default String(process.env.FROM_DOTENV)',
    "preload.ts": 'console.log("preloaded")',
    ".env": "FROM_DOTENV=loaded",
  });
  const preload = `preload = ["${join(directory, "preload.ts")}"]`;
  for (const name of ["bunfig.toml", ".bunfig.toml"]) writeFileSync(join(directory, name), preload);
  const env = { HOME: directory, XDG_CONFIG_HOME: directory, BUN_OPTIONS: `--preload=${join(directory, "preload.ts")}` };
  assert.equal(await run(directory, "app.ts", { env }), "undefined");
});

/** What a worker's allocator is told. */
const own = runtime.name === "bun" ? { MIMALLOC_PURGE_DELAY: "1000" } : {};

test("workerCommand() has Bun's allocator keep freed memory for a second, unless it was told something else", () => {
  const env = { PATH: "/bin" };
  assert.deepEqual(workerCommand({ script: "x.ts", env, appDirectory: folder }).env, { ...own, ...env });
  assert.equal(workerCommand({ script: "x.ts", env: { ...env, MIMALLOC_PURGE_DELAY: "5" }, appDirectory: folder }).env.MIMALLOC_PURGE_DELAY, "5");
});

test("workerCommand() scrubs what would steer the native server, and nothing else", () => {
  const steering = ["DENO_SERVE_ADDRESS", "DENO_SERVE_AUTOMATIC_COMPRESSION", "BUN_OPTIONS", "BUN_INSPECT", "NODE_OPTIONS"];
  const { env } = workerCommand({ script: "x.ts", env: { ...Object.fromEntries(steering.map((name) => [name, "x"])), PATH: "/bin", DENO_DIR: "/d" }, appDirectory: folder });
  assert.deepEqual(env, { ...own, PATH: "/bin", DENO_DIR: "/d" });
});

test("setTitle() shows in ps, as long as the command line was, and costs the program nothing", async () => {
  const worker = await start();
  const before = await worker.order("arguments");
  for (const text of ["tsgi: worker [a fairly long title of an app]", "tsgi: short"]) {
    await worker.order("title", { text });
    assert.equal(readFileSync(`/proc/${worker.pid}/cmdline`, "utf8").replaceAll("\0", " ").trim(), text);
    assert.equal(readFileSync(`/proc/${worker.pid}/comm`, "utf8").trim(), text.slice(0, 15).trim());
  }
  assert.deepEqual(await worker.order("arguments"), before);
  await worker.end();
});
