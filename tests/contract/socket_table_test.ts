import assert from "node:assert/strict";
import { once } from "node:events";
import { constants, tmpdir } from "node:os";
import { connect, type Socket } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Address, HoldOptions } from "../../core/arbiter/listener.ts";
import { familiesOf, queueOf, type SocketRow } from "../../core/metrics/socket_table.ts";
import { adopt } from "../../runtimes/adoption.ts";
import { runtime } from "../../runtimes/current.ts";
import { type Libc, requireLibc, SystemError } from "../../runtimes/libc.ts";
import { tcpRows, unixRows } from "../../runtimes/proc_net.ts";
import { askSockets } from "../../runtimes/sock_diag.ts";
import { socketTable } from "../../runtimes/socket_table.ts";
import { hold } from "../../runtimes/sockets.ts";
import { Connection, target } from "./client.ts";

const folder = mkdtempSync(join(tmpdir(), "tsgi-test-"));
after(() => rmSync(folder, { recursive: true }));
const options: HoldOptions = { backlog: 256, mode: "adopt" };
const fromProc = socketTable(new Error("Cannot call the C library: a test says so"));
const inOrder = (rows: readonly SocketRow[] | null) => rows?.map((row) => JSON.stringify(row)).sort();

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:0000000A 00:00000000 00000000     0        0 101 1 0000000000000000 100 0 0 10 0
   1: 0200007F:1F90 00000000:0000 0A 00000000:00000063 00:00000000 00000000     0        0 102 1 0000000000000000 100 0 0 10 0
   2: 0100007F:1F90 0100007F:C11C 01 00000000:00000000 00:00000000 00000000     0        0 0 1 0000000000000000 20 0 0 10 -1
   3: 0100007F:1F90 0100007F:C11E 01 00000000:00000000 00:00000000 00000000     0        0 103 1 0000000000000000 20 0 0 10 -1
   4: 0100007F:C11E 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 104 1 0000000000000000 20 0 0 10 -1
   5: 0100007F:1F90 0100007F:C11A 06 00000000:00000000 03:00000AA8 00000000     0        0 0 3 0000000000000000
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: B80D0120000000000000000001000000:1F91 00000000000000000000000000000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 105 1 0 100 0 0 10 0
`;

const UNIX = `Num       RefCount Protocol Flags    Type St Inode Path
00000000c43f5dda: 00000002 00000000 00010000 0001 01 200 /run/my app.sock
00000000dc08449d: 00000003 00000000 00000000 0001 03 201 /run/my app.sock
00000000ae1adafa: 00000003 00000000 00000000 0001 02     0 /run/my app.sock
0000000000000000: 00000003 00000000 00000000 0001 03 203
`;

test("tcpRows() takes what listens at a port, and what was accepted there", () => {
  assert.deepEqual(tcpRows(TCP, [8080]), [
    { address: { kind: "tcp", host: "127.0.0.1", port: 8080 }, state: "listening", queued: 10 },
    { address: { kind: "tcp", host: "127.0.0.2", port: 8080 }, state: "listening", queued: 99 },
    { address: { kind: "tcp", host: "127.0.0.1", port: 8080 }, state: "accepted" },
  ]);
  assert.deepEqual(tcpRows(TCP, [8081]), [{ address: { kind: "tcp", host: "2001:db8::1", port: 8081 }, state: "listening", queued: 3 }]);
});

test("unixRows() tells what listens, waits, and was accepted", () => {
  const address = { kind: "unix", path: "/run/my app.sock" } as const;
  assert.deepEqual(unixRows(UNIX), [{ address, state: "listening", queued: 0 }, { address, state: "accepted" }, { address, state: "waiting" }]);
});

test("socketTable() tells what waits at addresses of every kind", async () => {
  for (const address of [tcp("127.0.0.1"), tcp("::1"), tcp(""), tcp("::"), tcp("localhost"), { kind: "unix", path: join(folder, "app.sock") }] as Address[]) {
    const held = await hold(address, options);
    held.descriptor(0);
    const clients = await connected(held.address, 3);
    for (const read of [socketTable(), fromProc]) {
      assert.deepEqual(queueOf(held.address, read([held.address])), { queued: 3, longest: 3, sockets: 1, connections: 0 }, JSON.stringify(address));
    }
    for (const client of clients) client.destroy();
    held.close();
  }
});

for (const [what, host, client] of [["IPv4", "127.0.0.1", "127.0.0.1"], ["IPv6", "::1", "::1"], ["IPv4 by way of IPv6", "::", "127.0.0.1"]] as const) {
  test(`askSockets() tells of a listener with ${what} what /proc tells`, async () => {
    const held = await hold(tcp(host), options);
    const at = held.address as Address & { kind: "tcp" };
    const served = await adopt(runtime, held.descriptor(0)!, { handler: () => new Response("answered"), onError: () => new Response("failed"), keepAlive: 60 });
    const asking = Array.from({ length: 2 }, () => new Connection({ ...at, host: client }));
    for (const one of asking) one.ask("/");
    await Promise.all(asking.map((one) => one.has("answered")));
    served.pause();
    const waiting = await connected({ ...at, host: client }, 3);
    // Other sockets, of which nothing is to be told.
    const other = await hold(tcp(host), options);
    other.descriptor(0);
    const asked = askSockets(requireLibc(), { families: familiesOf(host), ports: [at.port] });
    assert.deepEqual(inOrder(asked), inOrder(fromProc([at]).tcp));
    assert.deepEqual(queueOf(at, { tcp: asked, unix: null }), { queued: 3, longest: 3, sockets: 1, connections: 2 });
    for (const socket of [...waiting, ...asking.map((one) => one.socket)]) socket.destroy();
    served.resume();
    await served.close(1000);
    held.close();
    other.close();
  });
}

test("askSockets() finds each of several ports in replies of several datagrams, and closes its descriptor", async () => {
  const helds = await Promise.all(["127.0.0.1", "::1", "127.0.0.1", "127.0.0.1"].map((host) => hold(tcp(host), options)));
  for (const held of helds) held.descriptor(0);
  const clients = (await Promise.all(helds.map((held, i) => connected(held.address, (i + 1) * 20)))).flat();
  let datagrams = 0;
  const open = new Set<number>();
  const c: Libc = {
    ...requireLibc(),
    netlinkSocket: (protocol) => note(requireLibc().netlinkSocket(protocol)),
    receive: (fd, into) => (datagrams++, requireLibc().receive(fd, into)),
    close: (fd) => (open.delete(fd), requireLibc().close(fd)),
  };
  const note = (fd: number) => (open.add(fd), fd);
  const addresses = helds.map(({ address }) => address);
  const table = socketTable(c)(addresses);
  assert.deepEqual(addresses.map((one) => queueOf(one, table)!.queued), [20, 40, 60, 80]);
  assert.equal(table.tcp!.length, 4);
  assert.ok(datagrams > 4, `${datagrams} datagrams`);
  assert.equal(open.size, 0);
  for (const client of clients) client.destroy();
  for (const held of helds) held.close();
});

test("socketTable() reads /proc where netlink is refused, and asks again only after an error that passes", async () => {
  const held = await hold(tcp("127.0.0.1"), options);
  held.descriptor(0);
  const real = requireLibc();
  const { EPERM, EMFILE } = constants.errno;
  // The kernel has no socket diagnostics for family 3, and answers with an error.
  const foreign = (fd: number, from: Uint8Array, length: number) => real.send(fd, Object.assign(from, { 16: 3 }), length);
  const refuse = (errno: number) => () => {
    throw new SystemError("socket", errno);
  };
  for (const [c, times] of [[{ netlinkSocket: refuse(EPERM) }, 1], [{ netlinkSocket: refuse(EMFILE) }, 2], [{ send: foreign }, 1], [{ receive: () => 3 }, 1]] as const) {
    let asked = 0;
    const broken: Libc = { ...real, ...c };
    const read = socketTable({ ...broken, netlinkSocket: (protocol) => (asked++, broken.netlinkSocket(protocol)) });
    for (let i = 0; i < 2; i++) assert.equal(queueOf(held.address, read([held.address]))!.sockets, 1);
    assert.equal(asked, times, JSON.stringify(Object.keys(c)));
  }
  held.close();
});

function tcp(host: string): Address {
  return { kind: "tcp", host, port: 0 };
}

/** As many connections, as soon as the system has made them. */
async function connected(address: Address, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => connect(target(address)).on("error", () => {}));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  return sockets;
}
