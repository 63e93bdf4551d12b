import assert from "node:assert/strict";
import { test } from "node:test";
import { step } from "../../../core/arbiter/arbiter.ts";
import { arbiter } from "../../../core/arbiter/step/state.ts";
import { Ledger } from "../../../core/metrics/ledger.ts";
import { Meter, METER_SIZE, readLogged, readMeter } from "../../../core/metrics/meter.ts";
import { makeStats } from "../../../core/metrics/stats.ts";
import { Statsd } from "../../../core/statsd/statsd.ts";

const OFF = { statsdHost: null, statsdPrefix: null, dogstatsdTags: [], statsdCompat: null };

test("Statsd follows a reload to another server, counts nothing twice, and tells of failures once a minute", async () => {
  const memory = new Uint8Array(METER_SIZE);
  const meter = new Meter(memory, () => 0);
  const answer = () => meter.end(meter.begin(), 200);
  const [state] = step(arbiter({ workers: 1, timeout: 0, bootTimeout: 0, gracefulTimeout: 0 }, { covers: true }, 0), { type: "started", at: 0 });
  const stats = () => makeStats({
    state, server: { version: "1.0", runtime: "bun", pid: 1 }, started: 0, at: 1000, ledger: new Ledger().stats(), requests: readMeter(memory), logged: readLogged(memory),
    requestsOf: () => null, healthOf: () => null, listeners: [], application: [],
  });
  let tick = () => {};
  const told: unknown[] = [];
  const sent: string[] = [];
  const requests = () => sent.splice(0).join("\n").split("\n").filter((line) => /^\S+ \S*requests:/.test(line));
  const statsd = new Statsd(OFF, {
    controls: { stats },
    log: (...record) => void told.push(record),
    before: null,
    every: (_, run) => {
      tick = run;
      return { stop: () => {} };
    },
    open: (target, failed) => ({
      send: (packet) => {
        if (target.kind === "unix") failed("gone");
        for (const line of packet.split("\n")) sent.push(`${target.kind === "unix" ? target.path : target.port} ${line}`);
      },
      close: async () => void sent.push("closed"),
    }),
  });
  answer();
  tick();
  assert.equal(sent.length, 0, "off");
  statsd.use({ ...OFF, statsdHost: "h:1" });
  answer();
  tick();
  assert.deepEqual(requests(), ["1 tsgi.requests:1|c"], "since it is on");
  statsd.use({ ...OFF, statsdHost: "unix:/s", statsdPrefix: "x" });
  answer();
  answer();
  tick();
  assert.deepEqual(requests(), ["/s x.tsgi.requests:2|c"]);
  for (let i = 0; i < 100; i++) tick();
  assert.equal(told.length, 2);
  assert.deepEqual(told[0], ["warning", "statsd-failed", { address: "unix:/s", reason: "gone" }]);
  sent.length = 0;
  statsd.use(OFF);
  answer();
  tick();
  assert.deepEqual(sent, ["closed"]);
  statsd.use({ ...OFF, statsdHost: "h:1" });
  sent.length = 0;
  answer();
  await statsd.close();
  assert.deepEqual(sent.filter((line) => line.includes("requests:") || line === "closed"), ["1 tsgi.requests:1|c", "closed"]);
});
