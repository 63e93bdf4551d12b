/** Applications and addresses that cannot be used: a clear message, gunicorn's exit code, nothing left behind. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { load } from "./load.ts";
import { hold } from "../../runtimes/sockets.ts";
import { curl, hello, program, root, runtime, Server, withFolder, withServer } from "./server.ts";

const APPLICATIONS: readonly (readonly [string, string, number, RegExp])[] = [
  ["syntax error", "export default (", 3, /\[ERROR\] Cannot load app\.ts: syntax error/i],
  ["throws at import", "throw new Error('no database');", 3, /\[ERROR\] Cannot load app\.ts: it threw Error: no database/],
  ["missing import", "import './not_there.ts'; export default () => {};", 3, /\[ERROR\] Cannot load app\.ts: .*not_there/],
  ["missing export", "export const other = 1;", 4, /\[ERROR\] Cannot load app\.ts: no default export/],
  ["not callable", "export default 5;", 4, /\[ERROR\] Cannot load app\.ts: the default export is a number/],
  ["startup fails", "export const startup = () => { throw new Error('no cache'); }; export default () => {};", 3, /\[ERROR\] Cannot start app\.ts: startup\(\) failed: Error: no cache/],
  ["top-level await that never ends", "await new Promise(() => setInterval(() => {}, 1e6)); export default () => {};", 3, /\[ERROR\] WORKER BOOT TIMEOUT \(pid:\d+\): not ready within 1 s/],
];

for (const [name, code, exit, said] of APPLICATIONS) {
  test(`tsgi ends with ${exit} when the application cannot be loaded: ${name}`, async () => {
    await withFolder({ "app.ts": code }, async (folder) => {
      const server = new Server({ args: ["-b", "127.0.0.1:0", "--boot-timeout", "1", "app.ts"], cwd: folder });
      assert.deepEqual(await server.ended, { code: exit, signal: null }, server.log);
      assert.match(server.log, said);
      assert.match(server.log, exit === 4 ? /Reason: App failed to load\.\n$/ : /Reason: Worker failed to boot\.\n$/);
    });
  });
}

test("tsgi ends with 3 when there is no such file", async () => {
  const server = new Server({ args: ["-b", "127.0.0.1:0", "not_there.ts"] });
  assert.deepEqual(await server.ended, { code: 3, signal: null }, server.log);
  assert.match(server.log, /\[ERROR\] Cannot load not_there\.ts: no such file/);
});

test("tsgi --check-config says nothing and ends with 0, or says why and ends with 1", async () => {
  await withFolder({ "good.ts": "export default () => [];", "bad.ts": "export default (" }, async (folder) => {
    const good = new Server({ args: ["--check-config", "good.ts"], cwd: folder });
    assert.deepEqual(await good.ended, { code: 0, signal: null }, good.log);
    assert.equal(good.log + good.out, "");
    const bad = new Server({ args: ["--check-config", "bad.ts"], cwd: folder });
    assert.deepEqual(await bad.ended, { code: 1, signal: null }, bad.log);
    assert.match(bad.log, /Cannot load bad\.ts: .*syntax error/i);
  });
});

test("tsgi answers a wrong command line at once, with all that is wrong and no stack", async () => {
  const server = new Server({ args: ["--workers", "many", "--timeuot", "5", "app.ts"] });
  assert.deepEqual(await server.ended, { code: 2, signal: null });
  assert.match(server.log, /--timeuot.*--timeout/);
  assert.match(server.log, /--workers.*many/);
  assert.doesNotMatch(server.log, /^\s+at /m);
});

test("tsgi is refused a port that another tsgi has, and the other never notices", async () => {
  await withServer({ args: ["-b", "127.0.0.1:0", hello] }, async (first) => {
    const port = await first.port();
    const second = new Server({ args: ["-b", `127.0.0.1:${port}`, hello] });
    assert.deepEqual(await second.ended, { code: 1, signal: null }, second.log);
    assert.equal(second.log.match(/Connection in use: \('127\.0\.0\.1', \d+\)/g)?.length, 5, second.log);
    assert.match(second.log, /Can't connect to \('127\.0\.0\.1', \d+\)/);
    assert.equal(curl(`http://127.0.0.1:${port}/`), "Hello, World!\n");
  });
});

test("tsgi is refused a port that another program has", async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as { port: number };
  const server = new Server({ args: ["-b", `127.0.0.1:${port}`, hello] });
  assert.deepEqual(await server.ended, { code: 1, signal: null }, server.log);
  await new Promise((resolve) => other.close(resolve));
});

test("tsgi replaces a stale unix socket, is refused a live one, and removes its own", async () => {
  await withFolder({}, async (folder) => {
    const path = join(folder, "app.sock");
    await withServer({ args: ["-b", `unix:${path}`, hello] }, async (first) => {
      await first.serving(1);
      await first.until(() => existsSync(path), "the socket");
      const second = new Server({ args: ["-b", `unix:${path}`, hello] });
      assert.deepEqual(await second.ended, { code: 1, signal: null }, second.log);
      first.signal("KILL");
      await first.ended;
    });
    assert.ok(existsSync(path), "a killed server leaves its socket");
    await withServer({ args: ["-w", "2", "-b", `unix:${path}`, hello] }, async (third) => {
      await third.serving(2);
      assert.equal(curl("--unix-socket", path, "http://localhost/"), "Hello, World!\n");
    });
    assert.ok(!existsSync(path), "a stopped server removes its socket");
  });
});

test("tsgi names the directory that a unix socket lacks, and leaves a file alone that is no socket", async () => {
  await withFolder({ "file.sock": "precious" }, async (folder) => {
    const lacking = new Server({ args: ["-b", `unix:${folder}/not/there.sock`, hello] });
    assert.deepEqual(await lacking.ended, { code: 1, signal: null }, lacking.log);
    assert.match(lacking.log, /no directory/);
    const file = new Server({ args: ["-b", `unix:${folder}/file.sock`, hello] });
    assert.deepEqual(await file.ended, { code: 1, signal: null }, file.log);
    assert.match(file.log, /not a socket/);
    assert.ok(existsSync(`${folder}/file.sock`));
  });
});

test("tsgi serves IPv6, IPv4 and a unix socket at once, with several workers", async () => {
  await withFolder({}, async (folder) => {
    const path = join(folder, "app.sock");
    await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", "-b", "[::1]:0", "-b", `unix:${path}`, hello] }, async (server) => {
      await server.serving(2);
      const [, v4, v6] = await server.logged(/Listening at: http:\/\/127\.0\.0\.1:(\d+),http:\/\/\[::1\]:(\d+),unix:/);
      assert.equal(curl(`http://127.0.0.1:${v4}/`), "Hello, World!\n");
      assert.equal(curl("-g", `http://[::1]:${v6}/`), "Hello, World!\n");
      assert.equal(curl("--unix-socket", path, "http://localhost/"), "Hello, World!\n");
      assert.equal(statSync(path).mode & 0o777, 0o660, "for its user and group");
    });
  });
});

test("tsgi serves a socket that it inherits", async () => {
  const held = await hold({ kind: "tcp", host: "127.0.0.1", port: 0 }, { backlog: 16, mode: "shared" });
  const { port } = held.address as { port: number };
  const [command = "", ...before] = program();
  const child = spawn(command, [...before, "-w", "2", "-b", "fd://3", hello], { stdio: ["ignore", "ignore", "pipe", held.descriptor(0)!] });
  try {
    // Who connects before anybody serves waits in the socket's queue.
    assert.equal(curl(`http://127.0.0.1:${port}/`), "Hello, World!\n");
  } finally {
    held.close();
    child.kill("SIGTERM");
    await new Promise((resolve) => child.once("exit", resolve));
  }
});

for (const other of ["deno", "bun", "node"].filter((name) => name !== runtime)) test(`tsgi runs its workers on another runtime, ${other}`, async () => {
  const whoami = `export default { fetch: () => new Response("Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node") };`;
  await withFolder({ "app.ts": whoami }, async (folder) => {
    const env = { PATH: `${root}node_modules/.bin:${process.env.PATH}` };
    await withServer({ args: ["-w", "2", "--runtime", other, "-b", "127.0.0.1:0", "app.ts"], cwd: folder, env }, async (server) => {
      const port = await server.port(2);
      assert.equal(curl(`http://127.0.0.1:${port}/`), other);
    });
    const lost = new Server({ args: ["--runtime", other, "-b", "127.0.0.1:0", "app.ts"], cwd: folder, env: { PATH: "/nowhere" } });
    assert.deepEqual(await lost.ended, { code: 3, signal: null }, lost.log);
    assert.match(lost.log, new RegExp(`Cannot start a worker: .*${other}`));
  });
});

test("tsgi slows a crash loop down, and serves again when the application is mended", async () => {
  const crash = "import process from 'node:process'; setTimeout(() => process.exit(7), 20); export default (e, s) => { s('200 OK', []); return ['x']; };";
  await withFolder({ "app.ts": crash }, async (folder) => {
    await withServer({ args: ["-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      await server.logged(/Workers keep failing \(3 in a row\): the next one starts in 0\.5 s/);
      await server.logged(/Workers keep failing \(4 in a row\): the next one starts in 1 s/);
      assert.ok((server.log.match(/exited with code 7/g)?.length ?? 0) <= 5);
      writeFileSync(join(folder, "app.ts"), "export default (e, s) => { s('200 OK', [['Content-Type', 'text/plain']]); return ['well']; };");
      const port = Number((await server.logged(/http:\/\/127\.0\.0\.1:(\d+)/))[1]);
      assert.deepEqual((await load({ to: { port }, clients: 1, requests: 1 })).bodies, { well: 1 });
    });
  });
});

test("tsgi murders a worker whose loop stands still, and replaces it", async () => {
  const stuck = "export default (e, s) => { if (e.PATH_INFO === '/stuck') for (;;); s('200 OK', [['Content-Type', 'text/plain']]); return ['well']; };";
  await withFolder({ "app.ts": stuck }, async (folder) => {
    await withServer({ args: ["-w", "2", "-t", "2", "-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port(2);
      assert.equal(curl(`http://127.0.0.1:${port}/`), "well");
      const lost = load({ to: { port }, clients: 1, requests: 1, target: "/stuck" });
      const [, pid] = await server.logged(/\[CRITICAL\] WORKER TIMEOUT \(pid:(\d+)\)/);
      await server.logged(new RegExp(`Worker \\(pid:${pid}\\) was sent SIG(?:KILL|ABRT)! It was silent too long\\.`));
      assert.equal((await lost).failed, 1);
      await server.until(() => server.workers().length === 2, "two workers");
      assert.equal((await load({ to: { port }, clients: 8, requests: 100 })).failed, 0);
    });
  });
});

test("tsgi covers for a worker whose loop stands still: nobody waits longer than a second and a half", async () => {
  const blocks = `
export default (environ, startResponse) => {
  if (environ.PATH_INFO === "/block") {
    environ["tsgi.errors"].write("blocked now\\n");
    for (const end = Date.now() + 5000; Date.now() < end;);
  }
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return ["well"];
};
`;
  await withFolder({ "app.ts": blocks }, async (folder) => {
    await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port(2);
      assert.equal((await load({ to: { port }, clients: 8, requests: 100 })).failed, 0);
      const blocked = load({ to: { port }, clients: 1, requests: 1, target: "/block" });
      await server.logged(/blocked now/);
      const report = await load({ to: { port }, clients: 10, requests: 200 });
      assert.equal(report.failed, 0, JSON.stringify(report.failures));
      assert.ok(report.slowest < 1500, `somebody waited ${report.slowest} ms`);
      assert.equal((await blocked).failed, 0);
    });
  });
});

test("tsgi survives an exception that nobody caught: the worker is replaced, and nobody loses a request", async () => {
  const faulty = `
export default (environ, startResponse) => {
  if (environ.PATH_INFO === "/fault") setTimeout(() => { throw new Error("nobody caught this"); }, 1);
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return ["well"];
};
`;
  await withFolder({ "app.ts": faulty }, async (folder) => {
    await withServer({ args: ["-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port();
      assert.equal(curl(`http://127.0.0.1:${port}/`), "well");
      const [before] = server.workers();
      let asked = 0;
      const under = load({ to: { port }, clients: 8, requests: 100_000, more: () => ++asked <= 2000 || server.workers().includes(before!) });
      curl(`http://127.0.0.1:${port}/fault`);
      await server.logged(/\[ERROR\] Unhandled exception in the application: Error: nobody caught this/);
      const report = await under;
      assert.equal(report.failed, 0, JSON.stringify(report.failures));
    });
  });
});


test("--worker-connections bounds what one worker has in hand, and nobody is turned away", async () => {
  const counts = `
let inside = 0, most = 0;
export default async (environ, startResponse) => {
  most = Math.max(most, ++inside);
  await new Promise((resolve) => setTimeout(resolve, 20));
  inside--;
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return [environ.PATH_INFO === "/most" ? String(most) : "well"];
};
`;
  await withFolder({ "app.ts": counts }, async (folder) => {
    await withServer({ args: ["--worker-connections", "4", "-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port();
      for (const keepAlive of [false, true]) {
        const report = await load({ to: { port }, clients: 32, requests: 320, keepAlive });
        assert.equal(report.failed, 0, JSON.stringify(report.failures));
      }
      assert.deepEqual(Object.keys((await load({ to: { port }, clients: 1, requests: 1, target: "/most" })).bodies), ["4"]);
    });
  });
});
