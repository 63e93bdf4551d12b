import assert from "node:assert/strict";
import { test } from "node:test";
import { KIND, Span, STATUS, type TimeInput } from "../../../core/otlp/span.ts";
import { SpanQueue } from "../../../core/otlp/span_queue.ts";
import type { Sent } from "../../../core/otlp/receiver.ts";
import { anyValue, nanos } from "../../../core/otlp/values.ts";
import { newSpanId, newTraceId } from "../../../core/tracing/traceparent.ts";

function span(ended: (span: Span) => void = () => {}, isSampled = true): Span {
  return new Span({ name: "GET", kind: KIND.server, trace: { traceId: newTraceId(), spanId: newSpanId(), isSampled }, parent: null, state: null, start: 1_000_000, scope: "x", attributes: { a: 1 }, ended });
}

test("Span keeps what it was told until it ends, once, within its limits", () => {
  const ended: Span[] = [];
  const one = span((s) => ended.push(s));
  for (let i = 0; i < 200; i++) one.setAttribute(`k${i}`, "x".repeat(9999)).addEvent("e").addLink({ context: one.spanContext() });
  one.setAttribute("k0", true).setAttribute("none", null);
  one.setStatus({ code: STATUS.ok }).setStatus({ code: STATUS.error });
  one.end(2_000_000_000_000);
  one.end();
  one.setAttribute("a", 2).updateName("late").addEvent("late");
  assert.equal(ended.length, 1);
  assert.deepEqual([one.name, one.attributes.a, one.attributes.k0, String(one.attributes.k1).length, one.status.code, one.endedAt], ["GET", 1, true, 4096, STATUS.ok, 2_000_000_000_000]);
  assert.deepEqual([Object.keys(one.attributes).length, one.events.length, one.links.length, one.dropped], [128, 128, 128, { attributes: 73, events: 72, links: 72 }]);
});

test("Span records nothing where its trace is not kept", () => {
  const one = span(() => assert.fail("told"), false);
  one.setAttribute("b", 1).addEvent("e").end();
  assert.deepEqual([one.isRecording(), one.attributes, one.events, one.spanContext().traceFlags], [false, {}, [], 0]);
});

test("Span takes the API's ways to tell a time", () => {
  const at = 1_800_000_000_000;
  const times: TimeInput[] = [at, new Date(at), [at / 1000, 0], at - performance.timeOrigin];
  for (const time of times) {
    const one = span();
    one.end(time);
    assert.ok(Math.abs(one.endedAt! - at) < 0.01, String(time));
  }
});

test("nanos() and anyValue() are as OTLP's JSON has them", () => {
  assert.equal(nanos(1_800_000_000_000.1239), "1800000000000124000");
  assert.deepEqual([1, 1.5, NaN, true, "a\ud800", [1, null, "b"], {}, null, 1e300].map(anyValue), [
    { intValue: "1" }, { doubleValue: 1.5 }, { doubleValue: "NaN" }, { boolValue: true }, { stringValue: "a\ufffd" }, { arrayValue: { values: [{ intValue: "1" }, { stringValue: "b" }] } }, null, null, { doubleValue: 1e300 },
  ]);
});

test("SpanQueue rests longer after each failure, drops what is too much, and has one try at the end", async () => {
  let tick = () => {};
  let answer: Sent = "refused";
  const batches: number[] = [];
  const told: unknown[] = [];
  const queue = new SpanQueue({
    size: 5, batch: 2, period: 1,
    every: (_, run) => {
      tick = run;
      return { stop: () => {} };
    },
    send: async (spans) => {
      batches.push(spans.length);
      return answer;
    },
    log: (level, event, fields) => void told.push([level, event, fields]),
  });
  const turn = async () => {
    tick();
    await new Promise((resolve) => setTimeout(resolve, 0));
  };
  for (let i = 0; i < 7; i++) queue.add(span());
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual([batches, queue.dropped], [[2], 2], "at once when a batch is full");
  for (let i = 0; i < 8; i++) await turn();
  assert.equal(batches.length, 3, "after one period, and after two more");
  answer = "sent";
  for (let i = 0; i < 5; i++) await turn();
  assert.deepEqual(batches.slice(3), [2, 2, 1]);
  assert.deepEqual(told, [["warning", "spans-dropped", { spans: 2 }]]);
  answer = "lost";
  queue.add(span());
  await turn();
  assert.equal(queue.dropped, 3);
  answer = "refused";
  queue.add(span());
  await queue.close(1000);
  assert.equal(queue.dropped, 4);
  assert.deepEqual(told.at(-1), ["warning", "spans-dropped", { spans: 2 }]);
});
