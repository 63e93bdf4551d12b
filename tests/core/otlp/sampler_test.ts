import assert from "node:assert/strict";
import { test } from "node:test";
import { samplerOf } from "../../../core/otlp/sampler.ts";
import { newSpanId, newTraceId } from "../../../core/tracing/traceparent.ts";

function kept(name: string | undefined, arg?: string, ratio: number | null = null): { readonly roots: number; readonly wanted: boolean; readonly unwanted: boolean; readonly note: string | null } {
  const { sampler, note } = samplerOf(ratio, name, arg);
  const roots = Array.from({ length: 4000 }, () => sampler(newTraceId(), null)).filter(Boolean).length / 4000;
  const parent = (isSampled: boolean) => ({ traceId: newTraceId(), spanId: newSpanId(), isSampled });
  return { roots, wanted: sampler(newTraceId(), parent(true)), unwanted: sampler(newTraceId(), parent(false)), note };
}

test("samplerOf() keeps what the sampler of that name keeps", () => {
  assert.deepEqual(kept(undefined), { roots: 1, wanted: true, unwanted: false, note: null });
  assert.deepEqual(kept(" Always_On "), { roots: 1, wanted: true, unwanted: true, note: null });
  assert.deepEqual(kept("always_off"), { roots: 0, wanted: false, unwanted: false, note: null });
  assert.deepEqual(kept("parentbased_always_off"), { roots: 0, wanted: true, unwanted: false, note: null });
  assert.deepEqual(kept("parentbased_traceidratio", "0"), { roots: 0, wanted: true, unwanted: false, note: null });
  assert.deepEqual(kept("traceidratio", "1"), { roots: 1, wanted: true, unwanted: true, note: null });
  for (const { roots } of [kept("traceidratio", "0.25"), kept("always_off", "", 0.25)]) assert.ok(roots > 0.2 && roots < 0.3, `${roots}`);
});

test("samplerOf() keeps all where it does not understand, and says so", () => {
  assert.match(kept("rules").note ?? "", /Cannot use OTEL_TRACES_SAMPLER "rules"/);
  assert.equal(kept("rules").roots, 1);
  for (const arg of ["2", "-1", "x"]) {
    assert.match(kept("traceidratio", arg).note ?? "", /OTEL_TRACES_SAMPLER_ARG/);
    assert.equal(kept("traceidratio", arg).roots, 1);
  }
});

test("samplerOf() decides alike for one trace everywhere", () => {
  const { sampler } = samplerOf(0.5, undefined, undefined);
  const { sampler: wider } = samplerOf(0.75, undefined, undefined);
  for (let i = 0; i < 500; i++) {
    const id = newTraceId();
    if (sampler(id, null)) assert.ok(wider(id, null));
  }
});
