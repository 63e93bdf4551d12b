/** A real server that exports to a real OTLP receiver over HTTP. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { formatTraceparent, newSpanId, newTraceId } from "../../core/tracing/traceparent.ts";
import { type OtlpReceiver, withReceiver } from "./otlp_receiver.ts";
import { curl, runtime, withFolder, withServer } from "./server.ts";

const PLAIN = `
export default async (environ, start) => {
  if (environ.PATH_INFO === "/throw") throw new Error("no");
  environ["tsgi.metrics"].counter("orders").inc({ kind: "new" });
  start(environ.PATH_INFO === "/none" ? "404 Not Found" : "200 OK", []);
  return ["x"];
};`;

/** As in every program, what waits is soon sent. */
const SOON = { OTEL_BSP_SCHEDULE_DELAY: "100", OTEL_METRIC_EXPORT_INTERVAL: "200" };

test("tsgi --otlp-endpoint exports a span for each request, with the caller's trace, and the metrics of all workers", async () => {
  await withReceiver(async (receiver) => {
    await withFolder({ "app.js": PLAIN }, async (folder) => {
      const env = { ...SOON, OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20s3cret, x-tenant=a", OTEL_SERVICE_NAME: "shop", OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test" };
      await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", "--otlp-endpoint", `${receiver.url}/`, join(folder, "app.js")], env }, async (server) => {
        const port = await server.port(2);
        const url = `http://127.0.0.1:${port}`;
        const [traceId, spanId] = [newTraceId(), newSpanId()];
        const traceparent = formatTraceparent({ traceId, spanId, isSampled: true });
        curl(`${url}/a/b?token=s3cret`, "-H", `traceparent: ${traceparent}`, "-H", "tracestate: x=y", "-H", "user-agent: me");
        curl(`${url}/none`, "-X", "PROPFIND");
        curl(`${url}/throw`);
        curl(`${url}/unwanted`, "-H", `traceparent: ${formatTraceparent({ traceId, spanId, isSampled: false })}`);
        await server.until(() => receiver.spans.length === 3, "three spans");
        const named = (path: string) => receiver.spans.find((span) => span.attributes["url.path"] === path)!;
        const first = named("/a/b");
        assert.deepEqual([first.name, first.kind, first.scope, first.traceId, first.parentSpanId, first.traceState], ["GET", 2, "tsgi", traceId, spanId, "x=y"]);
        const { "tsgi.worker.id": id, "tsgi.worker.slot": slot, "process.pid": pid, "process.runtime.version": version, ...resource } = first.resource;
        assert.match(String(version), /^\d+\.\d+/);
        assert.ok(Number(id) > 0 && Number(slot) >= 0 && server.workers().includes(Number(pid)));
        assert.deepEqual({ ...resource, "telemetry.sdk.version": "" }, {
          "service.name": "shop", "deployment.environment.name": "test", "process.runtime.name": runtime, "telemetry.sdk.name": "tsgi", "telemetry.sdk.version": "", "tsgi.generation": 1,
        });
        assert.deepEqual(first.attributes, {
          "http.request.method": "GET", "url.path": "/a/b", "url.scheme": "http", "network.protocol.name": "http", "network.peer.address": "127.0.0.1", "client.address": "127.0.0.1",
          "user_agent.original": "me", "server.address": "127.0.0.1", "server.port": port, "http.response.status_code": 200,
        });
        assert.deepEqual(first.status, { code: 0 });
        const none = named("/none");
        assert.deepEqual([none.name, none.attributes["http.request.method"], none.attributes["http.request.method_original"], none.attributes["http.response.status_code"], none.status.code], ["HTTP", "_OTHER", "PROPFIND", 404, 0]);
        assert.equal(none.parentSpanId, undefined);
        assert.notEqual(none.traceId, named("/throw").traceId);
        assert.deepEqual([named("/throw").attributes["http.response.status_code"], named("/throw").attributes["error.type"], named("/throw").status.code], [500, "500", 2]);
        const points = (name: string) => receiver.metrics.get(name)?.points ?? [];
        await server.until(() => points("tsgi_requests").reduce((sum, { value }) => sum + value!, 0) === 4 && points("orders")[0]?.value === 3, "the metrics");
        assert.equal(receiver.metrics.get("tsgi_requests")!.kind, "sum");
        assert.equal(points("tsgi_request_duration_seconds")[0]!.count, 4);
        assert.equal(receiver.metrics.get("tsgi_request_duration_seconds")!.unit, "s");
        assert.deepEqual(points("orders")[0]!.attributes, { kind: "new" });
        assert.equal(receiver.resource["service.name"], "shop");
        assert.equal(receiver.resource["process.pid"], server.pid);
        assert.ok(receiver.headers.every((sent) => sent.authorization === "Bearer s3cret" && sent["x-tenant"] === "a"));
        assert.doesNotMatch(server.log + JSON.stringify(receiver.spans, (_, v) => (typeof v === "bigint" ? String(v) : v)), /s3cret/);
        curl(`${url}/last`);
        server.signal("TERM");
        await server.ended;
      });
      assert.equal(receiver.spans.at(-1)!.attributes["url.path"], "/last", "what was not sent yet is sent at the end");
      assert.equal(receiver.metrics.get("tsgi_worker_exits")!.points.find(({ attributes }) => attributes.cause === "halted")!.value, 2);
      assert.equal(new Set([...receiver.metrics.values()].flatMap(({ points }) => points.map(({ since }) => since))).size, 1, "one beginning");
    });
  });
});

test("tsgi serves while the receiver is away, hangs or refuses, drops what is too much, counts it, and ends in time", async () => {
  const fallen: OtlpReceiver[] = [];
  let port = 0;
  await withReceiver(async (receiver) => {
    fallen.push(receiver);
    port = Number(new URL(receiver.url).port);
  });
  await withFolder({ "app.js": PLAIN }, async (folder) => {
    const env = { ...SOON, OTEL_BSP_MAX_QUEUE_SIZE: "5", OTEL_EXPORTER_OTLP_TIMEOUT: "1000" };
    await withServer({ args: ["-b", "127.0.0.1:0", "--otlp-endpoint", `http://127.0.0.1:${port}`, join(folder, "app.js")], env }, async (server) => {
      const url = `http://127.0.0.1:${await server.port()}`;
      for (let i = 0; i < 12; i++) assert.equal((await fetch(`${url}/${i}`)).status, 200);
      await server.logged(/Cannot send spans to http:\/\/127\.0\.0\.1:\d+\/v1\/traces: /);
      await server.logged(/Cannot send metrics to /);
      await withReceiver(async (receiver) => {
        receiver.status = 503;
        await server.until(() => receiver.requests > 1, "a second try");
        receiver.status = 200;
        await server.until(() => receiver.spans.length === 5, "what was kept");
        await server.logged(/Sending spans to .* works again/);
        const [, dropped] = await server.logged(/Dropped (\d+) spans?: /);
        assert.equal(Number(dropped), 7);
        assert.deepEqual(receiver.spans.map((span) => span.attributes["url.path"]).sort(), ["/0", "/1", "/2", "/3", "/4"]);
        receiver.status = 400;
        assert.equal((await fetch(`${url}/refused`)).status, 200);
        await server.logged(/Cannot send spans to .*: it answered 400/);
        receiver.status = null;
        assert.equal((await fetch(`${url}/hangs`)).status, 200);
        const since = performance.now();
        server.signal("TERM");
        assert.equal((await server.ended).code, 0);
        assert.ok(performance.now() - since < 15_000, `${performance.now() - since} ms`);
        assert.match(server.log, /Dropped [12] spans?: /);
      }, { port });
    });
  });
});

test("tsgi exports nothing where the environment says so, and refuses settings that say nothing", async () => {
  await withReceiver(async (receiver) => {
    await withFolder({ "app.js": PLAIN }, async (folder) => {
      const args = ["-b", "127.0.0.1:0", "--otlp-endpoint", receiver.url, join(folder, "app.js")];
      await withServer({ args, env: { ...SOON, OTEL_SDK_DISABLED: "true" } }, async (server) => {
        await fetch(`http://127.0.0.1:${await server.port()}`);
        await server.stop();
      });
      await withServer({ args: ["--otlp-sample-ratio", "0", ...args], env: { ...SOON, OTEL_METRICS_EXPORTER: "none", OTEL_TRACES_SAMPLER: "odd" } }, async (server) => {
        await fetch(`http://127.0.0.1:${await server.port()}`);
        await server.stop();
      });
      assert.equal(receiver.requests, 0);
      await withServer({ args: ["--otlp-endpoint", "localhost:4318", "--otlp-sample-ratio", "2", join(folder, "app.js")] }, async (server) => {
        assert.equal((await server.ended).code, 1);
        assert.match(server.log, /Cannot use --otlp-endpoint: expected a URL such as http:\/\/127\.0\.0\.1:4318, got "localhost:4318"/);
        assert.match(server.log, /Cannot use --otlp-sample-ratio: expected a number from 0 to 1, got /);
      });
      await withServer({ args: ["--otlp-endpoint", "http://me:s3cret@h:4318", join(folder, "app.js")] }, async (server) => {
        assert.equal((await server.ended).code, 1);
        assert.match(server.log, /OTEL_EXPORTER_OTLP_HEADERS/);
        assert.doesNotMatch(server.log, /s3cret/);
      });
    });
  });
});
