import assert from "node:assert/strict";
import { test } from "node:test";
import type { Address } from "../../../core/arbiter/listener.ts";
import { familiesOf, queueOf, type SocketRow } from "../../../core/metrics/socket_table.ts";

const tcp = (host: string, port = 8080): Address => ({ kind: "tcp", host, port });
const listening = (address: Address, queued: number): SocketRow => ({ address, state: "listening", queued });
const accepted = (address: Address): SocketRow => ({ address, state: "accepted" });

const app = { kind: "unix", path: "/run/my app.sock" } as const;
const TABLE = {
  tcp: [
    listening(tcp("127.0.0.1"), 2),
    listening(tcp("127.0.0.1"), 10),
    listening(tcp("127.0.0.2"), 99),
    listening(tcp("::1"), 3),
    accepted(tcp("127.0.0.1")),
    accepted(tcp("::ffff:7f00:1")),
    listening(tcp("127.0.0.1", 8081), 1000),
  ],
  unix: [
    listening(app, 0),
    { address: app, state: "waiting" },
    { address: app, state: "waiting" },
    accepted(app),
    listening({ kind: "unix", path: "/run/other.sock" }, 0),
  ],
} as const;

test("queueOf() adds up an address's queues, and leaves its port's other addresses alone", () => {
  assert.deepEqual(queueOf(tcp("127.0.0.1"), TABLE), { queued: 12, longest: 10, sockets: 2, connections: 1 });
  assert.deepEqual(queueOf(tcp("0:0::1"), TABLE), { queued: 3, longest: 3, sockets: 1, connections: 0 });
  assert.equal(queueOf(tcp("::1%lo"), TABLE)!.queued, 3);
  assert.deepEqual(queueOf(tcp("127.0.0.3"), TABLE), { queued: 0, longest: 0, sockets: 0, connections: 0 });
});

test("queueOf() goes by the family where the host is all interfaces, and by the port where it is a name", () => {
  for (const host of ["0.0.0.0", ""]) assert.deepEqual(queueOf(tcp(host), TABLE), { queued: 111, longest: 99, sockets: 3, connections: 1 });
  assert.deepEqual(queueOf(tcp("::"), TABLE), { queued: 3, longest: 3, sockets: 1, connections: 1 });
  assert.deepEqual(queueOf(tcp("localhost"), TABLE), { queued: 114, longest: 99, sockets: 4, connections: 2 });
});

test("queueOf() tells a unix socket's waiting connections from accepted ones", () => {
  assert.deepEqual(queueOf(app, TABLE), { queued: 2, longest: 2, sockets: 1, connections: 1 });
  assert.deepEqual(queueOf({ kind: "unix", path: "/run/none.sock" }, TABLE), { queued: 0, longest: 0, sockets: 0, connections: 0 });
});

test("queueOf() is null where the system does not tell", () => {
  assert.equal(queueOf(app, { ...TABLE, unix: null }), null);
  assert.equal(queueOf(tcp("::1"), { ...TABLE, tcp: null }), null);
});

test("familiesOf() knows a number's family, and of a name both", () => {
  assert.deepEqual(["", "0.0.0.0", "::", "fe80::1%eth0", "localhost", "1.2.3.4.example"].map((host) => familiesOf(host).join()), ["v4", "v4", "v6", "v6", "v4,v6", "v4,v6"]);
});
