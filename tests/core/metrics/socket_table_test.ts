import assert from "node:assert/strict";
import { test } from "node:test";
import { queueOf } from "../../../core/metrics/socket_table.ts";

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000002 00:00000000 00000000     0        0 100 1 0000000000000000 100 0 0 10 0
   1: 0100007F:1F90 00000000:0000 0A 00000000:0000000A 00:00000000 00000000     0        0 101 1 0000000000000000 100 0 0 10 0
   2: 0200007F:1F90 00000000:0000 0A 00000000:00000063 00:00000000 00000000     0        0 102 1 0000000000000000 100 0 0 10 0
   3: 0100007F:1F90 0100007F:C11C 01 00000000:00000000 00:00000000 00000000     0        0 0 1 0000000000000000 20 0 0 10 -1
   4: 0100007F:1F90 0100007F:C11E 01 00000000:00000000 00:00000000 00000000     0        0 103 1 0000000000000000 20 0 0 10 -1
   5: 0100007F:C11E 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 104 1 0000000000000000 20 0 0 10 -1
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:1F91 00000000000000000000000000000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 105 1 0 100 0 0 10 0
`;

const UNIX = `Num       RefCount Protocol Flags    Type St Inode Path
00000000c43f5dda: 00000002 00000000 00010000 0001 01 200 /run/my app.sock
00000000dc08449d: 00000003 00000000 00000000 0001 03 201 /run/my app.sock
00000000ae1adafa: 00000003 00000000 00000000 0001 02     0 /run/my app.sock
000000003c939d50: 00000003 00000000 00000000 0001 02     0 /run/my app.sock
0000000000000000: 00000002 00000000 00010000 0001 01 202 /run/other.sock
0000000000000000: 00000003 00000000 00000000 0001 03 203
`;

test("queueOf() adds up an address's queues, and leaves its port's other addresses alone", () => {
  assert.deepEqual(queueOf({ kind: "tcp", host: "127.0.0.1", port: 8080 }, TCP), { queued: 12, longest: 10, sockets: 2, connections: 1 });
});

test("queueOf() goes by the port where the host is a name, all interfaces, or IPv6", () => {
  assert.equal(queueOf({ kind: "tcp", host: "0.0.0.0", port: 8080 }, TCP).queued, 12 + 99);
  assert.equal(queueOf({ kind: "tcp", host: "localhost", port: 8080 }, TCP).sockets, 3);
  assert.equal(queueOf({ kind: "tcp", host: "::1", port: 8081 }, TCP).queued, 3);
});

test("queueOf() tells a unix socket's waiting connections from accepted ones", () => {
  assert.deepEqual(queueOf({ kind: "unix", path: "/run/my app.sock" }, UNIX), { queued: 2, longest: 2, sockets: 1, connections: 1 });
  assert.deepEqual(queueOf({ kind: "unix", path: "/run/none.sock" }, UNIX), { queued: 0, longest: 0, sockets: 0, connections: 0 });
});
