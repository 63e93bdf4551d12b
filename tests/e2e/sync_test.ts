/** Workers of class sync: one request at a time, and timeout is the limit of a request, as in gunicorn. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { load } from "./load.ts";
import { hello, withFolder, withServer } from "./server.ts";

const SLOW = `
let inside = 0;
export default async (environ, startResponse) => {
  const alone = inside++ === 0;
  if (environ.PATH_INFO === "/block") {
    environ["tsgi.errors"].write("blocked now\\n");
    for (const end = Date.now() + 4000; Date.now() < end;);
  }
  if (environ.PATH_INFO === "/hang") {
    environ["tsgi.errors"].write("hanging now\\n");
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  }
  if (environ.PATH_INFO === "/pause") await new Promise((resolve) => setTimeout(resolve, 2500));
  await new Promise((resolve) => setTimeout(resolve, 2));
  inside--;
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return [alone ? "alone" : "crowded"];
};
`;

test("a sync worker answers one request at a time", async () => {
  await withFolder({ "app.ts": SLOW }, async (folder) => {
    await withServer({ args: ["-k", "sync", "-b", "127.0.0.1:0", join(folder, "app.ts")] }, async (server) => {
      const port = await server.port();
      assert.match(server.log, /Using worker: sync/);
      for (const keepAlive of [false, true]) {
        const report = await load({ to: { port }, clients: 16, requests: 200, keepAlive });
        assert.deepEqual([report.failed, report.bodies], [0, { alone: 200 }]);
      }
    });
  });
});

test("an idle sync worker takes what a blocked one cannot: nobody waits", async () => {
  await withFolder({ "app.ts": SLOW }, async (folder) => {
    for (const bind of ["127.0.0.1:0", `unix:${folder}/app.sock`]) {
      await withServer({ args: ["-k", "sync", "-w", "2", "-b", bind, join(folder, "app.ts")] }, async (server) => {
        await server.serving(2);
        const to = bind.startsWith("unix:") ? { path: `${folder}/app.sock` } : { port: await server.port(2) };
        assert.equal((await load({ to, clients: 4, requests: 40 })).failed, 0);
        const blocked = load({ to, clients: 1, requests: 1, target: "/block" });
        await server.logged(/blocked now/);
        const report = await load({ to, clients: 4, requests: 200 });
        assert.equal(report.failed, 0, JSON.stringify(report.failures));
        assert.ok(report.slowest < 500, `somebody waited ${report.slowest} ms at ${bind}`);
        assert.equal((await blocked).failed, 0);
      });
    }
  });
});

test("timeout is a sync worker's request timeout: a handler that waits too long is killed with its worker", async () => {
  await withFolder({ "app.ts": SLOW }, async (folder) => {
    await withServer({ args: ["-k", "sync", "-t", "2", "-b", "127.0.0.1:0", join(folder, "app.ts")] }, async (server) => {
      const port = await server.port();
      const lost = load({ to: { port }, clients: 1, requests: 1, target: "/hang" });
      await server.logged(/hanging now/);
      const [, pid] = await server.logged(/\[CRITICAL\] WORKER TIMEOUT \(pid:(\d+)\)/);
      assert.equal((await lost).failed, 1);
      await server.until(() => server.workers().length === 1 && server.workers()[0] !== Number(pid), "the next worker");
      assert.equal((await load({ to: { port }, clients: 2, requests: 10 })).failed, 0);
    });
  });
});

test("timeout names the request that blocked or waited in a sync worker; async answers who only waits", async () => {
  await withFolder({ "app.ts": SLOW }, async (folder) => {
    await withServer({ args: ["-k", "sync", "-t", "1", "-b", "127.0.0.1:0", join(folder, "app.ts")] }, async (server) => {
      const port = await server.port();
      for (const target of ["/block", "/pause"]) {
        const [before = 0] = server.workers();
        const lost = load({ to: { port }, clients: 1, requests: 1, target });
        const [, blocked, age] = await server.logged(new RegExp(`\\[CRITICAL\\] WORKER TIMEOUT \\(pid:${before}\\) blocked ([\\d.]+)s; in flight: GET ${target} \\(([\\d.]+)s\\)`));
        assert.ok(Number(age) > 0.2 && Number(age) < Number(blocked) + 0.15, `a request is ${age} s old in a worker that was silent for ${blocked} s`);
        const { answered, failures } = await lost;
        assert.equal(answered, 0);
        // Whose loop turns gives an answer still.
        assert.deepEqual(Object.keys(failures).map((kind) => kind === "status 503"), [target === "/pause"]);
        await server.until(() => server.workers().length === 1 && server.workers()[0] !== before, "the next worker");
      }
    });
    await withServer({ args: ["-t", "1", "-b", "127.0.0.1:0", join(folder, "app.ts")] }, async (server) => {
      const { answered } = await load({ to: { port: await server.port() }, clients: 2, requests: 2, target: "/pause" });
      assert.equal(answered, 2);
      assert.doesNotMatch(server.log, /TIMEOUT/);
    });
  });
});

test("sync workers reload without losing a request", async () => {
  await withServer({ args: ["-k", "sync", "-w", "2", "-b", "127.0.0.1:0", hello] }, async (server) => {
    const port = await server.port(2);
    let enough = false;
    const under = load({ to: { port }, clients: 16, requests: 1_000_000, more: () => !enough });
    for (let i = 0; i < 5; i++) {
      const from = server.log.length;
      server.signal("HUP");
      await server.logged(/Reloaded: generation \d+/, { from });
    }
    enough = true;
    const report = await under;
    assert.equal(report.failed, 0, JSON.stringify(report.failures));
  });
});
