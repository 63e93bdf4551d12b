import assert from "node:assert/strict";
import { test } from "node:test";
import { formatLine } from "../../../core/logging/format.ts";
import { createLogger } from "../../../core/logging/logger.ts";
import type { LogRecord } from "../../../core/logging/record.ts";

const time = new Date(2026, 10, 20, 15, 7, 7, 42);
const offset = /[+-]\d{4}/.exec(String(time))![0];
const origin = { time, pid: 18892 };
const booting: LogRecord = { level: "info", event: "booting", fields: { pid: 18933 } };

function reason(text: unknown, more: object = {}): LogRecord {
  return { level: "error", event: "reason", fields: { reason: text, ...more } };
}

const NASTY = [
  ...Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)),
  "\r\n[2026-11-20 15:07:07 +0000] [1] [INFO] forged",
  "\x1b]0;title\x07\x1b[31mred",
  "\u2028\u2029\u202e\ud800\udfff",
  "/".repeat(1_048_576),
];

test("formatLine() in text is gunicorn's line", () => {
  assert.equal(formatLine(booting, origin, "text"), `[2026-11-20 15:07:07 ${offset}] [18892] [INFO] Booting worker with pid: 18933`);
  assert.match(formatLine({ ...booting, level: "critical" }, origin, "text"), / \[18892\] \[CRITICAL\] Booting/);
});

test("formatLine() in JSON is one object with time, level, pid, event, message and the fields", () => {
  const line = formatLine(reason("Worker failed to boot.", { tries: 3 }), { ...origin, worker: 2 }, "json");
  assert.deepEqual(Object.entries(JSON.parse(line)), [
    ["time", time.toISOString()],
    ["level", "error"],
    ["pid", 18892],
    ["worker", 2],
    ["event", "reason"],
    ["message", "Reason: Worker failed to boot."],
    ["reason", "Worker failed to boot."],
    ["tries", 3],
  ]);
});

test("formatLine() in JSON keeps the writer's pid apart from the pid that the record is about", () => {
  const object = JSON.parse(formatLine(booting, origin, "json"));
  assert.equal(object.pid, 18892);
  assert.equal(object.field_pid, 18933);
});

test("formatLine() makes one line of whatever a field contains, in both forms", () => {
  for (const value of NASTY) {
    const text = formatLine(reason(value), origin, "text");
    assert.doesNotMatch(text, /[\p{Cc}\p{Cs}\u2028\u2029\u202e]/u);
    assert.ok(text.length < 5000, "a long value is cut");
    const json = formatLine(reason(value), origin, "json");
    assert.doesNotMatch(json, /[\p{Cc}\p{Cs}\u2028\u2029\u202e]/u);
    const parsed = JSON.parse(json);
    if (value.length < 4000) assert.equal(parsed.reason, value);
  }
});

test("formatLine() writes a stack on lines that cannot be taken for records", () => {
  const stack = "Error: bad\r\n[2026-11-20 15:07:07 +0000] [1] [INFO] forged\n    at f (app.ts:1:2)\x1b[31m\rX";
  const [head, ...rest] = formatLine(reason("Worker failed to boot.", { stack }), origin, "text").split("\n");
  assert.match(head!, /Reason: Worker failed to boot\.$/);
  assert.deepEqual(rest, [
    "  Error: bad",
    "  [2026-11-20 15:07:07 +0000] [1] [INFO] forged",
    "      at f (app.ts:1:2)\\x1b[31m\\x0dX",
  ]);
  const json = formatLine(reason("x", { stack }), origin, "json");
  assert.equal(json.split("\n").length, 1);
  assert.equal(JSON.parse(json).stack, stack);
});

test("formatLine() bounds a stack", () => {
  const text = formatLine(reason("x", { stack: "  at f\n".repeat(5000), detail: "y".repeat(1e6) }), origin, "text");
  assert.match(text, /\n {2}\[\+4801 lines\]\n/);
  assert.ok(text.length < 80_000);
});

test("formatLine() throws for no value", () => {
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  const trap = { get a() { throw new Error("no"); }, toString() { throw new Error("never"); } };
  for (const value of [cycle, trap, 10n, Symbol("s"), () => 1, undefined, null, Object.create(null), new Map()]) {
    assert.match(formatLine(reason(value), origin, "text"), /\[ERROR\] /);
    const object = JSON.parse(formatLine(reason(value, { kept: 1 }), origin, "json"));
    assert.equal(object.kept, 1);
    assert.equal(object.event, "reason");
  }
  assert.equal(JSON.parse(formatLine(reason(new RangeError("far")), origin, "json")).reason.name, "RangeError");
});

test("createLogger() writes what is at least as loud as its level", () => {
  const lines: string[] = [];
  const log = createLogger({ level: "warning", format: "json", pid: 7, worker: 3, write: (line) => lines.push(line), time: () => time });
  log("debug", "hang-up");
  log("info", "hang-up");
  log("warning", "hang-up");
  log("critical", "reason", { reason: "x" });
  const objects = lines.map((line) => JSON.parse(line));
  assert.deepEqual(objects.map(({ level }) => level), ["warning", "critical"]);
  assert.deepEqual([objects[0].pid, objects[0].worker, objects[0].time], [7, 3, time.toISOString()]);
});
