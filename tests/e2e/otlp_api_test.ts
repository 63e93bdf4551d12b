/** Real applications that use @opentelemetry/api, served by a real server that exports. */
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { withReceiver } from "./otlp_receiver.ts";
import { root, withFolder, withServer } from "./server.ts";

const SOON = { OTEL_BSP_SCHEDULE_DELAY: "100", OTEL_METRIC_EXPORT_INTERVAL: "200" };

/** The application's own copy of the API. */
function install(folder: string): void {
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(join(root, "node_modules/@opentelemetry"), join(folder, "node_modules/@opentelemetry"));
}

const TRACED = `
import { context, propagation, trace } from "@opentelemetry/api";
const tracer = trace.getTracer("shop");
export default async (environ, start) => {
  const active = trace.getActiveSpan();
  await new Promise((resolve) => setTimeout(resolve, 5));
  const isSame = trace.getActiveSpan() === active;
  active.setAttribute("shop.cart", 3).updateName("GET /cart/:id").addEvent("seen", { n: 1.5 });
  const carrier = {};
  const inner = await tracer.startActiveSpan("work", { attributes: { a: [1, "b"] } }, async (span) => {
    await Promise.resolve();
    propagation.inject(context.active(), carrier);
    const leaf = tracer.startSpan("leaf");
    leaf.recordException(new TypeError("odd"));
    leaf.setStatus({ code: 2, message: "odd" });
    leaf.end();
    leaf.setAttribute("late", true);
    const { spanId } = span.spanContext();
    span.end();
    return spanId;
  });
  start("200 OK", []);
  return [JSON.stringify({ isSame, server: active.spanContext(), inner, carrier, path: environ.PATH_INFO })];
};`;

test("tsgi makes the server's span the active one of an application with @opentelemetry/api, and records its own below", async () => {
  await withReceiver(async (receiver) => {
    await withFolder({ "app.js": TRACED, "package.json": '{"type":"module"}' }, async (folder) => {
      install(folder);
      await withServer({ args: ["-b", "127.0.0.1:0", join(folder, "app.js")], env: { ...SOON, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_METRICS_EXPORTER: "none" } }, async (server) => {
        const url = `http://127.0.0.1:${await server.port()}`;
        const answers = await Promise.all(["/1", "/2", "/3"].map(async (path) => await (await fetch(url + path)).json() as { isSame: boolean; server: { traceId: string; spanId: string }; inner: string; carrier: { traceparent: string }; path: string }));
        await server.until(() => receiver.spans.length === 9, "nine spans");
        assert.equal(new Set(answers.map((answer) => answer.server.traceId)).size, 3);
        for (const { isSame, server: own, inner, carrier, path } of answers) {
          assert.ok(isSame, "also after an await");
          const [first, work, leaf] = ["GET /cart/:id", "work", "leaf"].map((name) => receiver.spans.find((span) => span.name === name && span.traceId === own.traceId)!);
          assert.deepEqual([first!.spanId, first!.attributes["url.path"], first!.attributes["shop.cart"], first!.events], [own.spanId, path, 3, [{ name: "seen", attributes: { n: 1.5 } }]]);
          assert.deepEqual([work!.spanId, work!.parentSpanId, work!.kind, work!.scope], [inner, own.spanId, 1, "shop"]);
          assert.deepEqual(work!.attributes.a, { values: [{ intValue: "1" }, { stringValue: "b" }] });
          assert.deepEqual([leaf!.parentSpanId, leaf!.status, leaf!.attributes, leaf!.events[0]!.attributes["exception.type"]], [inner, { code: 2, message: "odd" }, {}, "TypeError"]);
          assert.equal(carrier.traceparent, `00-${own.traceId}-${inner}-01`);
        }
        assert.equal(receiver.metrics.size, 0, "OTEL_METRICS_EXPORTER=none");
      });
    });
  });
});

const OWN_SDK = `
import { context, trace, ROOT_CONTEXT } from "@opentelemetry/api";
import { AsyncLocalStorage } from "node:async_hooks";
const storage = new AsyncLocalStorage();
context.setGlobalContextManager({
  active: () => storage.getStore() ?? ROOT_CONTEXT,
  with: (to, run, self, ...args) => storage.run(to, () => run.apply(self, args)),
  bind: (to, target) => target, enable() { return this; }, disable() { return this; },
});
trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan: (name, options, at = context.active()) => ({ mine: trace.getSpan(at)?.spanContext() }) }) });
export default { async fetch() { await null; return Response.json(trace.getTracer("x").startSpan("mine").mine ?? null); } };`;

test("tsgi leaves an application's own OpenTelemetry SDK in charge, and gives it the server's span as parent", async () => {
  await withReceiver(async (receiver) => {
    await withFolder({ "app.js": OWN_SDK, "package.json": '{"type":"module"}' }, async (folder) => {
      install(folder);
      await withServer({ args: ["-b", "127.0.0.1:0", "--log-level", "debug", "--otlp-endpoint", receiver.url, join(folder, "app.js")], env: SOON }, async (server) => {
        const url = `http://127.0.0.1:${await server.port()}`;
        await server.logged(/OpenTelemetry SDK of its own/);
        const mine = await (await fetch(url)).json() as { readonly spanId: string };
        await server.until(() => receiver.spans.length === 1, "the server's span");
        assert.equal(mine.spanId, receiver.spans[0]!.spanId);
      });
    });
  });
});
