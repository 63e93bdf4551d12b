import assert from "node:assert/strict";
import { test } from "node:test";
import { parseStatsdTarget } from "../../../core/statsd/target.ts";

test("parseStatsdTarget() reads what gunicorn's --statsd-host takes, and IPv6", () => {
  assert.deepEqual(parseStatsdTarget("localhost:8125"), { kind: "udp", host: "localhost", port: 8125 });
  assert.deepEqual(parseStatsdTarget("[::1]:8125"), { kind: "udp", host: "::1", port: 8125 });
  assert.deepEqual(parseStatsdTarget("unix:/run/statsd.sock"), { kind: "unix", path: "/run/statsd.sock" });
  assert.deepEqual(parseStatsdTarget("unix:///run/statsd.sock"), { kind: "unix", path: "/run/statsd.sock" });
});

test("parseStatsdTarget() refuses what names no place", () => {
  for (const text of ["", "localhost", "localhost:", ":8125", "localhost:0", "localhost:70000", "::1:8125", "http://h:1", "unix:", "a b:1"]) {
    assert.throws(() => parseStatsdTarget(text), SyntaxError, text);
  }
});
