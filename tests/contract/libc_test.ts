import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { bytes, FAMILY, libc, OPTION, requireLibc } from "../../runtimes/libc.ts";
import { decodeAddress, encodeAddress, type SocketAddress } from "../../runtimes/socket_address.ts";
import { workerCommand } from "../../runtimes/worker_command.ts";

test("libc is found on Linux", () => {
  assert.ok(!(libc instanceof Error), String(libc));
});

test("clock() tells milliseconds that pass as performance.now()'s do", () => {
  const c = requireLibc();
  const [from, since] = [c.clock(), performance.now()];
  while (performance.now() - since < 50);
  const [mine, theirs] = [c.clock() - from, performance.now() - since];
  assert.ok(mine >= 50 && mine <= theirs + 1, `${mine} ms of ${theirs}`);
});

test("minutesAhead() knows the zone as Date does, in winter and in summer", () => {
  for (const [zone, ...expected] of [["UTC", 0, 0], ["Europe/Berlin", 60, 120], ["America/St_Johns", -210, -150], ["Asia/Kolkata", 330, 330]] as const) {
    const { command, args, env } = workerCommand({ script: fileURLToPath(new URL("children/zone.ts", import.meta.url)), env: { ...(process.env as Record<string, string>), TZ: zone }, appDirectory: "/" });
    const output = execFileSync(command, [...args], { env, encoding: "utf8" });
    assert.deepEqual(JSON.parse(output), [expected, expected], zone);
  }
});

test("a failed call names itself and its errno, with other errors and garbage in between", () => {
  const c = requireLibc();
  const socket = c.socket(FAMILY.v4);
  const garbage: Uint8Array[] = [];
  const codes = new Map<string, number>();
  const note = (run: () => void) => {
    try {
      run();
    } catch (error) {
      const text = (error as Error).message;
      codes.set(text, (codes.get(text) ?? 0) + 1);
    }
    garbage[garbage.length % 500] = bytes(4096);
    if (garbage.length > 1000) garbage.length = 0;
  };
  for (let i = 0; i < 5000; i++) {
    note(() => c.close(1 << 20));
    note(() => c.bind(socket, { family: "v4", host: "192.0.2.1", port: 0 }));
    note(() => c.bind(socket, { family: "unix", path: "/wrong-family" }));
    note(() => c.nonBlocking(1 << 20));
  }
  c.close(socket);
  assert.deepEqual(Object.fromEntries(codes), { "close: EBADF": 5000, "bind: EADDRNOTAVAIL": 5000, "bind: EAFNOSUPPORT": 5000, "fcntl: EBADF": 5000 });
});

test("get() gives null for what is no socket", () => {
  const c = requireLibc();
  assert.equal(c.get(1 << 20, OPTION.accepting), null);
  assert.equal(c.nameOf(1 << 20), null);
});

const addresses: SocketAddress[] = [
  { family: "v4", host: "127.0.0.1", port: 8000 },
  { family: "v6", host: "::", port: 65535 },
  { family: "v6", host: "::1", port: 1 },
  { family: "v6", host: "2001:db8::5:0:1", port: 80 },
  { family: "v6", host: "1:2:3:4:5:6:7:8", port: 80 },
  { family: "unix", path: "/run/app.sock" },
  { family: "unix", path: "\0tsgi/tcp/0.0.0.0/80" },
];
for (const address of addresses) {
  test(`decodeAddress() undoes encodeAddress() of ${JSON.stringify(address)}`, () => {
    assert.deepEqual(decodeAddress(encodeAddress(address)), address);
  });
}

test("encodeAddress() understands IPv6 with dots", () => {
  assert.deepEqual(decodeAddress(encodeAddress({ family: "v6", host: "::ffff:127.0.0.1", port: 80 })), { family: "v6", host: "::ffff:7f00:1", port: 80 });
});

test("encodeAddress() refuses a path that would be cut", () => {
  assert.throws(() => encodeAddress({ family: "unix", path: "x".repeat(108) }), /at most 107 bytes/);
});
