import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { Stats } from "../../core/metrics/stats.ts";
import { quantile } from "../../core/metrics/distribution.ts";
import { load } from "./load.ts";
import { root, withFolder } from "./server.ts";
import { supervised } from "./supervised.ts";

const HELLO = `export default (environ, start) => {
  start("200 OK", [["Content-Type", "text/plain"]]);
  return ["hello\\n"];
};
`;

const MIXED = `export default async (environ, start) => {
  const path = environ.PATH_INFO;
  if (path === "/slow") await new Promise((resolve) => setTimeout(resolve, 300));
  if (path === "/throw") throw new Error("on purpose");
  environ["tsgi.metrics"].counter("orders", { help: "Orders taken" }).inc({ kind: path.slice(1) });
  environ["tsgi.metrics"].gauge("queue").set(3);
  environ["tsgi.metrics"].histogram("render_seconds").observe(0.2);
  start(path === "/none" ? "404 Not Found" : "200 OK", []);
  return ["x"];
};
`;

const FETCH = `import { metrics } from "${join(root, "mod.ts")}";
export default { fetch(request) {
  metrics.counter("orders_total").inc();
  return new Response("x", { status: new URL(request.url).pathname === "/none" ? 404 : 200 });
} };
`;

const STREAM = `const { promise, resolve } = Promise.withResolvers();
export default async function* (environ, start) {
  start("200 OK", []);
  if (environ.PATH_INFO === "/end") return resolve();
  yield "first";
  await promise;
  yield "last";
}
`;

function orders(stats: Stats): Record<string, number> {
  const found = stats.application.find(({ name }) => name === "orders");
  return Object.fromEntries((found?.series ?? []).map(({ labels, value }) => [labels[0]?.[1] ?? "", value ?? 0]));
}

async function get(port: number, path: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: "close" } });
  await response.arrayBuffer();
  return response.status;
}

test("tsgi counts every request that a client counts, though two of four workers are killed by -9 under load", async () => {
  await withFolder({ "app.js": HELLO }, async (folder) => {
    await supervised(join(folder, "app.js"), { workers: 4 }, async (server) => {
      let isOver = false;
      const running = load({ to: { port: server.port }, requests: 100_000, clients: 16, more: () => !isOver });
      for (let kill = 1; kill <= 2; kill++) {
        const before = server.look().requests!.total;
        await server.until((s) => s.requests!.total > before + 500, "load");
        const victim = server.look().workers.find((w) => w.phase === "serving" && (w.requests?.total ?? 0) > 0)!;
        process.kill(victim.pid!, "SIGKILL");
        await server.until((s) => s.ledger.exits.crashed === kill && s.states.serving === 4, "a successor");
      }
      isOver = true;
      const report = await running;
      const { requests, ledger } = server.look();
      // A request that was in flight at a kill failed at its client, and may or may not have been counted.
      assert.ok(requests!.total >= report.answered && requests!.total <= report.answered + report.failed, `${requests!.total} counted; ${JSON.stringify(report)}`);
      assert.ok(report.failed <= 32, JSON.stringify(report.failures));
      assert.equal(requests!.statuses["2xx"], requests!.total);
      // Most durations stand for eight, and a run of eight may be cut by a beat.
      assert.ok(Math.abs(requests!.duration.count / requests!.total - 1) < 0.02, `${requests!.duration.count} of ${requests!.total} timed`);
      assert.equal(requests!.inFlight, 0);
      assert.equal(ledger.restarts, 2);
      assert.equal(ledger.spawned, 6);
      const after = await server.stop();
      assert.equal(after.requests!.total, requests!.total, "what the dead have counted stays");
      assert.equal(after.ledger.exits.halted, 4);
    });
  });
});

test("tsgi tells statuses, durations, lag, memory, queues, and the application's own metrics", async () => {
  await withFolder({ "app.js": MIXED }, async (folder) => {
    await supervised(join(folder, "app.js"), { workers: 2 }, async (server) => {
      assert.deepEqual(await Promise.all(["/new", "/new", "/none", "/throw", "/slow"].map((path) => get(server.port, path))), [200, 200, 404, 500, 200]);
      const stats = await server.until((s) => Object.values(orders(s)).reduce((a, b) => a + b, 0) === 4 && s.workers.every((w) => w.health?.lag), "beats");
      assert.deepEqual(stats.requests!.statuses, { "1xx": 0, "2xx": 3, "3xx": 0, "4xx": 1, "5xx": 1, other: 0 });
      const slowest = quantile(stats.requests!.duration, 1)!;
      assert.ok(slowest >= 0.29 && slowest < 30, `${slowest} s`);
      assert.deepEqual(orders(stats), { new: 2, none: 1, slow: 1 });
      assert.equal(stats.application.find((f) => f.name === "render_seconds")!.series[0]!.observed!.count, 4);
      for (const { health, pid, phase } of stats.workers) {
        assert.ok(health!.memory.rss > 10 << 20 && health!.memory.heapUsed > 0, JSON.stringify(health));
        assert.ok(health!.lag!.p99 >= health!.lag!.p50);
        assert.ok(pid! > 0 && phase === "serving");
      }
      assert.equal(stats.workers.reduce((sum, w) => sum + w.requests!.total, 0), 5);
      assert.equal(stats.listeners[0]!.address, server.address);
      await server.until((s) => s.listeners[0]!.queue!.sockets === 2, "both slots among the listening sockets");
      assert.deepEqual(JSON.parse(JSON.stringify(stats)), stats, "a plain object");
    });
  });
});

test("tsgi keeps what retired workers have counted through a reload, and the last moment of each", async () => {
  await withFolder({ "app.js": MIXED }, async (folder) => {
    await supervised(join(folder, "app.js"), { workers: 2 }, async (server) => {
      await Promise.all(Array.from({ length: 10 }, () => get(server.port, "/new")));
      await server.until((s) => orders(s).new === 10, "a beat");
      server.signal("HUP");
      await get(server.port, "/new");
      const stats = await server.until((s) => s.ledger.reloads.succeeded === 1 && s.workers.length === 2, "the reload");
      assert.equal(stats.generation, 2);
      assert.equal(stats.ledger.exits.reload, 2);
      await get(server.port, "/last");
      const after = await server.stop();
      assert.equal(after.requests!.total, 12);
      assert.deepEqual(orders(after), { new: 11, last: 1 }, "told with a worker's last word");
      assert.equal(after.application.find((f) => f.name === "queue")!.series.length, 0, "gauges are of the living");
    });
  });
});

test("tsgi has a Fetch application's metrics through the module", async () => {
  await withFolder({ "app.ts": FETCH }, async (folder) => {
    await supervised(join(folder, "app.ts"), { workers: 2 }, async (server) => {
      assert.deepEqual(await Promise.all([get(server.port, "/"), get(server.port, "/none")]), [200, 404]);
      const stats = await server.until((s) => orders(s)[""] === 2, "a beat");
      assert.equal(stats.requests!.statuses["4xx"], 1);
    });
  });
});

test("tsgi has a stream in flight until it ends", async () => {
  await withFolder({ "app.js": STREAM }, async (folder) => {
    await supervised(join(folder, "app.js"), { workers: 1 }, async (server) => {
      const response = await fetch(`http://127.0.0.1:${server.port}/`);
      assert.equal(server.look().requests!.inFlight, 1);
      await server.until((s) => s.listeners[0]!.queue!.connections === 1, "its connection");
      assert.equal(await get(server.port, "/end"), 200);
      assert.equal(await response.text(), "firstlast");
      await server.until((s) => s.requests!.inFlight === 0, "the end of the stream");
      assert.equal(server.look().requests!.total, 2);
    });
  });
});

test("tsgi --no-metrics counts nothing, and its application has no metrics", async () => {
  const app = `export default (environ, start) => { start("200 OK", []); return [String("tsgi.metrics" in environ)]; };`;
  await withFolder({ "app.js": app }, async (folder) => {
    await supervised(join(folder, "app.js"), { metrics: false }, async (server) => {
      assert.equal(await (await fetch(`http://127.0.0.1:${server.port}/`)).text(), "false");
      const stats = server.look();
      assert.equal(stats.requests, null);
      assert.equal(stats.workers[0]!.requests, null);
      assert.equal(stats.ledger.spawned, 1, "what the arbiter knows itself costs nothing");
    });
  });
});

test("tsgi without shared memory sends its counts with the beat", async () => {
  await withFolder({ "app.js": HELLO }, async (folder) => {
    await supervised(join(folder, "app.js"), { workers: 1 }, async (server) => {
      await get(server.port, "/");
      assert.equal((await server.until((s) => s.requests!.total === 1, "a beat")).requests!.duration.count, 1);
      const after = await server.stop();
      assert.equal(after.requests!.total, 1);
    }, { isShared: false });
  });
});

test("tsgi warns once of a metric that has too many series, and serves on", async () => {
  const app = `import process from "node:process";
  let n = 0;
  export default (environ, start) => {
    for (let i = 0; i < 3000; i++) environ["tsgi.metrics"].counter("visits").inc({ user: process.pid + "/" + n++ });
    start("200 OK", []);
    return ["x"];
  };`;
  await withFolder({ "app.js": app }, async (folder) => {
    const errorLogfile = join(folder, "log");
    await supervised(join(folder, "app.js"), { workers: 2, errorLogfile }, async (server) => {
      for (let i = 0; i < 4 || server.look().workers.some((w) => w.requests!.total === 0); i++) assert.equal(await get(server.port, "/"), 200);
      await server.until(() => server.logged.some((l) => l.event === "too-many-series" && l.fields.metric === "visits"), "the arbiter's warning");
      assert.equal(server.look().application.find((f) => f.name === "visits")!.series.length, 2000);
      await server.stop();
      const lines = readFileSync(errorLogfile, "utf8").match(/Metric visits gets no more series: .*/g);
      assert.equal(lines?.length, 2, "one of each worker");
      assert.equal(server.logged.filter((l) => l.event === "too-many-series").length, 1, "and one of all together");
    });
  });
});
