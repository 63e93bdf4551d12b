/** What happens to processes: killed, stopped, out of memory, ended by their own application, crashing again and again. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, rmdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { enter, makeGroup, NO_GROUP } from "./control_group.ts";
import { load } from "./load.ts";
import { newMemoryGroup } from "./memory_group.ts";
import { curl, hello, outlivedByNobody, program, Server, withFolder, withServer } from "./server.ts";

const ORDERS = `
import process from "node:process";
export default (environ, startResponse) => {
  if (environ.PATH_INFO.startsWith("/exit/")) process.exit(Number(environ.PATH_INFO.slice(6)));
  if (environ.PATH_INFO === "/block") for (;;);
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return [String(process.pid)];
};
`;

test("tsgi leaves no worker behind when the arbiter is killed, not even a blocked one, and its address is free at once", async () => {
  await withFolder({ "app.ts": ORDERS }, async (folder) => {
    let port = 0;
    await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      port = await server.port(2);
      const workers = server.workers();
      void load({ to: { port }, clients: 1, requests: 1, target: "/block" });
      await until(() => workers.some((pid) => stateOf(pid) === "R"), "a blocked worker");
      server.signal("KILL");
      await server.ended;
      await outlivedByNobody(workers);
    });
    await withServer({ args: ["-b", `127.0.0.1:${port}`, "app.ts"], cwd: folder }, async (server) => {
      assert.equal(await server.port(), port);
      assert.doesNotMatch(server.log, /Connection in use/);
    });
  });
});

test("tsgi murders a worker that was stopped (STOP), and replaces it", async () => {
  await withServer({ args: ["-w", "2", "-t", "2", "-b", "127.0.0.1:0", hello] }, async (server) => {
    const port = await server.port(2);
    const [stopped] = server.workers();
    process.kill(stopped!, "SIGSTOP");
    await server.logged(new RegExp(`\\[CRITICAL\\] WORKER TIMEOUT \\(pid:${stopped}\\)`));
    await server.logged(new RegExp(`\\[WARNING\\] Worker \\(pid:${stopped}\\) was sent SIGKILL! It was silent too long\\.`));
    await server.until(() => server.workers().length === 2 && !server.workers().includes(stopped!), "the successor");
    assert.equal((await load({ to: { port }, clients: 4, requests: 100 })).failed, 0);
  });
});

test("tsgi replaces only the worker whose application calls exit, whatever the code", async () => {
  await withFolder({ "app.ts": ORDERS }, async (folder) => {
    await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port(2);
      for (const code of [3, 4, 0]) {
        const before = server.workers();
        const from = server.log.length;
        await load({ to: { port }, clients: 1, requests: 1, target: `/exit/${code}` });
        await server.until(() => before.filter((pid) => !server.workers().includes(pid)).length === 1 && server.workers().length === 2, "one successor");
        // The process is gone a moment before the arbiter has heard of it.
        if (code > 0) await server.logged(new RegExp(`\\[ERROR\\] Worker \\(pid:\\d+\\) exited with code ${code}\\.`), { from });
        await server.logged(/Booting worker/, { from });
        assert.doesNotMatch(server.log, /Shutting down/);
      }
      assert.equal((await load({ to: { port }, clients: 4, requests: 100 })).failed, 0);
    });
  });
});

test("tsgi does not say that a worker which somebody killed was out of memory", async () => {
  await withServer({ args: ["-b", "127.0.0.1:0", hello] }, async (server) => {
    await server.port();
    const [killed] = server.workers();
    process.kill(killed!, "SIGKILL");
    await server.logged(new RegExp(`\\[ERROR\\] Worker \\(pid:${killed}\\) was sent SIGKILL!\\n`));
  });
});

const group = makeGroup({ memory: 300 * 2 ** 20 });

test("tsgi says that a worker ran out of memory when the kernel ended it, and replaces it", { skip: group === null && NO_GROUP }, async () => {
  const leaks = `
const kept = [];
export default (environ, startResponse) => {
  if (environ.PATH_INFO === "/leak") for (let i = 0; i < 40; i++) kept.push(new Uint8Array(32 << 20).fill(1));
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return ["well"];
};
`;
  await withFolder({ "app.ts": leaks }, async (folder) => {
    const start = enter(group!);
    const child = spawn(start[0]!, [...start.slice(1), ...program(), "-b", "unix:s.sock", "--log-file", "e.log", "app.ts"], { cwd: folder, stdio: "ignore" });
    const ended = new Promise((resolve) => child.on("exit", resolve));
    const log = () => existsSync(join(folder, "e.log")) ? readFileSync(join(folder, "e.log"), "utf8") : "";
    try {
      await until(() => /Booting worker/.test(log()) && existsSync(join(folder, "s.sock")), "the server");
      await load({ to: { path: join(folder, "s.sock") }, clients: 1, requests: 1, target: "/leak" });
      await until(() => /\[ERROR\] Worker \(pid:\d+\) was sent SIGKILL! Out of memory\.\n/.test(log()), "the log line");
      assert.equal(curl("--unix-socket", join(folder, "s.sock"), "http://x/"), "well");
    } finally {
      child.kill("SIGINT");
      await ended;
      rmdirSync(group!);
    }
  });
});

test("tsgi starts a worker that ends at once ever more slowly, and leaves the healthy one alone", async () => {
  const app = `
import process from "node:process";
if (process.env.TSGI_WORKER_ID === "1") process.exit(1);
export default (environ, startResponse) => { startResponse("200 OK", [["Content-Type", "text/plain"]]); return [String(process.pid)]; };
`;
  await withFolder({ "app.ts": app }, async (folder) => {
    await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port(1);
      const healthy = Object.keys((await load({ to: { port }, clients: 1, requests: 1 })).bodies);
      await server.logged(/\[WARNING\] Workers keep failing \(6 in a row\): the next one starts in 4 s/);
      const report = await load({ to: { port }, clients: 4, requests: 100 });
      assert.equal(report.failed, 0, JSON.stringify(report.failures));
      assert.deepEqual(Object.keys(report.bodies), healthy);
      // 0.5, 1, 2, 4, 8, 16 s: three more in the first half minute.
      assert.equal(server.log.match(/exited with code 1\./g)!.length, 6);
    });
  });
});

test("tsgi refuses a pid file that is a symbolic link where everybody may write, and touches nothing", async () => {
  await withFolder({ "precious": "mine" }, async (folder) => {
    const open = join(folder, "open");
    mkdirSync(open);
    chmodSync(open, 0o777);
    symlinkSync(join(folder, "precious"), join(open, "x.pid"));
    const server = new Server({ args: ["-b", "127.0.0.1:0", "-p", join(open, "x.pid"), hello] });
    assert.deepEqual(await server.ended, { code: 1, signal: null });
    assert.match(server.log, /Error: Cannot write pid file .*x\.pid: it is a symbolic link in a directory that everybody may write to/);
    assert.equal(readFileSync(join(folder, "precious"), "utf8"), "mine");
    assert.ok(lstatSync(join(open, "x.pid")).isSymbolicLink());
  });
});

test("tsgi makes a graceful stop quick at a second TERM, whoever still waits", async () => {
  const never = `export default async (environ, startResponse) => { console.log("in"); await new Promise(() => {}); };`;
  await withFolder({ "app.ts": never }, async (folder) => {
    await withServer({ args: ["-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port();
      const waiting = load({ to: { port }, clients: 1, requests: 1 });
      await server.until(() => server.out.includes("in"), "the request");
      server.signal("TERM");
      await server.logged(/Handling signal: term/);
      server.signal("TERM");
      assert.deepEqual(await server.ended, { code: 0, signal: null });
      assert.match(server.log, /Quick shutdown requested/);
      assert.equal((await waiting).failed, 1);
    });
  });
});

test("tsgi answers as ever when its logs cannot be written, warns once, and shows nothing of the requests", async () => {
  await withServer({ args: ["-b", "127.0.0.1:0", "--access-logfile", "/dev/full", hello] }, async (server) => {
    const port = await server.port();
    curl("-H", "Authorization: Bearer hunter2", `http://127.0.0.1:${port}/secret`);
    assert.equal((await load({ to: { port }, clients: 8, requests: 400 })).failed, 0);
    await server.logged(/\/dev\/full/);
    assert.equal(await server.stop(), 0);
    assert.ok(server.log.length < 2000, server.log);
    assert.doesNotMatch(server.log, /hunter2|secret/);
  });
});

function stateOf(pid: number): string | undefined {
  return /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
}

async function until(look: () => boolean, what: string): Promise<void> {
  const limit = performance.now() + 20_000;
  while (!look()) {
    assert.ok(performance.now() < limit, `waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
