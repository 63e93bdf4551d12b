import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { Aggregate } from "../../../core/metrics/aggregate.ts";
import { type Exposed, openMetricsText, prometheusText } from "../../../core/metrics/exposition.ts";
import { families } from "../../../core/metrics/families.ts";
import { Ledger } from "../../../core/metrics/ledger.ts";
import { Meter, METER_SIZE, readMeter } from "../../../core/metrics/meter.ts";
import { Registry } from "../../../core/metrics/registry.ts";
import { makeStats, type Stats } from "../../../core/metrics/stats.ts";
import { arbiter } from "../../../core/arbiter/step/state.ts";
import { step } from "../../../core/arbiter/arbiter.ts";

const ODD = 'a "quoted" \\ back\nslash, é, {}';

const EXAMPLES: readonly Exposed[] = [
  { name: "orders", kind: "counter", help: ODD, unit: null, samples: [{ suffix: "_total", labels: [["kind", ODD]], value: 3 }] },
  { name: "heap_bytes", kind: "gauge", help: "", unit: "bytes", samples: [{ suffix: "", labels: [], value: 1.5e21 }] },
  { name: "empty", kind: "gauge", help: "Nothing.", unit: null, samples: [] },
  { name: "app", kind: "info", help: "What.", unit: null, samples: [{ suffix: "_info", labels: [["version", "1"]], value: 1 }] },
];

test("prometheusText() is format 0.0.4", () => {
  assert.equal(prometheusText(EXAMPLES), [
    '# HELP orders_total a "quoted" \\\\ back\\nslash, é, {}',
    "# TYPE orders_total counter",
    'orders_total{kind="a \\"quoted\\" \\\\ back\\nslash, é, {}"} 3',
    "# TYPE heap_bytes gauge",
    "heap_bytes 1.5e+21",
    "# HELP empty Nothing.",
    "# TYPE empty gauge",
    "# HELP app_info What.",
    "# TYPE app_info gauge",
    'app_info{version="1"} 1',
    "",
  ].join("\n"));
});

test("openMetricsText() has units, counters by their family's name, and an end", () => {
  assert.equal(openMetricsText(EXAMPLES), [
    "# TYPE orders counter",
    '# HELP orders a \\"quoted\\" \\\\ back\\nslash, é, {}',
    'orders_total{kind="a \\"quoted\\" \\\\ back\\nslash, é, {}"} 3',
    "# TYPE heap_bytes gauge",
    "# UNIT heap_bytes bytes",
    "heap_bytes 1.5e+21",
    "# TYPE empty gauge",
    "# HELP empty Nothing.",
    "# TYPE app info",
    "# HELP app What.",
    'app_info{version="1"} 1',
    "# EOF",
    "",
  ].join("\n"));
});

function stats(): Stats {
  const limits = { workers: 2, timeout: 30_000, bootTimeout: 60_000, gracefulTimeout: 30_000 };
  const [state] = step(arbiter(limits, { covers: true }, 0), { type: "started", at: 0 });
  const memory = new Uint8Array(METER_SIZE);
  let at = 0;
  const meter = new Meter(memory, () => (at += 7));
  for (let i = 0; i < 10; i++) meter.end(meter.begin(), i === 0 ? 404 : 200);
  const registry = new Registry();
  registry.counter("orders", { help: ODD }).inc({ kind: ODD });
  registry.gauge("queue").set(-2.5);
  registry.histogram("upload_bytes", { bounds: [1000, 1e6] }).observe(50_000, { way: "form" });
  registry.histogram("render_seconds").observe(0.2);
  const aggregate = new Aggregate();
  aggregate.add(1, registry.collect());
  const lag = { p50: 0.001, p99: 0.002, max: 0.1 };
  return makeStats({
    state, server: { version: "1.0", runtime: "bun", pid: 1 }, started: 0, at: 90_000, ledger: new Ledger().stats(), requests: readMeter(memory),
    logged: { warning: 1, error: 2, critical: 0, exception: 4 },
    requestsOf: () => readMeter(memory),
    healthOf: () => ({ lag, memory: { rss: 1, heapUsed: 2, heapTotal: 3 } }),
    listeners: [{ address: "http://[::1]:80", queue: { queued: 1, longest: 1, sockets: 2, connections: 4 } }],
    application: aggregate.stats(),
  });
}

test("families() names everything in the stats", () => {
  const text = prometheusText(families(stats()));
  for (const line of [
    'tsgi_requests_total{status="2xx"} 9', 'tsgi_requests_total{status="4xx"} 1', 'tsgi_workers{phase="spawning"} 2', "tsgi_uptime_seconds 90",
    'tsgi_request_duration_seconds_bucket{le="0.005"} 0', 'tsgi_request_duration_seconds_bucket{le="0.01"} 10', "tsgi_request_duration_seconds_count 10",
    'tsgi_worker_loop_lag_p99_seconds{worker="1",slot="0"} 0.002', 'tsgi_listener_queue{address="http://[::1]:80"} 1', "queue -2.5",
    'upload_bytes_bucket{way="form",le="1000.0"} 0', 'upload_bytes_bucket{way="form",le="1000000.0"} 1', 'upload_bytes_bucket{way="form",le="+Inf"} 1',
    'tsgi_worker_exits_total{cause="crashed"} 0', 'tsgi_build_info{version="1.0",runtime="bun"} 1', "render_seconds_sum 0.2",
    'tsgi_log_records_total{kind="exception"} 4',
  ]) assert.ok(text.includes(`\n${line}\n`), `${line} in\n${text}`);
});

const READ = `
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
families = list((openmetrics if sys.argv[1] == "openmetrics" else prometheus)(sys.stdin.read()))
for family in families:
    for sample in family.samples:
        print(sample.name, sorted(sample.labels.items()), float(sample.value))
print(len(families), "families")
`;

/** What Prometheus's own Python library reads; null where it is not installed. */
function read(t: TestContext, format: "openmetrics" | "prometheus", text: string): string | null {
  const has = spawnSync("/usr/bin/python3", ["-c", "import prometheus_client.openmetrics.parser"]);
  if (has.status !== 0) {
    t.skip?.("python3-prometheus-client is not installed");
    console.log("Skipped: python3-prometheus-client is not installed");
    return null;
  }
  const { status, stdout, stderr } = spawnSync("/usr/bin/python3", ["-c", READ, format], { input: text, encoding: "utf8", env: { PYTHONIOENCODING: "utf-8" } });
  assert.equal(status, 0, `${stderr}\n${text}`);
  return stdout;
}

for (const format of ["openmetrics", "prometheus"] as const) {
  test(`${format}: Prometheus's own parser reads what was meant`, (t) => {
    const all = families(stats());
    const found = read(t, format, format === "openmetrics" ? openMetricsText(all) : prometheusText(all));
    if (found === null) return;
    assert.ok(found.includes("upload_bytes_bucket [('le', '1000000.0'), ('way', 'form')] 1.0\n"), found);
    assert.ok(found.includes("orders_total [('kind', 'a \"quoted\" \\\\ back\\nslash, é, {}')] 1.0\n"), found);
    assert.ok(found.endsWith(`${all.length} families\n`), found);
  });
}
