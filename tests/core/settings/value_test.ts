import assert from "node:assert/strict";
import { test } from "node:test";
import { rowOf, type SettingName } from "../../../core/settings/table.ts";
import { readValue } from "../../../core/settings/value.ts";

function read(name: SettingName, written: unknown): unknown {
  const reading = readValue(rowOf(name), written);
  assert.ok(reading.ok, `${name} ${String(written)}`);
  return reading.value;
}

function refuse(name: SettingName, written: unknown): string {
  const reading = readValue(rowOf(name), written);
  assert.ok(!reading.ok, `${name} ${String(written)}`);
  return `${reading.expected}; ${reading.got ?? ""}`;
}

test("readValue() reads durations with and without a unit", () => {
  const durations = { "10m": 600, "500ms": 0.5, "700ms": 0.7, "30": 30, "1.5": 1.5, "2h": 7200, "1d": 86400, "5 s": 5, "0": 0 };
  for (const [text, seconds] of Object.entries(durations)) assert.equal(read("timeout", text), seconds, text);
  assert.equal(read("timeout", 12.5), 12.5);
  // 2000001 s would overflow a timer, which then fires at once.
  for (const bad of ["-1", -1, NaN, Infinity, "10 minutes", "", "1m30s", 2000001, "24d", null, true]) assert.match(refuse("timeout", bad), /seconds from 0/);
});

test("readValue() reads a mask as gunicorn does: octal with a leading 0, hexadecimal with 0x, else decimal", () => {
  const masks = { "0": 0, "022": 0o22, "0o27": 0o27, "007": 7, "0x12": 18, "18": 18, "0777": 0o777 };
  for (const [text, mask] of Object.entries(masks)) assert.equal(read("umask", text), mask, text);
  assert.equal(read("umask", 0o22), 18);
  for (const bad of ["", "08", "01000", "-1", -1, 1.5, 512, "u=rwx", "0x", null, true]) assert.match(refuse("umask", bad), /a file mode mask from 0 to 0777/);
});

test("readValue() reads whole numbers only, and auto for workers", () => {
  assert.equal(read("workers", "4"), 4);
  assert.equal(read("workers", 4), 4);
  assert.equal(read("workers", "auto"), "auto");
  for (const bad of ["0", 0, "-5", 1.5, "4x", "0x10", "", " ", "1e3", null, true, [4]]) assert.match(refuse("workers", bad), /a whole number >= 1 or auto/);
  assert.match(refuse("backlog", "auto"), /a whole number from 1 to 2147483647/);
});

test("readValue() reads truth in the words that people use", () => {
  for (const word of [true, "true", "1", "yes", "ON"]) assert.equal(read("reusePort", word), true);
  for (const word of [false, "false", "0", "no", "off"]) assert.equal(read("reusePort", word), false);
  for (const bad of ["", "maybe", 1, null, "constructor"]) assert.match(refuse("reusePort", bad), /true or false/);
});

test("readValue() reads a choice in any case and suggests the nearest", () => {
  assert.equal(read("logLevel", "INFO"), "info");
  assert.match(refuse("logLevel", "warn"), /debug, info, warning, error or critical; "warn", did you mean warning\?/);
  assert.match(refuse("workerClass", "gevent"), /^async, sync, gthread, threads or the path of a module such as \.\/my_class\.ts; /);
  assert.equal(read("workerClass", "./Mine.ts"), "./Mine.ts");
  for (const bad of [".ts", "mine.py", "gevent"]) assert.match(refuse("workerClass", bad), /or the path of a module/);
  assert.match(refuse("runtime", null), /deno or bun/);
});

test("readValue() reads one address or a list, each once", () => {
  assert.deepEqual(read("bind", ":80"), [{ kind: "tcp", host: "0.0.0.0", port: 80 }]);
  assert.deepEqual(read("bind", ["unix:/a", "fd://3"]), [{ kind: "unix", path: "/a" }, { kind: "fd", fd: 3 }]);
  assert.equal((read("bind", [":0", ":0", ":0"]) as unknown[]).length, 3);
  assert.match(refuse("bind", ["a:80", "A:80"]), /every address once; a:80 twice/);
  assert.match(refuse("bind", ["a:80", "8000"]), /host before the port.*; 8000/);
  assert.match(refuse("bind", []), /at least one/);
  assert.match(refuse("bind", [80]), /such as 127.0.0.1:8000, or a list of them; 80/);
});

test("readValue() reads KEY=VAL and objects, and never shows a value that may be secret", () => {
  assert.deepEqual(read("env", ["A=1", "B=x=y", "C=", "A=2"]), { A: "2", B: "x=y", C: "" });
  assert.deepEqual(read("env", { A: "1" }), { A: "1" });
  assert.equal(JSON.stringify(read("env", ["__proto__=x"])), '{"__proto__":"x"}');
  assert.match(refuse("env", ["A"]), /KEY=VAL; "A"/);
  assert.match(refuse("env", ["=hidden"]), /name before the =; the name ""/);
  assert.match(refuse("env", { PIN: 4711 }), /text for every variable; a number for PIN/);
  assert.doesNotMatch(refuse("env", { A: "se\0cret" }), /cret/);
});

test("readValue() takes null only where null is the default", () => {
  assert.equal(read("accessLogfile", null), null);
  refuse("errorLogfile", null);
  refuse("chdir", null);
  refuse("name", "");
});

test("readValue() reads a list of texts, and one text as a list", () => {
  assert.deepEqual(read("reloadExtraFile", "a"), ["a"]);
  assert.deepEqual(read("reloadExtraFile", ["a", "b"]), ["a", "b"]);
  assert.deepEqual(read("reloadExtraFile", []), []);
  for (const bad of ["", ["a", ""], [1], [undefined], null, {}, ["a\0"]]) assert.match(refuse("reloadExtraFile", bad), /text, or a list of texts/);
});
