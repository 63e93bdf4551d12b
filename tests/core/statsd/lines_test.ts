import assert from "node:assert/strict";
import { test } from "node:test";
import { arbiter } from "../../../core/arbiter/step/state.ts";
import { step } from "../../../core/arbiter/arbiter.ts";
import { Aggregate } from "../../../core/metrics/aggregate.ts";
import { Ledger } from "../../../core/metrics/ledger.ts";
import { Meter, METER_SIZE, readLogged, readMeter } from "../../../core/metrics/meter.ts";
import { Registry } from "../../../core/metrics/registry.ts";
import { makeStats, type Stats } from "../../../core/metrics/stats.ts";
import { packets, statsdLines, type StatsdNames } from "../../../core/statsd/lines.ts";

const PLAIN: StatsdNames = { prefix: null, tags: [], compat: null };

class Source {
  readonly memory = new Uint8Array(METER_SIZE);
  #at = 0;
  readonly meter = new Meter(this.memory, () => this.#at);
  readonly registry = new Registry();
  readonly #aggregate = new Aggregate();

  answer(status: number, millis: number): void {
    this.meter.reported(); // Else the many would be sampled.
    const since = this.meter.begin();
    this.#at += millis;
    this.meter.end(since, status);
  }

  stats(): Stats {
    const [state] = step(arbiter({ workers: 2, timeout: 0, bootTimeout: 0, gracefulTimeout: 0 }, { covers: true }, 0), { type: "started", at: 0 });
    this.#aggregate.add(1, this.registry.collect());
    return makeStats({
      state, server: { version: "1.0", runtime: "bun", pid: 1 }, started: 0, at: 1000, ledger: new Ledger().stats(), requests: readMeter(this.memory),
      logged: readLogged(this.memory), requestsOf: () => null, healthOf: () => ({ lag: { p50: 0, p99: 0.0015, max: 1 }, memory: { rss: 100, heapUsed: 1, heapTotal: 2 } }),
      listeners: [{ address: "http://[::1]:80", queue: { queued: 3, longest: 1, sockets: 2, connections: 4 } }], application: this.#aggregate.stats(),
    });
  }
}

test("statsdLines() are counters by what came, gauges by what is, durations by buckets", () => {
  const source = new Source();
  for (let i = 0; i < 3; i++) source.answer(200, 8);
  source.answer(404, 1);
  source.meter.logged("exception");
  const first = source.stats();
  assert.deepEqual(statsdLines(first, null, PLAIN), [
    "tsgi.requests:4|c", "tsgi.request.status.200:3|c", "tsgi.request.status.404:1|c", "tsgi.request.duration:0.999451|ms",
    "tsgi.request.duration:7.99561|ms|@0.3333333", "tsgi.requests.in_flight:0|g", "tsgi.log.exception:1|c", "tsgi.workers:2|g", "tsgi.backlog:3|g",
    "tsgi.workers.target:2|g", "tsgi.workers.serving:0|g", "tsgi.generation:1|g", "tsgi.workers.resident_memory_bytes:200|g", "tsgi.workers.loop_lag_p99_ms:1.5|g",
  ]);
  source.answer(200, 8);
  const second = statsdLines(source.stats(), first, PLAIN);
  assert.deepEqual(second.filter((line) => /requests:|status|duration|\.log\./.test(line)), ["tsgi.requests:1|c", "tsgi.request.status.200:1|c", "tsgi.request.duration:7.99561|ms"]);
});

test("statsdLines() have gunicorn's names, a prefix and tags", () => {
  const source = new Source();
  source.answer(200, 8);
  source.meter.logged("error");
  const lines = statsdLines(source.stats(), null, { prefix: "svc.app.", tags: ["env:prod", "b"], compat: "gunicorn" });
  for (const line of ["gunicorn.requests:1|c", "gunicorn.request.status.200:1|c", "gunicorn.request.duration:7.99561|ms", "gunicorn.workers:2|g", "gunicorn.backlog:3|g", "gunicorn.log.error:1|c", "tsgi.generation:1|g"]) {
    assert.ok(lines.includes(`svc.app.${line}|#env:prod,b`), `${line} in\n${lines.join("\n")}`);
  }
});

test("statsdLines() have the application's metrics, labels in the name or as tags", () => {
  const source = new Source();
  source.registry.counter("orders").inc({ kind: "a|b,c#d e", by: "x.y:z" }, 2.5);
  source.registry.gauge("depth").set(-4);
  source.registry.histogram("render_seconds").observe(0.25);
  const first = source.stats();
  const own = (lines: readonly string[]) => lines.filter((line) => !line.startsWith("tsgi."));
  assert.deepEqual(own(statsdLines(first, null, PLAIN)), ["orders.x_y_z.a_b_c_d_e:2.5|c", "depth:0|g", "depth:-4|g", "render_seconds:0.251953|h"]);
  assert.equal(own(statsdLines(first, null, { ...PLAIN, tags: ["t"] }))[0], "orders:2.5|c|#t,by:x.y:z,kind:a_b_c_d_e");
  source.registry.counter("orders").inc({ kind: "a|b,c#d e", by: "x.y:z" });
  assert.deepEqual(own(statsdLines(source.stats(), first, PLAIN)), ["orders.x_y_z.a_b_c_d_e:1|c", "depth:0|g", "depth:-4|g"]);
});

test("statsdLines() give a rate whose reverse, cut, is the count", () => {
  for (const count of [2, 3, 6, 7, 9, 10, 49, 97, 100, 999, 1000, 12_345]) {
    const source = new Source();
    for (let i = 0; i < count; i++) source.answer(200, 8);
    const rate = /duration:.*@([\d.]+)$/.exec(statsdLines(source.stats(), null, PLAIN).find((line) => line.includes("duration"))!)![1]!;
    assert.equal(Math.floor(1 / Number(rate)), count, rate);
  }
});

test("packets() are no longer than a frame carries, and lose nothing", () => {
  const lines = Array.from({ length: 300 }, (_, i) => `é.requests.${i}:${i}|c`);
  const found = packets(lines, 100);
  assert.deepEqual(found.flatMap((packet) => packet.split("\n")), lines);
  assert.ok(found.every((packet) => new TextEncoder().encode(packet).length <= 100) && found.length > 50);
  assert.deepEqual(packets([]), []);
  assert.deepEqual(packets(["x".repeat(200), "y"], 100), ["x".repeat(200), "y"]);
});
