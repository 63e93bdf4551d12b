/** An OTLP receiver over HTTP: takes the JSON of traces and metrics, and holds each field against OTLP's own definition. */
import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders } from "node:http";

type Json = Record<string, unknown>;

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly status: { readonly code?: number; readonly message?: string };
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
  readonly scope: string;
  readonly events: readonly { readonly name: string; readonly attributes: Readonly<Record<string, unknown>> }[];
  readonly start: bigint;
  readonly end: bigint;
}

export interface ReceivedMetric {
  readonly unit: string | undefined;
  readonly kind: "sum" | "gauge" | "histogram";
  readonly points: readonly { readonly attributes: Readonly<Record<string, unknown>>; readonly value?: number; readonly count?: number; readonly sum?: number; readonly since: bigint }[];
}

export interface OtlpReceiver {
  readonly url: string;
  readonly spans: ReceivedSpan[];
  /** By name, as of the last message. */
  readonly metrics: Map<string, ReceivedMetric>;
  readonly resource: Readonly<Record<string, unknown>>;
  readonly headers: readonly IncomingHttpHeaders[];
  /** What is wrong with what came. */
  readonly problems: string[];
  /** With what it answers; null for never. */
  status: number | null;
  requests: number;
}

export async function withReceiver<T>(use: (receiver: OtlpReceiver) => Promise<T>, { port = 0 }: { readonly port?: number } = {}): Promise<T> {
  const headers: IncomingHttpHeaders[] = [];
  const receiver = { url: "", spans: [] as ReceivedSpan[], metrics: new Map<string, ReceivedMetric>(), resource: {}, headers, problems: [] as string[], status: 200 as number | null, requests: 0 };
  const server = createServer((request, response) => {
    const chunks: Uint8Array[] = [];
    request.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    request.on("end", () => {
      receiver.requests++;
      if (receiver.status === null) return;
      if (receiver.status === 200) take(request.url ?? "", request.method ?? "", request.headers, Buffer.concat(chunks).toString("utf8"));
      response.writeHead(receiver.status, { "content-type": "application/json" }).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", () => resolve()));
  receiver.url = `http://127.0.0.1:${(server.address() as { readonly port: number }).port}`;
  try {
    return await use(receiver);
  } finally {
    server.closeAllConnections();
    server.close();
    assert.deepEqual(receiver.problems, []);
  }

  function take(path: string, method: string, sent: IncomingHttpHeaders, body: string): void {
    headers.push(sent);
    try {
      assert.equal(method, "POST");
      assert.equal(sent["content-type"], "application/json");
      const message = JSON.parse(body) as Json;
      if (path === "/v1/traces") receiver.spans.push(...spansOf(message));
      else if (path === "/v1/metrics") {
        const { metrics, resource } = metricsOf(message);
        receiver.resource = resource;
        for (const [name, metric] of metrics) receiver.metrics.set(name, metric);
      } else assert.fail(`nothing is at ${path}`);
    } catch (error) {
      receiver.problems.push(`${path}: ${(error as Error).message}`);
    }
  }
}

function spansOf(message: Json): ReceivedSpan[] {
  only(message, ["resourceSpans"]);
  return list(message.resourceSpans).flatMap((one) => {
    only(one, ["resource", "scopeSpans"]);
    only(one.resource as Json, ["attributes"]);
    const resource = attributesOf((one.resource as Json).attributes);
    return list(one.scopeSpans).flatMap((group) => {
      only(group, ["scope", "spans"]);
      const scope = group.scope as Json;
      only(scope, ["name", "version"]);
      return list(group.spans).map((span) => spanOf(span, resource, String(scope.name)));
    });
  });
}

const SPAN = ["traceId", "spanId", "traceState", "parentSpanId", "flags", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes", "droppedAttributesCount", "events", "droppedEventsCount", "links", "droppedLinksCount", "status"];

function spanOf(span: Json, resource: Record<string, unknown>, scope: string): ReceivedSpan {
  only(span, SPAN);
  assert.match(String(span.traceId), /^[0-9a-f]{32}$/);
  assert.match(String(span.spanId), /^[0-9a-f]{16}$/);
  if (span.parentSpanId !== undefined) assert.match(String(span.parentSpanId), /^[0-9a-f]{16}$/);
  assert.ok(typeof span.name === "string" && span.name !== "");
  assert.ok(Number.isInteger(span.kind) && Number(span.kind) >= 1 && Number(span.kind) <= 5, `kind ${span.kind}`);
  for (const count of ["flags", "droppedAttributesCount", "droppedEventsCount", "droppedLinksCount"]) assert.ok(Number.isInteger(span[count]), count);
  const [start, end] = [nanos(span.startTimeUnixNano), nanos(span.endTimeUnixNano)];
  assert.ok(end >= start);
  const status = span.status as ReceivedSpan["status"];
  only(status as Json, ["code", "message"]);
  const events = list(span.events).map((event) => {
    only(event, ["timeUnixNano", "name", "attributes"]);
    nanos(event.timeUnixNano);
    return { name: String(event.name), attributes: attributesOf(event.attributes) };
  });
  for (const link of list(span.links)) only(link, ["traceId", "spanId", "attributes"]);
  return { ...(span as unknown as ReceivedSpan), status, attributes: attributesOf(span.attributes), resource, scope, events, start, end };
}

function metricsOf(message: Json): { readonly metrics: [string, ReceivedMetric][]; readonly resource: Record<string, unknown> } {
  only(message, ["resourceMetrics"]);
  const [one] = list(message.resourceMetrics) as [Json];
  only(one, ["resource", "scopeMetrics"]);
  const metrics = list(one.scopeMetrics).flatMap((group) => {
    only(group, ["scope", "metrics"]);
    return list(group.metrics).map((metric): [string, ReceivedMetric] => [String(metric.name), metricOf(metric)]);
  });
  return { metrics, resource: attributesOf((one.resource as Json).attributes) };
}

function metricOf(metric: Json): ReceivedMetric {
  const kind = (["sum", "gauge", "histogram"] as const).find((one) => one in metric)!;
  only(metric, ["name", "description", "unit", kind]);
  const data = metric[kind] as Json;
  only(data, kind === "sum" ? ["dataPoints", "aggregationTemporality", "isMonotonic"] : kind === "gauge" ? ["dataPoints"] : ["dataPoints", "aggregationTemporality"]);
  if (kind !== "gauge") assert.equal(data.aggregationTemporality, 2);
  if (kind === "sum") assert.equal(data.isMonotonic, true);
  const points = list(data.dataPoints).map((point) => {
    const since = nanos(point.startTimeUnixNano);
    assert.ok(nanos(point.timeUnixNano) >= since);
    const attributes = attributesOf(point.attributes);
    if (kind !== "histogram") {
      only(point, ["attributes", "startTimeUnixNano", "timeUnixNano", "asDouble"]);
      assert.equal(typeof point.asDouble, "number");
      return { attributes, since, value: Number(point.asDouble) };
    }
    only(point, ["attributes", "startTimeUnixNano", "timeUnixNano", "count", "sum", "bucketCounts", "explicitBounds"]);
    const [counts, bounds] = [point.bucketCounts as string[], point.explicitBounds as number[]];
    assert.equal(counts.length, bounds.length + 1);
    assert.ok(counts.every((count) => /^\d+$/.test(count)) && bounds.every((bound, i) => i === 0 || bound > bounds[i - 1]!));
    assert.equal(String(counts.reduce((a, b) => a + Number(b), 0)), point.count);
    return { attributes, since, count: Number(point.count), sum: Number(point.sum) };
  });
  return { unit: metric.unit as string | undefined, kind, points };
}

function attributesOf(found: unknown): Record<string, unknown> {
  return Object.fromEntries(list(found).map(({ key, value, ...rest }) => {
    assert.deepEqual(rest, {});
    assert.ok(typeof key === "string" && key !== "");
    const [[kind, inner] = [], ...others] = Object.entries(value as Json);
    assert.deepEqual(others, []);
    if (kind === "intValue") assert.match(String(inner), /^-?\d+$/);
    else assert.ok(["stringValue", "boolValue", "doubleValue", "arrayValue"].includes(kind!), `${kind}`);
    return [key, kind === "intValue" ? Number(inner) : inner];
  }));
}

function list(value: unknown): Json[] {
  assert.ok(Array.isArray(value), `a list, not ${JSON.stringify(value)}`);
  return value as Json[];
}

function nanos(value: unknown): bigint {
  assert.match(String(value), /^\d{19}$/);
  assert.equal(typeof value, "string");
  return BigInt(value as string);
}

function only(object: Json, keys: readonly string[]): void {
  assert.deepEqual(Object.keys(object).filter((key) => !keys.includes(key)), []);
}
