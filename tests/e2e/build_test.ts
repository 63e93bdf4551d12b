/** `tsgi build`: one file with everything inside, in a folder with nothing else. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { childrenOf, curl, isAlive, root, runtime, Server, type ServerOptions, withFolder, withServer } from "./server.ts";

const SOURCES = {
  "app.ts": `
import { VERSION } from ${JSON.stringify(join(root, "mod.ts"))};
import { word } from "./word.ts";
export const create = (name: string) => ({ fetch: () => new Response([word, name, VERSION.length > 0, process.pid].join(" ")) });
`,
  "word.ts": 'export const word: string = "from inside";\n',
  "site.config.ts": `
import { defineConfig } from ${JSON.stringify(join(root, "mod.ts"))};
export default defineConfig({ bind: "127.0.0.1:0", workers: 2, postFork: (_server, worker) => worker.log.info("forked " + worker.age) });
`,
};
const NAME = 'app.ts:create("x")';

/** The folder that has the built files and nothing else; the sources are gone. */
const folder = mkdtempSync(join(tmpdir(), "tsgi-test-"));
const PATH = [join(root, "node_modules/.bin"), process.env.PATH ?? ""].join(delimiter);

before(async () => {
  await withFolder(SOURCES, async (sources) => {
    for (const [output, more] of [["server", []], ["server.mjs", ["--format", "mjs"]]] as const) {
      const built = await run({ args: ["build", NAME, "-c", "site.config.ts", "-o", output, ...more], cwd: sources });
      assert.deepEqual(built.ended, { code: 0, signal: null }, built.log);
      assert.equal(built.out, `${join(sources, output)}\n`);
      renameSync(join(sources, output), join(folder, output));
    }
    assert.deepEqual(readdirSync(sources).sort(), Object.keys(SOURCES).sort(), "nothing else was written");
  });
});

after(() => rmSync(folder, { recursive: true }));

/** Runs a command to its end. */
async function run(options: ServerOptions) {
  const server = new Server({ ...options, env: { PATH, ...options.env } });
  return { ended: await server.ended, log: server.log, out: server.out };
}

const MODULE = runtime === "deno" ? [process.execPath, "run", "-A", "--no-prompt", "server.mjs"] : [process.execPath, "server.mjs"];

for (const [name, command] of [["executable", [join(folder, "server")]], ["mjs", MODULE]] as const) {
  test(`the ${name} serves with -w 4, reloads on HUP, and stops on TERM with nothing left behind`, async () => {
    await withServer({ command, args: ["-w", "4"], cwd: folder }, async (server) => {
      const port = await server.port(4);
      const first = server.workers();
      assert.match(curl(`http://127.0.0.1:${port}/`), /^from inside x true \d+$/);
      // Adoption holds here too: a fallback would be told.
      assert.doesNotMatch(server.log, /WARNING|reuse-port/i);
      await server.logged(/forked 4/);
      const from = server.log.length;
      server.signal("HUP");
      await server.logged(/Reloaded: generation 2 serves with 4 workers/, { from });
      await server.logged(/(?:Worker exiting[^]*){4}/, { from });
      assert.match(curl(`http://127.0.0.1:${port}/`), /^from inside x/);
      const all = [server.pid, ...first, ...server.workers()];
      server.signal("TERM");
      assert.deepEqual(await server.ended, { code: 0, signal: null });
      assert.deepEqual(all.filter(isAlive), []);
    });
  });

  test(`the ${name} serves with threads, which are this one file too`, async () => {
    await withServer({ command, args: ["-w", "1", "--threads", "2"], cwd: folder }, async (server) => {
      const port = await server.port();
      await server.logged(/Using worker: gthread/);
      assert.match(curl(`http://127.0.0.1:${port}/`), /^from inside x true \d+$/);
      assert.doesNotMatch(server.log, /WARNING|ERROR|reuse-port/i);
      server.signal("TERM");
      assert.deepEqual(await server.ended, { code: 0, signal: null });
    });
  });

  test(`the ${name} takes flags, another configuration, and tells what is wrong`, async () => {
    const checked = await run({ command, args: ["--check-config"], cwd: folder });
    assert.deepEqual(checked.ended, { code: 0, signal: null }, checked.log);
    assert.match((await run({ command, args: ["--help"], cwd: folder })).out, /--workers/);
    writeFileSync(join(folder, "other.config.json"), '{ "workers": 7 }');
    assert.match((await run({ command, args: ["-c", "other.config.json", "--print-config"], cwd: folder })).out, /^workers += 7$/m);
    assert.match((await run({ command, args: ["--print-config"], cwd: folder })).out, /^app += app\.ts:create\("x"\)$/m);
    for (const [args, message] of [
      [["--reload"], /Cannot use --reload: the application is inside this program and does not change/],
      [["build", "app.ts"], /Cannot build with a program that was built/],
      [["missing.ts", "--check-config"], /Cannot load missing\.ts: no such file/],
    ] as const) {
      const { ended, log } = await run({ command, args, cwd: folder });
      assert.notEqual(ended.code, 0);
      assert.match(log, message);
    }
  });
}

test("the executable runs as a daemon", async () => {
  const started = await run({ command: [join(folder, "server")], args: ["-D", "-p", "server.pid", "--error-logfile", "server.log"], cwd: folder });
  assert.deepEqual(started.ended, { code: 0, signal: null }, started.log);
  const pid = Number(readFileSync(join(folder, "server.pid"), "utf8"));
  const all = [pid, ...childrenOf(pid)];
  const port = /Listening at: http:\/\/127\.0\.0\.1:(\d+)/.exec(readFileSync(join(folder, "server.log"), "utf8"))![1];
  assert.match(curl(`http://127.0.0.1:${port}/`), /^from inside/);
  process.kill(pid, "SIGTERM");
  while (all.some(isAlive)) await new Promise((resolve) => setTimeout(resolve, 50));
});

test("tsgi build says what it cannot build, and why", async () => {
  const files = { "broken.ts": 'import "./nowhere.ts";\nexport default 1;\n', "app.ts": "export default 1;\n" };
  await withFolder(files, async (cwd) => {
    for (const [args, code, message] of [
      [[], 1, /No application module specified: write `tsgi build app\.ts`, or app in tsgi\.config\.ts/],
      [["missing.ts"], 3, /Cannot load missing\.ts: no such file/],
      [["npm:site"], 3, /Cannot load npm:site: only a file can be built/],
      [["broken.ts"], 1, /Cannot build broken\.ts: .*bun[^]*Could not resolve: "\.\/nowhere\.ts"[^]*broken\.ts:1:8/],
      [["app.ts", "-c", "missing.config.ts"], 1, /Cannot use --config: there is no file .*missing\.config\.ts/],
      [["app.ts", "--format", "zip"], 2, /Cannot use --format: expected exe or mjs, got "zip"/],
      [["app.ts", "broken.ts"], 2, /Cannot build app\.ts and broken\.ts at once/],
      [["app.ts", "-o", "."], 1, /Cannot write .*: it is a directory/],
      [["app.ts", "-o", "app.ts"], 1, /Cannot write .*app\.ts: it is what is to be built/],
    ] as const) {
      const { ended, log } = await run({ args: ["build", ...args], cwd });
      assert.deepEqual(ended, { code, signal: null }, log);
      assert.match(log, message);
    }
    assert.deepEqual(readdirSync(cwd).sort(), Object.keys(files).sort());
  });
});

test("tsgi build takes the application and its name from the configuration", async () => {
  const config = 'export default { app: "site/app.ts", chdir: "." };\n';
  await withFolder({ "tsgi.config.ts": config, "app.ts": "export default { fetch: () => new Response() };\n" }, async (cwd) => {
    const missing = await run({ args: ["build", "--format", "mjs"], cwd });
    assert.match(missing.log, /Cannot load site\/app\.ts: no such file/);
    writeFileSync(join(cwd, "tsgi.config.ts"), config.replace("site/", ""));
    const built = await run({ args: ["build", "--format", "mjs"], cwd });
    assert.deepEqual(built.ended, { code: 0, signal: null }, built.log);
    assert.ok(existsSync(join(cwd, "app.mjs")) && statSync(join(cwd, "app.mjs")).size > 100_000);
  });
});

test("tsgi --help lists the commands, and each has a --help", async () => {
  const { out } = await run({ args: ["--help"] });
  const commands = [...out.matchAll(/^ {2}tsgi (\w+) +\S/gm)].map(([, name]) => name!);
  assert.ok(commands.includes("build"), out);
  assert.match((await run({ args: ["build", "--help"] })).out, /^usage: tsgi build/);
});
