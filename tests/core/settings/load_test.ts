import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { parseArgs } from "node:util";
import { absolute, type Loaded, loadSettings } from "../../../core/settings/load.ts";
import { configReader } from "../../../runtimes/files.ts";

interface Place {
  readonly cwd: string;
  write(path: string, text: string): void;
  load(argv?: readonly string[], env?: Readonly<Record<string, string>>): Promise<Loaded>;
}

/** Runs `body` in a fresh directory that holds `files`. */
async function inPlace(files: Readonly<Record<string, string>>, body: (place: Place) => Promise<void>): Promise<void> {
  const cwd = mkdtempSync(join(tmpdir(), "tsgi-load-"));
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(cwd, path)), { recursive: true });
    writeFileSync(join(cwd, path), text);
  };
  try {
    for (const [path, text] of Object.entries(files)) write(path, text);
    await body({ cwd, write, load: (argv = ["app.ts"], env = {}) => loadSettings({ argv, env, cwd, runtime: "bun", reader: configReader, parseArgs }) });
  } finally {
    rmSync(cwd, { recursive: true });
  }
}

const messages = (loaded: Loaded) => loaded.problems.map((problem) => problem.message);

test("loadSettings() ranks built-in < environment < config file < TSGI_CMD_ARGS < flags", async () => {
  await inPlace({}, async ({ cwd, write, load }) => {
    const env: Record<string, string> = {};
    const argv = ["app.ts"];
    const seen = async () => { const { settings, sources, problems } = await load(argv, env); assert.deepEqual(problems, []); return [settings.workers, sources.workers]; };
    assert.deepEqual(await seen(), [1, "default"]);
    env.WEB_CONCURRENCY = "2";
    assert.deepEqual(await seen(), [2, "WEB_CONCURRENCY"]);
    env.TSGI_WORKERS = "3";
    assert.deepEqual(await seen(), [3, "TSGI_WORKERS"]);
    write("tsgi.config.ts", "export default { workers: 4 as number };");
    assert.deepEqual(await seen(), [4, "tsgi.config.ts: workers"]);
    assert.equal((await load(argv, env)).configFile, join(cwd, "tsgi.config.ts"));
    env.TSGI_CMD_ARGS = "-w 5";
    assert.deepEqual(await seen(), [5, "--workers in TSGI_CMD_ARGS"]);
    argv.push("-w6");
    assert.deepEqual(await seen(), [6, "--workers"]);
  });
});

test("loadSettings() reads env-file beside the settings, which are printed, and reports what is wrong with it", async () => {
  await inPlace({ "secrets.env": "TOKEN=hunter2\nMODE=file\n", "broken.env": "A=1\nhunter2\n" }, async ({ cwd, load }) => {
    const loaded = await load(["app.ts", "--env-file", "secrets.env", "-e", "MODE=flag"]);
    assert.deepEqual(loaded.problems, []);
    assert.deepEqual(loaded.variables, { TOKEN: "hunter2", MODE: "file" });
    assert.ok(!JSON.stringify(loaded.settings).includes("hunter2"));
    assert.deepEqual(messages(await load(["app.ts", "--env-file=broken.env"])), [`Cannot use --env-file: ${cwd}/broken.env: line 2: expected KEY=VALUE`]);
    assert.match(messages(await load(["app.ts", "--env-file=none.env"])).join(), /^Cannot use --env-file: cannot read .*none\.env: .*(?:ENOENT|No such file)/);
  });
});

test("loadSettings() reports what the machine objects to, with the place it came from", async () => {
  await inPlace({}, async ({ cwd }) => {
    const objections = () => [{ name: "user", reason: "there is no such user" }] as const;
    const loaded = await loadSettings({ argv: ["a.ts", "-u", "x"], env: {}, cwd, runtime: "bun", reader: configReader, parseArgs, objections });
    assert.deepEqual(messages(loaded), ["Cannot use --user: there is no such user"]);
  });
});

test("loadSettings() listens on $PORT everywhere, unless told where", async () => {
  await inPlace({}, async ({ load }) => {
    assert.deepEqual((await load(["a.ts"], { PORT: "5000" })).settings.bind, [{ kind: "tcp", host: "0.0.0.0", port: 5000 }]);
    assert.deepEqual((await load(["a.ts", "-b", "unix:/x"], { PORT: "none" })).settings.bind, [{ kind: "unix", path: "/x" }]);
    assert.match(messages(await load(["a.ts"], { PORT: "none" })).join(), /Cannot use PORT for bind: expected a port from 0 to 65535, got "0\.0\.0\.0:none"/);
  });
});

test("loadSettings() takes an object, a function, an async function or JSON for a config", async () => {
  await inPlace({}, async ({ write, load }) => {
    write("tsgi.config.ts", "export default { timeout: '1m', accessLogfile: undefined };");
    assert.equal((await load()).settings.timeout, 60);
    write("tsgi.config.ts", "export default () => ({ timeout: 2 });");
    assert.equal((await load()).settings.timeout, 2);
    write("tsgi.config.ts", "export default async () => ({ timeout: await Promise.resolve(3) });");
    assert.equal((await load()).settings.timeout, 3);
    write("other.json", '{ "timeout": 4, "app": "b.ts" }');
    const json = await load(["-c", "file:other.json"]);
    assert.deepEqual([json.settings.timeout, json.settings.app, json.problems], [4, "b.ts", []]);
  });
});

test("loadSettings() looks for .ts, .js, .mjs and .json, in this order", async () => {
  const files = {
    "tsgi.config.json": '{"workers":5}', "tsgi.config.mjs": "export default {workers:4}", "tsgi.config.js": "export default {workers:3}",
    "tsgi.config.ts": "export default {workers:2}",
  };
  await inPlace({}, async ({ write, load }) => {
    for (const [file, text] of Object.entries(files)) {
      write(file, text);
      assert.equal((await load()).sources.workers, `${file}: workers`);
    }
  });
});

test("loadSettings() looks for the config where --chdir points, and for a named one where it was started", async () => {
  const files = { "here.json": '{"workers":2}', "site/tsgi.config.json": '{"workers":3}', "site/here.json": '{"workers":4}', "tsgi.config.json": '{"workers":5,"chdir":"site"}' };
  await inPlace(files, async ({ cwd, load }) => {
    const there = await load(["a.ts", "--chdir", "site"]);
    assert.deepEqual([there.settings.workers, there.settings.chdir], [3, join(cwd, "site")]);
    assert.equal((await load(["a.ts", "--chdir", "site", "-c", "here.json"])).settings.workers, 2);
    const fromFile = await load();
    assert.deepEqual([fromFile.settings.workers, fromFile.settings.chdir], [5, join(cwd, "site")]);
    assert.deepEqual(messages(await load(["a.ts", "--chdir", "nowhere"])), [`Cannot use --chdir: there is no directory ${cwd}/nowhere`]);
  });
});

test("loadSettings() sees a changed config on every call, and reports a broken one instead of throwing", async () => {
  await inPlace({ "tsgi.config.ts": "export default { workers: 2 };" }, async ({ write, load }) => {
    assert.equal((await load()).settings.workers, 2);
    write("tsgi.config.ts", "export default { workers: 3 };");
    assert.equal((await load()).settings.workers, 3);
    write("tsgi.config.ts", "export default {\n  workers: ;\n};");
    const broken = messages(await load());
    assert.equal(broken.length, 1);
    assert.match(broken[0]!, /^Cannot read tsgi\.config\.ts: [^\n]+ \(tsgi\.config\.ts:2:\d+\)$/);
    write("tsgi.config.ts", "export default () => {\n  throw new RangeError('no such site');\n};");
    assert.match(messages(await load()).join(), /^Cannot read tsgi\.config\.ts: no such site \(tsgi\.config\.ts:2:\d+\)$/);
    write("tsgi.config.ts", "export default { workers: 4 };");
    assert.equal((await load()).settings.workers, 4);
  });
});

test("loadSettings() refuses a config that is none, and keys it does not know", async () => {
  await inPlace({}, async ({ cwd, write, load }) => {
    const because = async (text: string) => { write("tsgi.config.ts", text); return messages(await load()); };
    assert.deepEqual(await because("export const workers = 2;"), ['Cannot use tsgi.config.ts: no default export, write "export default defineConfig({ ... })"']);
    assert.deepEqual(await because("export default [];"), ["Cannot use tsgi.config.ts: expected an object with settings, got a list"]);
    assert.deepEqual(await because("export default () => null;"), ["Cannot use tsgi.config.ts: expected an object with settings, got null"]);
    assert.deepEqual(await because("export default { worker_class: 'sync', accesslog: '-', tmpUploadDir: 'x', config: 'x', help: true, workers: 0 };"), [
      "Cannot use tsgi.config.ts: worker_class: there is no such setting, did you mean workerClass?",
      "Cannot use tsgi.config.ts: accesslog: there is no such setting, did you mean accessLogfile?",
      "Cannot use tsgi.config.ts: tmpUploadDir: neither heartbeats nor uploads are written to files; leave it out",
      "Cannot use tsgi.config.ts: config: it works only as a flag, write --config on the command line or in TSGI_CMD_ARGS",
      "Cannot use tsgi.config.ts: help: there is no such setting, see tsgi --help for those there are",
      "Cannot use tsgi.config.ts: workers: expected a whole number >= 1 or auto, got 0",
    ]);
    assert.deepEqual(messages(await load(["a.ts", "-c", "none.ts"])), [`Cannot use --config: there is no file ${cwd}/none.ts`]);
    assert.deepEqual(messages(await load(["a.ts", "-c", "python:site"])), ['Cannot use --config: expected PATH or file:PATH, got "python:site"']);
    assert.deepEqual(messages(await load(["a.ts", "--config="])), ['Cannot use --config: expected text, got ""']);
  });
});

test("loadSettings() reports the problems of all sources at once", async () => {
  await inPlace({ "tsgi.config.json": '{"tiemout": 3, "backlog": 0}' }, async ({ load }) => {
    const loaded = await load(["a.ts", "--zip", "-w", "0"], { TSGI_KEEP_ALIVE: "x", TSGI_CMD_ARGS: "-b 80" });
    assert.deepEqual(loaded.problems.map((problem) => problem.label).toSorted(), [
      "--bind in TSGI_CMD_ARGS", "--workers", "--zip", "TSGI_KEEP_ALIVE", "tsgi.config.json: backlog", "tsgi.config.json: tiemout",
    ]);
  });
});

test("loadSettings() needs an application to serve or check, not to print", async () => {
  await inPlace({}, async ({ load }) => {
    assert.deepEqual(messages(await load([])), ["No application module specified: write `tsgi app.ts`, or app in tsgi.config.ts"]);
    assert.equal((await load(["--check-config"])).problems.length, 1);
    assert.equal((await load(["--print-config"])).problems.length, 0);
    assert.equal((await load([], { TSGI_APP: "app.ts" })).settings.app, "app.ts");
  });
});

test("loadSettings() looks at nothing else for help and version", async () => {
  await inPlace({ "tsgi.config.ts": "throw new Error('read')" }, async ({ load }) => {
    for (const flag of ["help", "version"]) {
      const { command, problems } = await load([`--${flag}`], { TSGI_WORKERS: "x" });
      assert.deepEqual([command, problems], [flag, []]);
    }
  });
});

test("loadSettings() takes --json with --print-config only", async () => {
  await inPlace({}, async ({ load }) => {
    const both = await load(["--print-config"], { TSGI_CMD_ARGS: "--json" });
    assert.deepEqual([both.command, both.json, both.problems], ["print-config", true, []]);
    assert.deepEqual(messages(await load(["a.ts", "--json"])), ["Cannot use --json alone: it changes what --print-config prints, add that"]);
  });
});

test("absolute() resolves . and .. without asking the system", () => {
  assert.equal(absolute("/a/b", "../c/./d//e"), "/a/c/d/e");
  assert.equal(absolute("/a", "/x/../y"), "/y");
  assert.equal(absolute("/", ".."), "/");
});

test("loadSettings() turns lint on with reload, unless it is set", async () => {
  await inPlace({ "words.txt": "" }, async ({ write, load }) => {
    const lint = async (...argv: string[]) => (await load(["app.ts", ...argv])).settings.lint;
    assert.deepEqual([await lint(), await lint("--reload"), await lint("--reload", "--no-lint"), await lint("--lint")], [false, true, false, true]);
    write("tsgi.config.ts", "export default { lint: false };");
    assert.equal(await lint("--reload"), false);
  });
});

test("loadSettings() refuses an extra file that is missing, but not a pattern", async () => {
  await inPlace({ "words.txt": "" }, async ({ cwd, load }) => {
    const complaints = async (...argv: string[]) => messages(await load(["app.ts", ...argv]));
    assert.deepEqual(await complaints("--reload", "--reload-extra-file", "words.txt", "--reload-extra-file", "none/*.txt"), []);
    assert.deepEqual(await complaints("--reload", "--reload-extra-file", "none.txt"), [
      `Cannot use --reload-extra-file: there is no file ${join(cwd, "none.txt")}; write a pattern for files that may come later`,
    ]);
    assert.deepEqual((await load(["app.ts"], { TSGI_RELOAD_EXTRA_FILE: "a,b.txt\n c/*.txt\n" })).settings.reloadExtraFile, ["a,b.txt", "c/*.txt"]);
  });
});

test("loadSettings() reads whom to trust from flags with commas and from FORWARDED_ALLOW_IPS, and refuses what is no network", async () => {
  await inPlace({}, async ({ load }) => {
    const trusted = async (argv: string[], env = {}) => (await load(["app.ts", ...argv], env)).settings.forwardedAllowIps;
    assert.deepEqual(await trusted(["--forwarded-allow-ips", "10.0.0.0/8, ::1", "--forwarded-allow-ips", "unix:"]), ["10.0.0.0/8", "::1", "unix:"]);
    assert.deepEqual(await trusted([], { FORWARDED_ALLOW_IPS: "10.0.0.1,10.0.0.2" }), ["10.0.0.1", "10.0.0.2"]);
    assert.deepEqual(messages(await load(["app.ts", "--forwarded-allow-ips", "10.0.0.1/8,proxy"])), [
      'Cannot use --forwarded-allow-ips: expected a network whose bits after the first 8 are 0, got "10.0.0.1/8"',
      'Cannot use --forwarded-allow-ips: expected an IP address, a network such as 10.0.0.0/8, unix: or *, got "proxy"',
    ]);
  });
});

test("loadSettings() refuses a root path that nothing can be mounted at", async () => {
  await inPlace({}, async ({ load }) => {
    for (const path of ["shop", "/", "/shop/", "//x", "/a?b"]) assert.match(messages(await load(["app.ts", "--root-path", path])).join(), /expected a path such as \/shop/, path);
    assert.deepEqual(messages(await load(["app.ts", "--root-path", "/shop/fr"])), []);
  });
});

test("loadSettings() takes secureSchemeHeaders from a config file only, and refuses what are no headers", async () => {
  const config = (value: string) => ({ "tsgi.config.ts": `export default { app: "app.ts", secureSchemeHeaders: ${value} };` });
  const messages = async (files: Readonly<Record<string, string>>, argv: string[] = [], env = {}) => {
    let found: readonly string[] = [];
    await inPlace(files, async ({ load }) => {
      const { settings, problems } = await load(argv, env);
      found = problems.length > 0 ? problems.map((problem) => problem.message) : [JSON.stringify(settings.secureSchemeHeaders)];
    });
    return found;
  };
  assert.deepEqual(await messages(config('{ "X-Scheme": "https" }')), ['{"X-Scheme":"https"}']);
  assert.deepEqual(await messages(config("{}")), ["{}"]);
  assert.deepEqual(await messages(config("5")), ["Cannot use tsgi.config.ts: secureSchemeHeaders: expected KEY=VAL, got 5"]);
  assert.deepEqual(await messages(config('{ "X-Scheme": 1 }')), ["Cannot use tsgi.config.ts: secureSchemeHeaders: expected text for every header, got a number for X-Scheme"]);
  assert.deepEqual(await messages(config('{ "X Scheme": "https", "X-Ssl": "" }')), [
    'Cannot use tsgi.config.ts: secureSchemeHeaders: expected names of headers, got "X Scheme"',
    'Cannot use tsgi.config.ts: secureSchemeHeaders: expected the value of X-Ssl that means https, got ""',
  ]);
  const only = "it works only in a config file, write secureSchemeHeaders in tsgi.config.ts";
  assert.deepEqual(await messages({}, ["app.ts", "--secure-scheme-headers=X=1"]), [`Cannot use --secure-scheme-headers: ${only}`]);
  assert.deepEqual(await messages({}, ["app.ts"], { TSGI_SECURE_SCHEME_HEADERS: "X=1" }), [`Cannot use TSGI_SECURE_SCHEME_HEADERS: ${only}`]);
});

test("loadSettings() refuses forwarder-headers that name none with _", async () => {
  await inPlace({}, async ({ load }) => {
    assert.deepEqual((await load(["app.ts", "--forwarder-headers", "REMOTE_USER,script_name"])).settings.forwarderHeaders, ["REMOTE_USER", "script_name"]);
    const expected = "expected names of headers with _ such as REMOTE_USER or SCRIPT_NAME";
    const { problems } = await load(["app.ts", "--forwarder-headers", "REMOTE-USER,CONTENT_LENGTH,*"]);
    assert.deepEqual(problems.map((problem) => problem.message), ["REMOTE-USER", "CONTENT_LENGTH", "*"].map((got) => `Cannot use --forwarder-headers: ${expected}, got "${got}"`));
  });
});
