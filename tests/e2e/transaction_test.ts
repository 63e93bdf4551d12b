/** What a reload must pass before it is one: preflight and warm-up; and what it says of itself. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { app, boots, withOld } from "./old_app.ts";
import { curl, isAlive, Server, withFolder, withServer } from "./server.ts";

const OPTIONS: readonly (readonly string[])[] = [
  ["--no-preflight"],
  ["--preflight"],
  ["--canary", "1"],
  ["--reload-strategy", "rolling"],
  ["--reload-strategy", "rolling", "--max-surge", "2", "--canary", "1"],
];

for (const args of OPTIONS) {
  test(`tsgi ${args.join(" ")} keeps the old code when the new does not load`, async () => {
    await withOld(args, async ({ server, port, write }) => {
      const before = server.workers();
      const booted = boots(server);
      write("throw new Error('no database');");
      server.signal("HUP");
      await server.logged(/Reload failed, generation 1 keeps serving: Cannot load app\.ts: it threw Error: no database/);
      assert.equal(curl(`http://127.0.0.1:${port}/`), "old");
      await server.until(() => server.workers().length === 2, "the old workers only");
      assert.deepEqual(server.workers(), before);
      if (args[0] === "--preflight") {
        assert.equal(boots(server), booted, "a worker of the new generation was started");
        assert.equal(server.log.match(/Preflight \(pid:\d+\)/g)?.length, 1);
      } else assert.doesNotMatch(server.log, /Preflight/);
      write(app("mended"));
      server.signal("HUP");
      await server.logged(/Reloaded: generation 3/);
      assert.equal(curl(`http://127.0.0.1:${port}/`), "mended");
    });
  });
}

test("tsgi gives a preflight up after boot-timeout, and at once when it is told to stop", async () => {
  await withOld(["--boot-timeout", "2"], async ({ server, port, write }) => {
    write("await new Promise((resolve) => setTimeout(resolve, 1e6));");
    server.signal("HUP");
    await server.logged(/Reload failed, generation 1 keeps serving: the application did not load within 2 s in the preflight/);
    assert.equal(curl(`http://127.0.0.1:${port}/`), "old");
    const from = server.log.length;
    server.signal("HUP");
    const pid = Number((await server.logged(/Preflight \(pid:(\d+)\)/, { from }))[1]);
    server.signal("TERM");
    assert.equal((await server.ended).code, 0);
    assert.ok(!isAlive(pid), "the preflight outlived the server");
  });
});

test("tsgi runs a worker's hooks in the preflight, without which the application may not load", async () => {
  const config = 'export default { bind: "127.0.0.1:0", workers: 2, app: "app.ts", postFork() { globalThis.prepared = true; } };';
  await withFolder({ "app.ts": app("here", { before: "if (!globalThis.prepared) throw new Error('not prepared');" }), "tsgi.config.ts": config }, async (folder) => {
    await withServer({ args: [], cwd: folder }, async (server) => {
      const port = await server.port(2);
      server.signal("HUP");
      await server.logged(/Preflight \(pid:\d+\): loading the application once before generation 2 boots/);
      await server.logged(/Reloaded: generation 2 serves with 2 workers/);
      assert.equal(curl(`http://127.0.0.1:${port}/`), "here");
    });
  });
});

test("tsgi warms every worker up before it is ready, and refuses a reload that cannot be", async () => {
  const counts = 'let seen = 0;';
  const inside = 'if (environ.PATH_INFO === "/warm") seen++; if (environ.PATH_INFO === "/seen") { startResponse("200 OK", []); return [String(seen)]; }';
  await withFolder({ "app.ts": app("old", { before: counts, inside }) }, async (folder) => {
    const args = ["-w", "2", "-b", "127.0.0.1:0", "--access-logfile", "-", "--warmup", "GET /warm x3 =200", "--warmup", "HEAD /", "app.ts"];
    await withServer({ args, cwd: folder }, async (server) => {
      const port = await server.port(2);
      for (let i = 0; i < 4; i++) assert.equal(curl(`http://127.0.0.1:${port}/seen`), "3");
      assert.doesNotMatch(server.out, /warm/);
      writeFileSync(join(folder, "app.ts"), app("new", { inside: 'if (environ.PATH_INFO === "/warm") { startResponse("404 Not Found", []); return []; }' }));
      server.signal("HUP");
      await server.logged(/Reload failed, generation 1 keeps serving: Cannot warm app\.ts up: GET \/warm answered 404, expected 200/);
      assert.equal(curl(`http://127.0.0.1:${port}/`), "old");
    });
  });
});

test("tsgi does not start with an application that cannot be warmed up, and says why", async () => {
  await withFolder({ "app.ts": app("", { status: "500 Internal Server Error" }) }, async (folder) => {
    const server = new Server({ args: ["-b", "127.0.0.1:0", "--warmup", "GET /healthz", "app.ts"], cwd: folder });
    assert.equal((await server.ended).code, 3);
    assert.match(server.log, /Cannot warm app\.ts up: GET \/healthz answered 500, expected a status below 500/);
    const bad = new Server({ args: ["--warmup", "healthz", "app.ts"], cwd: folder });
    assert.equal((await bad.ended).code, 1);
    assert.match(bad.log, /Cannot use --warmup: expected METHOD \/PATH, .* got "healthz"/);
  });
});

test("tsgi says at a reload what changes, without secrets, and what has to wait", async () => {
  const config = (rest: string) => `export default { bind: "127.0.0.1:0", app: "app.ts", ${rest} };`;
  await withFolder({ "app.ts": app("here"), "tsgi.config.ts": config('env: { A: "1", TOKEN: "x1" }') }, async (folder) => {
    await withServer({ args: [], cwd: folder }, async (server) => {
      await server.port();
      writeFileSync(join(folder, "tsgi.config.ts"), config('env: { A: "2", TOKEN: "x2" }, workers: 2, backlog: 77'));
      server.signal("HUP");
      await server.logged(/Reloaded: generation 2 serves with 2 workers/);
      assert.match(server.log, /Changed: --workers 1 -> 2; --env A: 1 -> 2; --env TOKEN: \[hidden\] -> \[hidden\]\n/);
      assert.match(server.log, /takes effect at the next start only: backlog\n/);
      assert.doesNotMatch(server.log, /x1|x2/);
    });
  });
});
