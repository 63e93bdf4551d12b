import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { parseSyslogAddress } from "../../core/logging/syslog.ts";
import { openSyslog, type Syslog } from "../../runtimes/syslog.ts";
import { withFolder } from "../e2e/server.ts";
import { datagrams, lines, received, type Receiver } from "../e2e/syslog_receiver.ts";

type Told = { away: string[]; lost: number[] };

function open(address: string): { syslog: Syslog; told: Told } {
  const told: Told = { away: [], lost: [] };
  const options = { away: ({ reason }: { reason: string }) => void told.away.push(reason), back: ({ lost }: { lost: number }) => void told.lost.push(lost), retry: 20 };
  return { syslog: openSyslog(parseSyslogAddress(address), options), told };
}

/** The address for a receiver, and how to start it there (again). */
interface Kind {
  readonly name: string;
  start(folder: string, port: number): Promise<Receiver>;
  address(folder: string, port: number): string;
}

const KINDS: readonly Kind[] = [
  { name: "udp", start: async (_, port) => datagrams({ port }), address: (_, port) => `udp://127.0.0.1:${port}` },
  { name: "tcp", start: (_, port) => lines({ port }), address: (_, port) => `tcp://localhost:${port}` },
  { name: "unix#dgram", start: async (folder) => datagrams({ path: join(folder, "log") }), address: (folder) => `unix://${folder}/log#dgram` },
  { name: "unix#stream", start: (folder) => lines({ path: join(folder, "log") }), address: (folder) => `unix://${folder}/log#stream` },
];

for (const { name, start, address } of KINDS) {
  test(`openSyslog() over ${name} sends each message whole and in order`, () =>
    withFolder({}, async (folder) => {
      const receiver = await start(folder, 0);
      const { syslog, told } = open(address(folder, receiver.port));
      const sent = Array.from({ length: 500 }, (_, i) => `<14>a: ${i} é\u{1F600} ${"x".repeat(i % 7 === 0 ? 5000 : 10)}`);
      for (const [i, message] of sent.entries()) {
        syslog.send(message);
        // A receiver of datagrams that never reads loses them, as it may.
        if (i % 20 === 19) await received(receiver, (all) => all.length > i);
      }
      assert.deepEqual(await received(receiver, (all) => all.length >= 500), sent);
      syslog.close();
      assert.deepEqual([syslog.dropped, told], [0, { away: [], lost: [] }]);
      receiver.close();
    }));

  test(`openSyslog() over ${name} keeps what its receiver misses, and tells that it is away and back`, () =>
    withFolder({}, async (folder) => {
      const first = await start(folder, 0);
      const { syslog, told } = open(address(folder, first.port));
      syslog.send("<14>before");
      await received(first, (all) => all.length === 1);
      first.close();
      for (let i = 0; i < 50; i++) {
        syslog.send(`<14>meanwhile ${i}`);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      assert.equal(told.away.length, 1);
      const second = await start(folder, first.port);
      const found = await received(second, (all) => all.includes("<14>meanwhile 49"));
      assert.deepEqual(found, Array.from({ length: 50 }, (_, i) => `<14>meanwhile ${i}`));
      assert.deepEqual(told.lost, [0]);
      syslog.close();
      second.close();
    }));

  test(`openSyslog() over ${name} bounds what waits, counts what is lost, and never blocks`, () =>
    withFolder({}, async (folder) => {
      const first = await start(folder, 0);
      const { port } = first;
      first.close();
      const { syslog, told } = open(address(folder, port));
      const begun = performance.now();
      for (let i = 0; i < 3000; i++) syslog.send(`<14>${i} ${"x".repeat(1000)}`);
      assert.ok(performance.now() - begun < 5000);
      assert.ok(syslog.dropped > 1900 && syslog.dropped < 2100, `${syslog.dropped}`);
      const second = await start(folder, port);
      // A stream may still be waiting for its connection to be refused.
      const kept = 3000 - syslog.dropped;
      await received(second, (all) => all.length >= kept);
      const end = performance.now() + 5000;
      while (told.lost.length === 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
      assert.deepEqual(told.lost, [3000 - kept]);
      syslog.close();
      second.close();
    }));
}

test("openSyslog() of a unix socket finds out which it is", () =>
  withFolder({}, async (folder) => {
    for (const [name, receiver] of [["d", datagrams({ path: join(folder, "d") })], ["s", await lines({ path: join(folder, "s") })]] as const) {
      const { syslog } = open(`unix://${folder}/${name}`);
      syslog.send("<14>hello");
      assert.deepEqual(await received(receiver, (all) => all.length > 0), ["<14>hello"]);
      syslog.close();
      receiver.close();
    }
  }));

test("openSyslog() cuts what no datagram holds, and counts it", () => {
  const receiver = datagrams({ port: 0 });
  const { syslog } = open(`udp://127.0.0.1:${receiver.port}`);
  syslog.send(`<14>${"é".repeat(50_000)}`);
  return received(receiver, (all) => all.length > 0).then(([message = ""]) => {
    assert.match(message, /^<14>é{29998}\[\+20002\]$/);
    syslog.close();
    receiver.close();
  });
});

test("openSyslog() of a name that nobody knows goes on, and says so", async () => {
  const { syslog, told } = open("udp://nowhere.invalid:514");
  syslog.send("<14>hello");
  const end = performance.now() + 20_000;
  while (told.away.length === 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.match(told.away[0]!, /ENOTFOUND|EAI_AGAIN|nowhere/i);
  syslog.close();
  assert.equal(syslog.dropped, 1);
});
