/** Threads that stand still, break, or cannot begin, and how a worker with threads ends. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { load } from "./load.ts";
import { runtime, withFolder, withServer } from "./server.ts";
import { ask, withApp } from "./threads_app.ts";

test("thread-timeout names the thread and its request, and ends that thread alone or with its process", async () => {
  await withApp(["--threads", "2", "--thread-timeout", "1"], async (url, server) => {
    const [pid = 0] = server.workers();
    const slow = ask(`${url}/spin?60000`);
    await server.logged(/\[CRITICAL\] WORKER TIMEOUT \(pid:\d+ thread:[12]\) busy [12]\.\ds; in flight: GET \/spin\?60000 \([12]\.\ds\)\n/);
    if (runtime === "bun") {
      await server.logged(/Thread [12] of worker \(pid:\d+\) was terminated and started anew/);
      assert.equal(await slow, "cut");
      assert.deepEqual(server.workers(), [pid], "the process goes on");
    } else {
      await server.logged(/Thread [12] of worker \(pid:\d+\) cannot be terminated: the worker will be replaced/);
      await server.until(() => !server.workers().includes(pid) && server.workers().length === 1, "the successor alone");
      assert.equal(await slow, "cut");
    }
    const report = await load({ to: { port: Number(new URL(url).port) }, clients: 4, requests: 200 });
    assert.equal(report.failed, 0, JSON.stringify(report.failures));
  });
});

test("thread-timeout bounds a request that waits as well", async () => {
  await withApp(["--threads", "2", "--thread-timeout", "1"], async (url, server) => {
    const slow = ask(`${url}/wait?60000`);
    await server.logged(/\[CRITICAL\] WORKER TIMEOUT \(pid:\d+ thread:[12]\) busy [12]\.\ds; in flight: GET \/wait\?60000 \([12]\.\ds\)\n/);
    assert.equal(await slow, "cut");
    assert.equal(await ask(`${url}/`), "200 alone");
  });
});

test("what breaks in a thread is logged, and its worker replaced without losing a request", async () => {
  for (const [way, said] of [
    ["fault", /\[ERROR\] Unhandled exception in the application: Error: nobody catches this/],
    ["reject", /\[ERROR\] Unhandled rejection in the application: Error: nobody awaits this/],
    ["exit", /\[ERROR\] Thread [12] of worker \(pid:\d+\) ended by itself: the worker will be replaced/],
  ] as const) {
    await withApp(["--threads", "2"], async (url, server) => {
      const [pid = 0] = server.workers();
      const answer = await ask(`${url}/${way}`);
      assert.equal(answer, way === "exit" ? "cut" : "200 alone");
      await server.logged(said);
      await server.until(() => !server.workers().includes(pid) && server.workers().length === 1, "a successor");
      assert.equal(await ask(`${url}/`), "200 alone");
    });
  }
});

test("an application that does not load in its threads ends the server as it would a worker", async () => {
  await withFolder({ "app.ts": "export const other = 1;" }, async (folder) => {
    await withServer({ args: ["--threads", "3", "-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      assert.equal((await server.ended).code, 4);
      assert.equal(server.log.match(/Cannot load app\.ts: no default export/g)?.length, 1, server.log);
    });
  });
});

test("a quick stop does not wait for a blocked thread, a graceful one does", async () => {
  await withApp(["--threads", "2"], async (url, server) => {
    const slow = ask(`${url}/spin?2500`);
    await server.logged(/\/spin begun/);
    server.signal("TERM");
    assert.equal(await slow, "200 alone");
    assert.equal((await server.ended).code, 0);
  });
  await withApp(["--threads", "2"], async (url, server) => {
    const slow = ask(`${url}/spin?60000`);
    await server.logged(/\/spin begun/);
    server.signal("INT");
    assert.equal((await server.ended).code, 0);
    assert.equal(await slow, "cut");
  });
});

test("a worker that is told to abort answers those who wait in its threads with 503", async () => {
  await withApp(["--threads", "2"], async (url, server) => {
    const waiting: Promise<string>[] = [];
    // One that comes while another is being accepted may be accepted by the same thread, and waits there.
    for (let both = false; !both && waiting.length < 10;) {
      waiting.push(ask(`${url}/wait?60000`));
      both = await server.until(() => server.log.match(/\/wait begun/g)?.length === 2, "both", 500).catch(() => false);
    }
    const [pid = 0] = server.workers();
    process.kill(pid, "SIGABRT");
    assert.deepEqual(await Promise.all(waiting), waiting.map(() => "503 Service Unavailable\n"));
    await server.until(() => server.workers().some((one) => one !== pid), "a successor");
  });
});
