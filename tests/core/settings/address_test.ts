import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAddress, showAddress } from "../../../core/settings/address.ts";

const tcp = (host: string, port: number) => ({ kind: "tcp", host, port });

test("parseAddress() reads every form that gunicorn has", () => {
  const forms: readonly [string, unknown][] = [
    ["127.0.0.1:9000", tcp("127.0.0.1", 9000)],
    ["127.0.0.1", tcp("127.0.0.1", 8000)],
    ["LocalHost:80", tcp("localhost", 80)],
    ["my_host.example.:80", tcp("my_host.example.", 80)],
    [":9000", tcp("0.0.0.0", 9000)],
    ["[::1]:9000", tcp("::1", 9000)],
    ["[::]", tcp("::", 8000)],
    ["[fe80::1%eth0]:1", tcp("fe80::1%eth0", 1)],
    ["tcp://0.0.0.0:0", tcp("0.0.0.0", 0)],
    ["TCP://[::1]:2", tcp("::1", 2)],
    ["unix:/run/app.sock", { kind: "unix", path: "/run/app.sock" }],
    ["unix:///run/app.sock", { kind: "unix", path: "/run/app.sock" }],
    ["unix:app.sock", { kind: "unix", path: "app.sock" }],
    ["fd://3", { kind: "fd", fd: 3 }],
  ];
  for (const [text, value] of forms) assert.deepEqual(parseAddress(text), { ok: true, value }, text);
});

test("parseAddress() refuses what would be guessed wrong, and says what to write", () => {
  const refusals: readonly [string, RegExp][] = [
    ["8000", /127\.0\.0\.1:8000, or :8000 for every interface/],
    ["::1", /IPv6 address in brackets, such as \[::1\]:8000/],
    ["http://localhost:80", /without a scheme/],
    ["localhost:http", /port from 0 to 65535/],
    ["localhost:65536", /port from 0 to 65535/],
    ["localhost:", /port/],
    ["[::1]:x", /port/],
    ["[127.0.0.1]:80", /IPv6/],
    ["256.0.0.1:80", /host name or an IP address/],
    ["1.2.3:80", /host name or an IP address/],
    ["a b:80", /host name/],
    ["a/b:80", /host name/],
    ["", /such as 127\.0\.0\.1:8000/],
    ["unix:", /path after unix:/],
    [`unix:/${"x".repeat(107)}`, /at most 107 bytes, not 108/],
    ["fd://2", /3 or above/],
    ["fd://x", /fd:\/\/N/],
  ];
  for (const [text, expected] of refusals) {
    const reading = parseAddress(text);
    assert.ok(!reading.ok, text);
    assert.match(reading.expected, expected, text);
  }
});

test("showAddress() writes what parseAddress() reads", () => {
  for (const text of ["127.0.0.1:9000", "[::1]:80", "unix:/run/app.sock", "fd://3"]) {
    const reading = parseAddress(text);
    assert.ok(reading.ok);
    assert.equal(showAddress(reading.value), text);
  }
});
