import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSyslogAddress, showSyslogAddress, syslogForm } from "../../../core/logging/syslog.ts";

test("parseSyslogAddress() reads gunicorn's addresses", () => {
  assert.deepEqual(parseSyslogAddress("udp://localhost:514"), { kind: "udp", host: "localhost", port: 514 });
  assert.deepEqual(parseSyslogAddress("tcp://Logs.Example"), { kind: "tcp", host: "logs.example", port: 514 });
  assert.deepEqual(parseSyslogAddress("udp://[::1]:5140"), { kind: "udp", host: "::1", port: 5140 });
  assert.deepEqual(parseSyslogAddress("udp://"), { kind: "udp", host: "localhost", port: 514 });
  assert.deepEqual(parseSyslogAddress("unix:///dev/log"), { kind: "unix", path: "/dev/log", type: null });
  assert.deepEqual(parseSyslogAddress("unix:///dev/log#stream"), { kind: "unix", path: "/dev/log", type: "stream" });
  for (const text of ["udp://[::1]:5140", "unix:///dev/log#dgram", "tcp://h:1"]) assert.equal(showSyslogAddress(parseSyslogAddress(text)), text);
  for (const text of ["", "localhost", "http://h", "udp://h:0", "udp://h:70000", "udp://h:x", "unix://", "unix:///dev/log#other", "udp://a b", "unix:///a\0b"]) {
    assert.throws(() => parseSyslogAddress(text), { name: "SyntaxError", message: /^expected udp/ }, text);
  }
});

const SETTINGS = { logSyslogFacility: "user", logSyslogPrefix: null, logSyslogFormat: "gunicorn", name: null, app: "src/app.ts:make" } as const;
const ORIGIN = { pid: 18933, hostname: "web1", time: () => new Date("2026-11-20T15:07:07.123Z") };

test("syslogForm() writes gunicorn's form, a message for each line", () => {
  const form = syslogForm(SETTINGS, ORIGIN);
  assert.deepEqual(form("error", "info", "Booting worker with pid: 18933"), ["<14>tsgi.src.app.ts.make.error: [18933] Booting worker with pid: 18933"]);
  assert.deepEqual(form("error", "error", "It threw\n  at a\n  at b").map((line) => line.slice(0, 4)), ["<11>", "<11>", "<11>"]);
  assert.equal(form("error", "critical", "x\n  at b")[1], "<10>tsgi.src.app.ts.make.error: [18933]   at b");
  const local = syslogForm({ ...SETTINGS, logSyslogFacility: "local7", logSyslogPrefix: "site\n<0>A" }, ORIGIN);
  assert.deepEqual(local("access", "info", "x"), ["<190>tsgi.site.0.A.access: [18933] x"]);
});

test("syslogForm() writes RFC 5424, with nothing in its fields that does not belong there", () => {
  const form = syslogForm({ ...SETTINGS, logSyslogFormat: "rfc5424", logSyslogPrefix: "x".repeat(60) }, ORIGIN);
  assert.deepEqual(form("access", "warning", "GET /"), [`<12>1 2026-11-20T15:07:07.123Z web1 tsgi.${"x".repeat(43)} 18933 access - GET /`]);
  assert.match(syslogForm({ ...SETTINGS, logSyslogFormat: "rfc5424" }, { ...ORIGIN, hostname: "a b\n" })("error", "debug", "x")[0]!, /^<15>1 \S+ - tsgi\.src/);
});
