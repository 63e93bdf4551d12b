/** The npm package, started in every way there is. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { delimiter, join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { command, pack } from "./packed.ts";
import { childrenOf, curl, isAlive, root, Server, withServer } from "./server.ts";

const APP = `
import { compose } from "tsgi";
export default { fetch: () => new Response(typeof compose + " on " + ("Bun" in globalThis ? "bun" : "Deno" in globalThis ? "deno" : "node")) };
`;
/** Without an import: what runs tsgi from a cache has no package beside the application. */
const BARE_APP = 'export default { fetch: () => new Response("function on " + ("Bun" in globalThis ? "bun" : "Deno" in globalThis ? "deno" : "node")) };\n';

const bin = join(root, "node_modules/.bin");
const { folder, tarball, project, remove } = pack();
after(remove);
writeFileSync(join(project, "app.ts"), APP);

/** A PATH of what the tests need, whatever this machine has besides. */
const both = join(folder, "both");
const onlyNode = join(folder, "node");
const onlyOldNode = join(folder, "old");
const onlyBun = join(folder, "bun");
const node = realpathSync(join(bin, "node"));
/** A Node that tsgi does not run on, if this machine has one. */
const oldNode = (process.env.PATH ?? "").split(delimiter).map((directory) => join(directory, "node")).find((path) => existsSync(path) && majorOf(path) < 24);
const withOldNode = { skip: oldNode === undefined && "this machine has no Node that is too old" };
program(onlyNode, "node", node);
if (oldNode !== undefined) program(onlyOldNode, "node", oldNode);
program(both, "node", node);
for (const name of ["deno", "bun", "bunx"]) program(both, name, realpathSync(join(bin, name)));
for (const name of ["bun", "bunx"]) program(onlyBun, name, realpathSync(join(bin, name)));
const PATH = [both, ...(process.env.PATH ?? "").split(delimiter)].join(delimiter);

function majorOf(path: string): number {
  return Number(command(folder, path, "-p", "process.versions.node").split(".")[0]);
}

function program(directory: string, name: string, path: string): void {
  mkdirSync(directory, { recursive: true });
  symlinkSync(path, join(directory, name));
}

function descendants(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(descendants)];
}

async function answer(server: Server): Promise<string> {
  const [, port] = await server.logged(/Listening at: http:\/\/127\.0\.0\.1:(\d+)/);
  return curl(`http://127.0.0.1:${port}/`);
}

/** Waits until none of `pids` lives; those who do are killed, and the test fails. */
async function gone(pids: readonly number[]): Promise<void> {
  const end = performance.now() + 15_000;
  while (pids.some(isAlive) && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
  const orphans = pids.filter(isAlive).map((pid) => `${pid} ${readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim()}`);
  for (const pid of pids.filter(isAlive)) process.kill(pid, "SIGKILL");
  assert.deepEqual(orphans, []);
}

const WAYS: readonly (readonly [way: string, runtime: string])[] = [
  ["node_modules/.bin/tsgi", "node"],
  ["node_modules/.bin/tsgi --runtime bun", "bun"],
  ["node_modules/.bin/tsgi --runtime deno", "deno"],
  ["npx tsgi", "node"],
  ["npx tsgi --runtime=deno", "deno"],
  ["bunx tsgi", "bun"],
  ["bunx --bun tsgi", "bun"],
  ["deno run -A npm:tsgi", "deno"],
];

for (const [way, runtime] of WAYS) {
  test(`${way} serves on ${runtime}, and TERM leaves no process behind`, async () => {
    const server = new Server({ command: way.split(" "), args: ["app.ts", "-b", "127.0.0.1:0"], cwd: project, env: { PATH } });
    let pids: number[] = [];
    try {
      assert.equal(await answer(server), `function on ${runtime}`);
      pids = descendants(server.pid);
      assert.ok(pids.length >= 2);
      server.signal("TERM");
      await server.ended;
    } finally {
      await server.stop();
      await gone(pids);
    }
  });
}

for (const runtime of ["bun", "deno"]) {
  test(`the package serves with threads on ${runtime}`, async () => {
    await withServer({ command: ["node_modules/.bin/tsgi"], args: ["--runtime", runtime, "--threads", "2", "app.ts", "-b", "127.0.0.1:0"], cwd: project, env: { PATH } }, async (server) => {
      assert.equal(await answer(server), `function on ${runtime}`);
      await server.logged(/Using worker: gthread/);
      assert.doesNotMatch(server.log, /WARNING|ERROR/);
    });
  });
}

test("bunx tsgi serves where there is no node", async () => {
  await withServer({ command: [join(onlyBun, "bunx"), "tsgi"], args: ["app.ts", "-b", "127.0.0.1:0"], cwd: project, env: { PATH: onlyBun, TMPDIR: folder, BUN_TMPDIR: folder } }, async (server) => {
    assert.equal(await answer(server), "function on bun");
  });
});

test("a launcher's server stops when the launcher is killed", async () => {
  // A launcher that becomes the runtime, or serves itself, is the server: the kernel kills its workers, or they see that it is gone.
  const server = new Server({ command: ["node_modules/.bin/tsgi"], args: ["app.ts", "-b", "127.0.0.1:0"], cwd: project, env: { PATH } });
  await answer(server);
  const pids = descendants(server.pid);
  server.signal("KILL");
  await server.ended;
  await gone(pids);
});

test("a launcher passes signals on, and ends as the server ends", async () => {
  await withServer({ command: ["node_modules/.bin/tsgi"], args: ["app.ts", "-b", "127.0.0.1:0"], cwd: project, env: { PATH } }, async (server) => {
    await answer(server);
    server.signal("HUP");
    await server.logged(/Reloaded: generation 2/);
  });
  const failing = new Server({ command: ["node_modules/.bin/tsgi"], args: ["missing.ts", "-b", "127.0.0.1:0"], cwd: project, env: { PATH } });
  assert.deepEqual(await failing.ended, { code: 3, signal: null }, failing.log);
});

test("a launcher that finds no runtime says what to install", async () => {
  const server = new Server({ command: [join(project, "node_modules/.bin/tsgi")], args: ["app.ts", "--runtime", "deno"], cwd: project, env: { PATH: onlyNode } });
  assert.deepEqual(await server.ended, { code: 1, signal: null });
  assert.match(server.log, /Error: Cannot use --runtime deno: there is no deno in node_modules or PATH, run: npm install deno\n/);
});

test("a launcher under a Node that is too old hands over to bun, or says what to install", withOldNode, async () => {
  await withServer({ command: ["node_modules/.bin/tsgi"], args: ["app.ts", "-b", "127.0.0.1:0"], cwd: project, env: { PATH: `${onlyOldNode}${delimiter}${PATH}` } }, async (server) => {
    assert.equal(await answer(server), "function on bun");
    const pids = descendants(server.pid);
    server.signal("TERM");
    await server.ended;
    await gone(pids);
  });
  for (const [args, message] of [
    [[], /Error: Cannot start tsgi on Node [\d.]+: it is too old, and there is no bun or deno in node_modules or PATH, use Node 24 or newer, or run: npm install bun, or: npm install deno\n/],
    [["--runtime", "node"], /Error: Cannot run on node [\d.]+: .*, use 24\.0\.0 or newer\n/],
  ] as const) {
    const server = new Server({ command: [join(project, "node_modules/.bin/tsgi")], args: ["app.ts", ...args], cwd: project, env: { PATH: onlyOldNode } });
    assert.deepEqual(await server.ended, { code: 1, signal: null });
    assert.match(server.log, message);
  }
});

test("a launcher finds the program of a bun whose installation was not allowed to run a script", async () => {
  const directory = join(folder, "scriptless");
  const native = `bun-${process.platform}-${process.arch === "arm64" ? "aarch64" : process.arch}`;
  program(join(directory, "node_modules/@oven", native, "bin"), "bun", realpathSync(join(bin, "bun")));
  program(join(directory, "node_modules/.bin"), "bun", "../bun/bin/bun.exe");
  mkdirSync(join(directory, "node_modules/bun/bin"), { recursive: true });
  writeFileSync(join(directory, "node_modules/bun/bin/bun.exe"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  writeFileSync(join(directory, "app.ts"), BARE_APP);
  const launcher = [node, join(project, "node_modules/tsgi/bin/tsgi.mjs")];
  await withServer({ command: launcher, args: ["app.ts", "--runtime", "bun", "-b", "127.0.0.1:0"], cwd: directory, env: { PATH: onlyNode } }, async (server) => {
    assert.equal(await answer(server), "function on bun");
  });
});

test("deno run npm:tsgi and bunx tsgi serve from their caches, where nothing is installed", async () => {
  const registry = await serveRegistry();
  try {
    for (const [way, runtime] of [["deno run -A npm:tsgi", "deno"], ["bunx tsgi", "bun"]] as const) {
      const directory = mkdtempSync(join(folder, "bare-"));
      writeFileSync(join(directory, "app.ts"), BARE_APP);
      const env = {
        PATH,
        NPM_CONFIG_REGISTRY: registry.url,
        npm_config_registry: registry.url,
        DENO_DIR: join(folder, "deno-cache"),
        BUN_INSTALL_CACHE_DIR: join(folder, "bun-cache"),
        TMPDIR: directory, // bunx keeps its installations there.
      };
      await withServer({ command: way.split(" "), args: ["app.ts", "-b", "127.0.0.1:0"], cwd: directory, env }, async (server) => {
        assert.equal(await answer(server), `function on ${runtime}`);
      });
    }
  } finally {
    registry.close();
  }
});

test("deno run of a URL serves, as it does from JSR", async () => {
  const web = createServer((request, response) => {
    response.setHeader("Content-Type", "application/typescript");
    response.end(readFileSync(join(root, request.url!)));
  });
  await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(web.address() as { port: number }).port}/mod.ts`;
  try {
    const directory = mkdtempSync(join(folder, "bare-"));
    writeFileSync(join(directory, "app.ts"), BARE_APP);
    writeFileSync(join(directory, "tsgi.config.ts"), 'export default { bind: "127.0.0.1:0" };\n');
    const options = { command: ["deno", "run", "-A", url], cwd: directory, env: { PATH, DENO_DIR: join(folder, "web-cache") } };
    await withServer({ ...options, args: ["app.ts", "-w", "2"] }, async (server) => {
      assert.equal(await answer(server), "function on deno");
    });
    const builder = new Server({ ...options, args: ["build", "app.ts"] });
    assert.deepEqual(await builder.ended, { code: 1, signal: null });
    assert.match(builder.log, /Cannot build with a tsgi from the web: .* run: npm install tsgi/);
  } finally {
    web.close();
  }
});

/** An npm registry that has tsgi only. */
async function serveRegistry(): Promise<{ readonly url: string; close(): void }> {
  const manifest = JSON.parse(readFileSync(join(project, "node_modules/tsgi/package.json"), "utf8")) as { version: string };
  const [{ integrity, shasum }] = JSON.parse(command(project, "npm", "pack", "--json", "--dry-run", "--loglevel=error", tarball)) as [{ integrity: string; shasum: string }];
  const server = createServer((request, response) => {
    if (request.url === "/tsgi.tgz") return response.end(readFileSync(tarball));
    if (request.url !== "/tsgi") return response.writeHead(404).end("{}");
    const dist = { tarball: `http://${request.headers.host}/tsgi.tgz`, integrity, shasum };
    response.setHeader("Content-Type", "application/json");
    response.end(JSON.stringify({ name: "tsgi", "dist-tags": { latest: manifest.version }, versions: { [manifest.version]: { ...manifest, dist } } }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return { url: `http://127.0.0.1:${port}/`, close: () => void server.close() };
}
