import assert from "node:assert/strict";
import { test } from "node:test";
import { otlpOptions } from "../../../core/otlp/options.ts";
import { resolve } from "../../../core/settings/resolve.ts";

function options(env: Record<string, string>, endpoint: string | null = "http://h:4318/x/", name: string | null = null) {
  const { settings } = resolve([], { chdir: "/", runtime: "bun" });
  return otlpOptions({ ...settings, app: "app.ts", name, otlpEndpoint: endpoint }, env);
}

test("otlpOptions() reads OpenTelemetry's variables", () => {
  assert.equal(options({}, null), null);
  assert.equal(options({ OTEL_SDK_DISABLED: "TRUE" }), null);
  const plain = options({})!;
  assert.deepEqual([plain.traces, plain.metrics, plain.headers, plain.resource, plain.notes], ["http://h:4318/x/v1/traces", "http://h:4318/x/v1/metrics", {}, { "service.name": "app.ts" }, []]);
  assert.deepEqual([plain.timeout, plain.spanPeriod, plain.metricPeriod, plain.queueSize, plain.batchSize], [10_000, 5000, 60_000, 2048, 512]);
  const other = options({
    OTEL_EXPORTER_OTLP_HEADERS: "a=b%20c, d = e=f ,", OTEL_RESOURCE_ATTRIBUTES: "service.name=weak,x=1", OTEL_TRACES_EXPORTER: "none", OTEL_BSP_MAX_QUEUE_SIZE: "10", OTEL_EXPORTER_OTLP_TIMEOUT: "5",
  }, undefined, "named")!;
  assert.deepEqual([other.traces, other.headers, other.resource, other.queueSize, other.batchSize, other.timeout], [null, { a: "b c", d: "e=f" }, { "service.name": "weak", x: "1" }, 10, 10, 5]);
  assert.deepEqual(options({ OTEL_SERVICE_NAME: "s", OTEL_RESOURCE_ATTRIBUTES: "service.name=weak" })!.resource, { "service.name": "s" });
  assert.deepEqual(options({}, undefined, "named")!.resource, { "service.name": "named" });
});

test("otlpOptions() says what it does not understand, without the secrets in it", () => {
  const { notes, timeout, headers } = options({ OTEL_EXPORTER_OTLP_TIMEOUT: "soon", OTEL_EXPORTER_OTLP_HEADERS: "s3cret,a=%ZZs3cret,b=c", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" })!;
  assert.deepEqual([timeout, headers, notes.length], [10_000, { b: "c" }, 4]);
  assert.doesNotMatch(notes.join(), /s3cret/);
});
