/** USR2: a new arbiter takes the old one's place, or does not, and no client notices. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { load, type LoadReport } from "./load.ts";
import { hold } from "../../runtimes/sockets.ts";
import { titleOf, until, withMaster } from "./master.ts";
import { childrenOf, curl, hello, isAlive, program, withFolder } from "./server.ts";

const says = (text: string) => `export default (e, s) => { s("200 OK", [["Content-Type", "text/plain"]]); return [${JSON.stringify(text)}]; };`;

test("tsgi upgrades on USR2 under load: TERM to the old arbiter makes it hold, TERM to the new one takes it back, and nobody loses a request", async () => {
  await withFolder({ "app.ts": says("one") }, async (folder) => {
    await withMaster(folder, ["-w", "2", "-b", "127.0.0.1:0", "-b", "unix:s.sock", "--control-socket", "s.ctl", "app.ts"], async (at) => {
      const port = await at.port();
      const path = join(folder, "s.sock");
      const clients = under([{ to: { port } }, { to: { port }, keepAlive: true }, { to: { path } }]);
      const first = at.pid();

      writeFileSync(join(folder, "app.ts"), says("two"));
      process.kill(first, "SIGUSR2");
      const second = await at.successor(2);
      assert.deepEqual([at.pid(), at.pid(".2")], [first, second]);
      assert.match(titleOf(second), /^tsgi: master \[app\.ts\.2\]/);
      process.kill(first, "SIGUSR2");
      await at.logged(/\[WARNING\] USR2 signal ignored\. Child exists\./);
      process.kill(second, "SIGUSR2");
      await at.logged(/\[WARNING\] USR2 signal ignored\. Parent exists\./);
      process.kill(first, "SIGTERM");
      await at.logged(new RegExp(`\\[${second}\\] \\[INFO\\] Master has been promoted\\.`));
      await until(() => !isAlive(first) && !existsSync(at.file(".2")), "the promotion");
      assert.equal(at.pid(), second);
      assert.match(titleOf(second), /^tsgi: master \[app\.ts\](?!\.2)/);
      const control = join(folder, "s.ctl");
      await at.logged(new RegExp(`\\[${second}\\] \\[INFO\\] Control socket listening at \\S*/s\\.ctl\\n`));
      assert.deepEqual([existsSync(control), existsSync(`${control}.2`)], [true, false]);
      assert.equal(curl("--unix-socket", path, "http://x/"), "two");

      writeFileSync(join(folder, "app.ts"), says("three"));
      process.kill(second, "SIGUSR2");
      const third = await at.successor(2);
      const old = childrenOf(second).filter((pid) => pid !== third);
      process.kill(third, "SIGTERM");
      await at.logged(new RegExp(`\\[${second}\\] \\[INFO\\] The new master \\(pid:${third}\\) ended with code 0: this one keeps serving`));
      assert.deepEqual(childrenOf(second), old);
      assert.deepEqual([at.pid(), existsSync(at.file(".2"))], [second, false]);

      const reports = await clients.end();
      assert.deepEqual(reports.map(({ failures }) => failures), [{}, {}, {}], "TCP, TCP kept alive, unix");
      for (const { bodies, answered } of reports) {
        assert.ok(answered > 0 && bodies.one! > 0 && bodies.two! > 0, JSON.stringify(bodies));
      }
      assert.equal(curl("--unix-socket", path, "http://x/"), "two");
      process.kill(second, "SIGTERM");
      await until(() => !isAlive(second), "the end");
      assert.deepEqual([existsSync(path), existsSync(at.file()), existsSync(control)], [false, false, false]);
    });
  });
});

test("tsgi --daemon sends its workers away on WINCH while a new arbiter serves, and takes them back on HUP, and nobody loses a request", async () => {
  await withFolder({ "app.ts": says("well") }, async (folder) => {
    await withMaster(folder, ["-D", "-w", "2", "-b", "127.0.0.1:0", "app.ts"], async (at) => {
      const port = await at.port();
      const clients = under([{ to: { port } }, { to: { port }, keepAlive: true }]);
      const first = at.pid();
      process.kill(first, "SIGUSR2");
      const second = await at.successor(2);
      process.kill(first, "SIGWINCH");
      await until(() => childrenOf(first).length === 1, "the old workers' end");
      assert.deepEqual(childrenOf(first), [second]);
      process.kill(first, "SIGHUP");
      await at.logged(/Reloaded: generation 2 serves with 2 workers/);
      process.kill(second, "SIGTERM");
      await until(() => childrenOf(first).length === 2 && !isAlive(second), "the new arbiter's end");
      for (const { failed, failures } of await clients.end()) assert.equal(failed, 0, JSON.stringify(failures));
      assert.deepEqual([at.pid(), existsSync(at.file(".2"))], [first, false]);
      // Once more, and this time it holds: the successor of a daemon is one.
      process.kill(first, "SIGUSR2");
      const third = await at.successor(2);
      process.kill(first, "SIGTERM");
      await until(() => !isAlive(first) && at.pid() === third, "the promotion");
      process.kill(third, "SIGWINCH");
      await at.logged(new RegExp(`\\[${third}\\] \\[INFO\\] graceful stop of workers`));
    });
  });
});

test("tsgi serves on when the new arbiter cannot, with the reason in its log", async () => {
  const config = (more: string) => `export default { app: "app.ts", bind: ["127.0.0.1:0", "unix:s.sock"], ${more} };`;
  await withFolder({ "app.ts": says("well"), "tsgi.config.ts": config("") }, async (folder) => {
    await withMaster(folder, [], async (at) => {
      const first = at.pid();
      const path = join(folder, "s.sock");
      const cases = [
        [config("workerz: 9"), says("well"), /Cannot use tsgi\.config\.ts: workerz: there is no such setting/],
        [config(""), "export default (", /Cannot load app\.ts: syntax error/i],
        [config("whenReady() { throw new Error('no moon') },"), says("well"), /Exception in whenReady hook: Error: no moon|whenReady\(\) failed: Error: no moon/],
        [config('bind: ["127.0.0.1:0", "unix:s.sock", "unix:none/s.sock"]'), says("well"), /none\/s\.sock.*there is no directory/],
      ] as const;
      for (const [text, app, reason] of cases) {
        writeFileSync(join(folder, "tsgi.config.ts"), text);
        writeFileSync(join(folder, "app.ts"), app);
        const from = at.log().length;
        process.kill(first, "SIGUSR2");
        const [line] = await at.logged(new RegExp(`\\[${first}\\] \\[ERROR\\] Upgrade failed, this master keeps serving: .*`), from);
        assert.match(line, reason);
        await until(() => !existsSync(at.file(".2")), "the end of the new pid file");
        assert.equal(at.pid(), first);
        assert.equal(curl("--unix-socket", path, "http://x/"), "well");
        assert.equal(childrenOf(first).length, 1);
      }
    });
  });
});

test("tsgi asks the hook preExec before an upgrade, and is promoted also when the old arbiter is killed", async () => {
  const config = `
import { existsSync } from "node:fs";
export default { app: "app.ts", bind: "unix:s.sock", preExec(server) { if (!existsSync("go")) throw new Error("not today"); server.log.info("go from " + server.pid); } };`;
  await withFolder({ "app.ts": says("well"), "tsgi.config.ts": config }, async (folder) => {
    await withMaster(folder, [], async (at) => {
      const first = at.pid();
      process.kill(first, "SIGUSR2");
      await at.logged(/Upgrade failed, this master keeps serving: preExec\(\) failed: Error: not today/);
      writeFileSync(join(folder, "go"), "");
      process.kill(first, "SIGUSR2");
      const second = await at.successor(1);
      assert.match(at.log(), new RegExp(`go from ${first}`));
      process.kill(first, "SIGKILL");
      await until(() => at.pid() === second && !existsSync(at.file(".2")), "the promotion");
      assert.equal(curl("--unix-socket", join(folder, "s.sock"), "http://x/"), "well");
    });
  });
});

for (const [what, more] of [["sync workers, which share a socket", ["-k", "sync"]], ["workers that bind by themselves", ["--reuse-port"]]] as const) {
  test(`tsgi upgrades ${what}`, async () => {
    await withFolder({}, async (folder) => {
      await withMaster(folder, [...more, "-w", "2", "-b", "127.0.0.1:0", hello], async (at) => {
        const port = await at.port();
        const first = at.pid();
        const [running] = [under([{ to: { port } }])];
        process.kill(first, "SIGUSR2");
        const second = await at.successor(2);
        process.kill(first, "SIGTERM");
        await until(() => at.pid() === second, "the promotion");
        const [report] = await running.end();
        // Without held sockets, what was queued at a worker that leaves is lost: the startup log says so.
        if (what.startsWith("sync")) assert.equal(report!.failed, 0, JSON.stringify(report!.failures));
        assert.equal(curl(`http://127.0.0.1:${port}/`), "Hello, World!\n");
      });
    });
  });
}

test("tsgi hands a socket that it inherited on, under its number", async () => {
  const held = await hold({ kind: "tcp", host: "127.0.0.1", port: 0 }, { backlog: 64, mode: "shared" });
  const { port } = held.address as { port: number };
  await withFolder({}, async (folder) => {
    await withMaster(folder, ["-b", "fd://4", "-b", "unix:s.sock", hello], async (at) => {
      const first = at.pid();
      process.kill(first, "SIGUSR2");
      const second = await at.successor(1);
      process.kill(first, "SIGTERM");
      await until(() => at.pid() === second, "the promotion");
      assert.equal(curl(`http://127.0.0.1:${port}/`), "Hello, World!\n");
    }, ["ignore", held.descriptor(0)!]);
  });
  held.close();
});

test("tsgi refuses descriptors that nobody handed over", async () => {
  await withFolder({}, async (folder) => {
    const [command = "", ...before] = program();
    const child = spawn(command, [...before, hello], { cwd: folder, env: { ...process.env, TSGI_PID: "1", TSGI_FD: "77" }, stdio: ["ignore", "ignore", "pipe"] });
    let text = "";
    child.stderr!.on("data", (more) => (text += more));
    const code = await new Promise((resolve) => child.on("close", resolve));
    assert.equal(code, 1);
    assert.match(text, /Cannot use TSGI_FD: expected what tsgi itself sets for an upgrade, got "77"/);
  });
});

/** Closed loops on each of `targets` until `end()`, which tells how they fared. */
function under(targets: readonly Pick<Parameters<typeof load>[0], "to" | "keepAlive">[]): { end(): Promise<LoadReport[]> } {
  let enough = false;
  const minimum = 50;
  const all = targets.map((target) => {
    let asked = 0;
    return load({ ...target, clients: 4, requests: 1_000_000, more: () => ++asked <= minimum || !enough });
  });
  return {
    end: () => {
      enough = true;
      return Promise.all(all);
    },
  };
}
