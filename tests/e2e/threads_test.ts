/** Workers of class gthread: several threads in a process, each with one request at a time, however long that takes. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { load } from "./load.ts";
import { hello, withServer } from "./server.ts";
import { ask, withApp } from "./threads_app.ts";

test("an idle thread answers while another is blocked for longer than timeout, and nobody is killed", async () => {
  await withApp(["--threads", "2", "--timeout", "1"], async (url, server) => {
    assert.match(server.log, /Using worker: gthread/);
    const pids = server.workers();
    const slow = ask(`${url}/spin?3000`);
    await server.logged(/\/spin begun/);
    let isOver = false;
    void slow.then(() => (isOver = true));
    for (let i = 0; i < 20; i++) assert.equal(await ask(`${url}/`), "200 alone");
    assert.equal(isOver, false, "the fast ones were answered meanwhile");
    assert.equal(await slow, "200 alone");
    assert.deepEqual(server.workers(), pids);
    assert.doesNotMatch(server.log, /TIMEOUT/);
  });
});

test("a thread answers one request at a time, and its connections may have several", async () => {
  await withApp(["-k", "threads", "--threads", "3"], async (url, server) => {
    assert.match(server.log, /Using worker: gthread/);
    const to = { port: Number(new URL(url).port) };
    for (const keepAlive of [false, true]) {
      const report = await load({ to, clients: 16, requests: 400, keepAlive, target: "/wait?1" });
      assert.deepEqual([report.failed, report.bodies], [0, { alone: 400 }], JSON.stringify(report));
    }
    assert.equal(await ask(`${url}/flags`), "200 false true");
  });
});

test("startup and shutdown run in each thread, and sync with several threads is gthread", async () => {
  await withApp(["-k", "sync", "--threads", "3"], async (url, server) => {
    assert.match(server.log, /Using worker: gthread/);
    assert.equal(await ask(`${url}/`), "200 alone");
    server.signal("TERM");
    assert.equal((await server.ended).code, 0);
    assert.equal(server.log.match(/startup of a thread/g)?.length, 3);
    assert.equal(server.log.match(/shutdown of a thread/g)?.length, 3);
    assert.equal(server.log.match(/Booting worker with pid/g)?.length, 1);
    assert.equal(server.log.match(/Worker exiting/g)?.length, 1);
  });
});

test("max-requests counts for all threads of a worker, and the access log has a line for each", async () => {
  await withApp(["--threads", "2", "--max-requests", "100", "--access-logfile", "access.log"], async (url, server, folder) => {
    const [pid = 0] = server.workers();
    const report = await load({ to: { port: Number(new URL(url).port) }, clients: 8, requests: 300 });
    assert.equal(report.failed, 0, JSON.stringify(report.failures));
    await server.logged(/Autorestarting worker after current request\./);
    await server.until(() => !server.workers().includes(pid), "a successor");
    const lines = () => (existsSync(join(folder, "access.log")) ? readFileSync(join(folder, "access.log"), "utf8").match(/"GET \/ HTTP\/1\.1" 200/g)?.length ?? 0 : 0);
    await server.until(() => lines() === 300, "300 lines");
  });
});

test("hooks of a worker are called once by its process, and those of a request in its thread", async () => {
  const config = `
const said = (worker, text) => worker.log.info(text + " of " + worker.pid);
export default {
  app: "app.ts", threads: 2,
  postFork: (server, worker) => said(worker, "postFork"),
  postWorkerInit: (worker) => said(worker, "postWorkerInit"),
  preRequest: (worker, request) => said(worker, "preRequest " + worker.requests),
  workerExit: (server, worker) => said(worker, "workerExit after " + worker.requests),
};`;
  await withApp([], async (url, server) => {
    const [pid = 0] = server.workers();
    for (let i = 0; i < 4; i++) await ask(`${url}/`);
    server.signal("TERM");
    await server.ended;
    for (const [text, times] of [["postFork", 1], ["postWorkerInit", 1], ["preRequest \\d", 4], ["workerExit after 4", 1]] as const) {
      assert.equal(server.log.match(new RegExp(`\\[INFO\\] ${text} of ${pid}`, "g"))?.length, times, `${text}: ${server.log}`);
    }
  }, { "tsgi.config.ts": config });
});

test("a neighbour takes the connections of a worker whose threads are all busy", async () => {
  await withApp(["-w", "2", "--threads", "2"], async (url, server) => {
    await server.port(2);
    const to = { port: Number(new URL(url).port) };
    // Of one worker all threads, of the other one: whoever comes is answered by the fourth.
    const slow: Promise<string>[] = [];
    while (slow.length < 3) {
      slow.push(ask(`${url}/spin?6000`));
      await server.until(() => (server.log.match(/\/spin begun/g)?.length ?? 0) === slow.length, `${slow.length} blocked threads`);
    }
    const report = await load({ to, clients: 4, requests: 60 });
    assert.equal(report.failed, 0, JSON.stringify(report.failures));
    assert.ok(report.slowest < 5000, `somebody waited ${report.slowest} ms`);
    for (const answer of await Promise.all(slow)) assert.equal(answer, "200 alone");
  });
});

test("tsgi with --reuse-port lets each thread bind, reloads, and serves on", async () => {
  await withServer({ args: ["--threads", "2", "--reuse-port", "-b", "127.0.0.1:0", hello] }, async (server) => {
    const port = await server.port();
    assert.equal((await load({ to: { port }, clients: 8, requests: 200 })).failed, 0);
    server.signal("HUP");
    await server.logged(/Reloaded: generation 2/);
    assert.equal((await load({ to: { port }, clients: 8, requests: 200 })).failed, 0);
  });
});
