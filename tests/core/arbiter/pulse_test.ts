import assert from "node:assert/strict";
import { test } from "node:test";
import type { FromWorker } from "../../../core/arbiter/message.ts";
import { Pulse } from "../../../core/arbiter/pulse.ts";
import type { Report } from "../../../core/metrics/census.ts";

const report = { lag: null, memory: { rss: 1, heapUsed: 1, heapTotal: 1 }, changes: [] } satisfies Report;

/** What one beat after another sends, half a second apart, and how often the worker was seen to live. */
function beats(all: readonly { readonly handled?: number; readonly inFlight?: number; readonly answers?: number; readonly hasNews?: boolean; readonly at?: number }[], isSeen = true) {
  let now = 0;
  let seen = 0;
  let news = false;
  const sent: FromWorker[] = [];
  const pulse = new Pulse({ now: () => now, send: (message) => sent.push(message) }, { show: isSeen ? () => seen++ : null, metrics: { hasNews: () => news, report: () => report } });
  const counts = all.map(({ handled = 0, inFlight = 0, answers, hasNews = false, at = now + 500 }) => {
    now = at;
    news = hasNews;
    pulse.beat({ type: "beat", handled, inFlight, ...(answers === undefined ? {} : { tally: { answers, errors: 0 } }) });
    return sent.length;
  });
  return { counts, seen, sent };
}

test("Pulse tells the first beat, and then what is new", () => {
  const { counts, seen, sent } = beats([{}, {}, { handled: 1, inFlight: 1 }, { handled: 1 }, { handled: 1 }, { handled: 1, hasNews: true }, { handled: 1, answers: 1 }, { handled: 1, answers: 1 }]);
  assert.deepEqual(counts, [1, 1, 2, 3, 3, 4, 5, 5]);
  assert.equal(seen, 8, "each is seen");
  assert.deepEqual(sent[0], { type: "beat", handled: 0, inFlight: 0, report });
});

test("Pulse tells every five seconds how an idle worker is", () => {
  assert.deepEqual(beats([{ at: 500 }, { at: 5000 }, { at: 5500 }, { at: 6000 }]).counts, [1, 1, 2, 2]);
});

test("Pulse tells every beat that nobody sees", () => {
  assert.deepEqual(beats([{}, {}, {}], false).counts, [1, 2, 3]);
});
