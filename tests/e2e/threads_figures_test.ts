/** What a worker with threads tells of itself is what a worker without them would. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { Stats } from "../../core/metrics/stats.ts";
import { load } from "./load.ts";
import { program, withFolder } from "./server.ts";
import { supervised } from "./supervised.ts";
import { ask, withApp } from "./threads_app.ts";

const COUNTING = `
const me = Math.random();
export default async (environ, start) => {
  const { PATH_INFO: path, QUERY_STRING: query } = environ;
  if (path === "/wait") await new Promise((resolve) => setTimeout(resolve, Number(query)));
  if (path === "/spin") for (const end = performance.now() + Number(query); performance.now() < end;);
  environ["tsgi.metrics"].counter("orders").inc({ kind: path.slice(1) });
  environ["tsgi.metrics"].gauge("threads").set(1);
  environ["tsgi.metrics"].gauge("largest", { merge: "max" }).set(me);
  start(path === "/none" ? "404 Not Found" : "200 OK", []);
  return ["x"];
};
`;

const gthread = { workers: 1, workerClass: "gthread", threads: 3 } as const;

function series(stats: Stats, name: string): number[] {
  return stats.application.find((family) => family.name === name)?.series.map(({ value }) => value ?? 0) ?? [];
}

for (const isShared of [true, false]) {
  test(`tsgi counts the requests of all threads ${isShared ? "in shared memory" : "without shared memory"}, and adds up what their application measures`, async () => {
    await withFolder({ "app.js": COUNTING }, async (folder) => {
      await supervised(join(folder, "app.js"), gthread, async (server) => {
        const to = { port: server.port };
        assert.equal((await load({ to, clients: 12, requests: 900, target: "/wait?1" })).failed, 0);
        for (let i = 0; i < 100; i++) assert.equal(await ask(`http://127.0.0.1:${server.port}/none`), "404 x");
        const stats = await server.until((s) => s.requests!.total === 1000 && series(s, "orders").reduce((a, b) => a + b, 0) === 1000, "1000 requests");
        assert.deepEqual([stats.requests!.statuses["2xx"], stats.requests!.statuses["4xx"], stats.requests!.inFlight], [900, 100, 0]);
        // Beyond some hundreds in a thread, one duration stands for eight.
        assert.ok(Math.abs(stats.requests!.duration.count - 1000) <= 40, `${stats.requests!.duration.count} timed`);
        assert.deepEqual(stats.workers.length, 1);
        assert.deepEqual(series(stats, "threads"), [3], "a gauge is the sum over all threads");
        assert.ok(series(stats, "largest")[0]! < 1);
        const { lag, memory } = stats.workers[0]!.health!;
        assert.ok(lag !== null && memory.rss > 0 && memory.heapUsed > 0);
        server.signal("HUP");
        await server.until((s) => s.generation === 2 && s.workers.length === 1, "the next generation alone");
        const after = server.look();
        assert.equal(after.requests!.total, 1000, "what the retired have counted stays");
        assert.deepEqual(series(after, "threads"), [], "and no gauge of theirs");
      }, { isShared });
    });
  });
}

test("tsgi has in flight what its threads have in flight, and forgets what a terminated thread had", async () => {
  await withFolder({ "app.js": COUNTING }, async (folder) => {
    await supervised(join(folder, "app.js"), { ...gthread, threadTimeout: 1 }, async (server) => {
      const url = `http://127.0.0.1:${server.port}`;
      // One after the other: of two at once a thread may take both.
      const slow = [ask(`${url}/spin?60000`)];
      await server.until((s) => s.requests!.inFlight === 1, "one in flight");
      slow.push(ask(`${url}/wait?600`));
      await server.until((s) => s.requests!.inFlight === 2, "two in flight");
      assert.equal(await slow[1], "200 x");
      assert.equal(await slow[0], "cut", "thread-timeout");
      await server.until((s) => s.requests!.inFlight === 0 && s.states.serving === 1, "nobody in flight");
      assert.equal(await ask(url), "200 x");
    });
  });
});

test("tsgi ctl inspect names what each thread is busy with, also of one that stands still, and how long", async () => {
  await withFolder({}, async (runtimeFolder) => {
    const ctl = (...args: string[]) =>
      new Promise<string>((resolve, reject) => {
        const [command = "", ...before] = program();
        execFile(command, [...before, "ctl", ...args], { env: { PATH: process.env.PATH, HOME: process.env.HOME, XDG_RUNTIME_DIR: runtimeFolder } }, (error, out) => (error ? reject(error) : resolve(out)));
      });
    await withApp(["--threads", "3", "--timeout", "4", "--control-socket", join(runtimeFolder, "own.ctl"), "--access-logfile", "-"], async (url, server) => {
      const path = ["-s", join(runtimeFolder, "own.ctl")];
      const slow = [ask(`${url}/spin?5000`)];
      await server.logged(/\/spin begun/);
      slow.push(ask(`${url}/wait?5000`));
      await server.logged(/\/wait begun/);
      const from = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 2000));
      const said = await ctl(...path, "inspect");
      const least = (performance.now() - from) / 1000;
      for (const way of ["spin", "wait"]) {
        const age = Number(new RegExp(`GET /${way}\\?5000 \\(([\\d.]+)s\\)`).exec(said)?.[1]);
        assert.ok(age > 1.2 && age < least + 2, `${way} is ${age} s old: ${said}`);
      }
      // A level that is changed holds in the threads, and in those of the next worker.
      await ctl(...path, "log-level", "debug");
      assert.deepEqual(await Promise.all(slow), ["200 alone", "200 alone"]);
    });
  });
});
