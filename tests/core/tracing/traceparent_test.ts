import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTraceparent, newSpanId, newTraceId, parseTraceparent } from "../../../core/tracing/traceparent.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";

test("parseTraceparent() reads what W3C calls valid", () => {
  assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-01`), { traceId: TRACE, spanId: SPAN, isSampled: true });
  assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-00`), { traceId: TRACE, spanId: SPAN, isSampled: false });
  assert.equal(parseTraceparent(`00-${TRACE}-${SPAN}-02`)?.isSampled, false, "the other bits say something else");
  assert.equal(parseTraceparent(`00-${TRACE}-${SPAN}-03`)?.isSampled, true);
  assert.equal(parseTraceparent(`cc-${TRACE}-${SPAN}-01-what-comes`)?.traceId, TRACE, "of a later version, what is known");
  assert.equal(parseTraceparent(`cc-${TRACE}-${SPAN}-01`)?.spanId, SPAN);
});

test("parseTraceparent() takes what is not valid for none", () => {
  const wrong = [
    null, undefined, "", "00", `00-${TRACE}-${SPAN}`, `00-${TRACE}-${SPAN}-1`, `00-${TRACE}-${SPAN}-01-x`, `00-${TRACE}-${SPAN}-01-`,
    `ff-${TRACE}-${SPAN}-01`, `00-${"0".repeat(32)}-${SPAN}-01`, `00-${TRACE}-${"0".repeat(16)}-01`, `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-0g`, ` 00-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`, `cc-${TRACE}-${SPAN}-01.x`, `00_${TRACE}_${SPAN}_01`,
  ];
  for (const header of wrong) assert.equal(parseTraceparent(header), null, String(header));
});

test("formatTraceparent() writes what parseTraceparent() reads", () => {
  for (const isSampled of [true, false]) {
    const one = { traceId: newTraceId(), spanId: newSpanId(), isSampled };
    assert.deepEqual(parseTraceparent(formatTraceparent(one)), one);
  }
});

test("newTraceId() and newSpanId() are each a new one, of the form", () => {
  const traces = Array.from({ length: 1000 }, newTraceId);
  const spans = Array.from({ length: 1000 }, newSpanId);
  assert.ok(traces.every((id) => /^[0-9a-f]{32}$/.test(id)) && spans.every((id) => /^[0-9a-f]{16}$/.test(id)));
  assert.equal(new Set(traces).size + new Set(spans).size, 2000);
});
