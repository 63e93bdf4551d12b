import assert from "node:assert/strict";
import { test } from "node:test";
import { Aggregate } from "../../../core/metrics/aggregate.ts";
import { metrics, setRegistry } from "../../../core/metrics/metrics.ts";
import { Registry } from "../../../core/metrics/registry.ts";

test("Registry collects what came since the last time, and JSON keeps it", () => {
  const registry = new Registry();
  registry.counter("orders").inc({ kind: "new" });
  registry.counter("orders_total").inc({ kind: "new" }, 2);
  registry.gauge("queue").set(3);
  registry.histogram("render_seconds").observe(0.2);
  const collected = registry.collect();
  assert.deepEqual(JSON.parse(JSON.stringify(collected)), collected);
  assert.deepEqual(collected.map(({ name, kind, changes }) => [name, kind, changes[0]!.value ?? changes[0]!.observed!.count]), [
    ["orders", "counter", 3], ["queue", "gauge", 3], ["render_seconds", "histogram", 1],
  ]);
  assert.deepEqual(registry.collect(), []);
  registry.gauge("queue").add(-1);
  registry.counter("orders").inc({ kind: "new" });
  assert.deepEqual(registry.collect().map(({ changes }) => changes[0]!.value), [1, 2]);
});

test("Registry takes the same labels in any order for the same series", () => {
  const registry = new Registry();
  registry.counter("a").inc({ x: "1", y: true });
  registry.counter("a").inc({ y: "true", x: 1 });
  assert.deepEqual(registry.collect()[0]!.changes, [{ labels: [["x", "1"], ["y", "true"]], value: 2 }]);
});

test("Registry refuses names and labels that no format takes, and says why", () => {
  const registry = new Registry();
  assert.throws(() => registry.counter("2fast"), { name: "TypeError", message: 'Cannot name a counter "2fast": a name is letters, digits and _, and begins with no digit' });
  assert.throws(() => registry.counter("tsgi_requests"), /tsgi_ is for the server's own/);
  assert.throws(() => registry.gauge("orders_total"), /that ending is reserved, leave _total out/);
  assert.throws(() => registry.histogram("size_count"), /leave _count out/);
  registry.counter("orders");
  assert.throws(() => registry.gauge("orders"), /Cannot make a gauge "orders": there is a counter of that name/);
  assert.throws(() => registry.counter("orders").inc({ "a-b": "x" }), /Cannot use the label "a-b"/);
  assert.throws(() => registry.counter("orders").inc({ __x: "x" }), /Cannot use the label "__x"/);
  assert.throws(() => registry.histogram("s").observe(1, { le: "1" }), /Cannot use the label le/);
  assert.throws(() => registry.counter("orders").inc({ a: null as unknown as string }), /the value of the label a: expected text, a number or a boolean, got null/);
  assert.throws(() => registry.histogram("t", { bounds: [2, 1] }), /Cannot use the bounds \[2, 1\] for t/);
});

test("Registry refuses amounts that would spoil a sum", () => {
  const registry = new Registry();
  assert.throws(() => registry.counter("c").inc({}, -1), RangeError);
  assert.throws(() => registry.gauge("g").set(NaN), RangeError);
  assert.throws(() => registry.histogram("h").observe(-1), RangeError);
  assert.deepEqual(registry.collect(), []);
});

test("Registry bounds its series, tells of it once, and goes on with those it has", () => {
  const refused: string[] = [];
  const registry = new Registry((name) => refused.push(name), 3);
  for (let i = 0; i < 10; i++) registry.counter("visits").inc({ user: i });
  registry.counter("visits").inc({ user: 0 });
  registry.gauge("other").set(1);
  assert.deepEqual(refused, ["visits"]);
  assert.deepEqual(registry.collect()[0]!.changes.map((c) => c.value), [2, 1, 1]);
});

test("Registry cuts a label's value that a client may have chosen", () => {
  const registry = new Registry();
  registry.counter("a").inc({ x: "y".repeat(10_000) });
  assert.equal(registry.collect()[0]!.changes[0]!.labels[0]![1].length, 200);
});

test("Aggregate keeps the sums of workers that have ended, and only the gauges of the living", () => {
  const aggregate = new Aggregate();
  const workers = [1, 2].map((id) => {
    const registry = new Registry();
    registry.counter("orders").inc(undefined, id);
    registry.gauge("queue").set(id * 10);
    registry.gauge("oldest", { merge: "max" }).set(id);
    registry.histogram("render_seconds").observe(id);
    return { id, registry };
  });
  for (const { id, registry } of workers) aggregate.add(id, registry.collect());
  const value = () => Object.fromEntries(aggregate.stats().map(({ name, series }) => [name, series[0]?.value ?? series[0]?.observed?.sum]));
  assert.deepEqual(value(), { orders: 3, queue: 30, oldest: 2, render_seconds: 3 });
  aggregate.forget(2);
  assert.deepEqual(value(), { orders: 3, queue: 10, oldest: 1, render_seconds: 3 });
});

test("Aggregate bounds the series of all workers together, and tells of it once", () => {
  const refused: string[] = [];
  const aggregate = new Aggregate((name) => refused.push(name));
  for (let worker = 1; worker <= 3; worker++) {
    const registry = new Registry();
    for (let i = 0; i < 1000; i++) registry.counter("visits").inc({ user: worker * 1000 + i });
    aggregate.add(worker, registry.collect());
  }
  assert.equal(aggregate.stats()[0]!.series.length, 2000);
  assert.deepEqual(refused, ["visits"]);
});

test("Aggregate takes the younger worker's word for what a metric is", () => {
  const aggregate = new Aggregate();
  const [old, young] = [new Registry(), new Registry()];
  old.counter("size").inc();
  young.gauge("size").set(5);
  aggregate.add(1, old.collect());
  aggregate.add(2, young.collect());
  old.counter("size").inc();
  aggregate.add(1, old.collect());
  assert.deepEqual(aggregate.stats().map(({ kind, series }) => [kind, series[0]!.value]), [["gauge", 5]]);
});

test("metrics checks names without a server, and counts where a server says", () => {
  assert.throws(() => metrics.counter("no-good"), TypeError);
  metrics.counter("before").inc();
  const registry = new Registry();
  setRegistry(registry);
  metrics.counter("after").inc();
  assert.deepEqual(registry.collect().map((f) => f.name), ["after"]);
});
