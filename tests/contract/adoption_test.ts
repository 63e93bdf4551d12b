import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import type { Address, Held, HoldOptions } from "../../core/arbiter/listener.ts";
import { adopt, selfTest } from "../../runtimes/adoption.ts";
import { runtime } from "../../runtimes/current.ts";
import { requireLibc } from "../../runtimes/libc.ts";
import { hold } from "../../runtimes/sockets.ts";
import { workerCommand } from "../../runtimes/worker_command.ts";
import { Connection, get, isRefused, load } from "./client.ts";
import { type Name, program, start } from "./worker.ts";

const folder = mkdtempSync(join(tmpdir(), "tsgi-test-"));
after(() => rmSync(folder, { recursive: true }));
const options: HoldOptions = { backlog: 256, mode: "adopt" };
const local: Address = { kind: "tcp", host: "127.0.0.1", port: 0 };
const answering = (text: string) => ({ handler: () => new Response(text), onError: () => new Response("failed", { status: 500 }), keepAlive: 5 });
const DEADLINE = 2000;

const kinds: { readonly what: string; readonly address: Address }[] = [
  { what: "IPv4", address: local },
  { what: "IPv6", address: { ...local, host: "::1" } },
  { what: "unix", address: { kind: "unix", path: join(folder, "app.sock") } },
];

for (const { what, address } of kinds) {
  test(`adopt() serves an ${what} socket, pauses, resumes, closes, and serves it again`, async () => {
    const held = await hold(address, options);
    for (const round of ["first", "second"]) {
      const served = await adopt(runtime, held.descriptor(0)!, answering(round));
      assert.equal(await get(held.address), round);
      served.pause();
      const waiting = get(held.address);
      assert.equal(await Promise.race([waiting, later(100, "waiting")]), "waiting");
      served.resume();
      assert.equal(await waiting, round);
      await served.close(DEADLINE);
      assert.equal(await served.ended, undefined);
      assert.equal(await isRefused(held.address), false, "the arbiter's socket stays");
    }
    if (address.kind === "unix") assert.ok(existsSync(address.path), "the path is the arbiter's");
    held.close();
  });
}

test("adopt() of a wildcard socket tells who the client is", async () => {
  const held = await hold({ ...local, host: "0.0.0.0" }, options);
  const served = await adopt(runtime, held.descriptor(0)!, {
    ...answering(""),
    handler: (request, platform) => {
      const peer = "requestIP" in (platform as object) ? (platform as Bun.Server<undefined>).requestIP(request)?.address : ((platform as Deno.ServeHandlerInfo).remoteAddr as Deno.NetAddr).hostname;
      return new Response(peer);
    },
  });
  assert.equal(await get(held.address), "127.0.0.1");
  await served.close(DEADLINE);
  held.close();
});

test("adopt() leaves nothing in the temporary directory", async () => {
  const listed = () => readdirSync(tmpdir()).filter((name) => name.startsWith("tsgi-") && !name.startsWith("tsgi-test-") && existsSync(join(tmpdir(), name, "s")));
  const before = listed();
  const held = await hold({ kind: "unix", path: join(folder, "clean.sock") }, options);
  const served = await adopt(runtime, held.descriptor(0)!, answering("x"));
  assert.deepEqual(listed().filter((name) => !before.includes(name)), []);
  await served.close(DEADLINE);
  held.close();
});

test("adopt() refuses what does not listen", async () => {
  const c = requireLibc();
  const fd = c.socket(2);
  await assert.rejects(adopt(runtime, fd, answering("x")), { message: `Cannot adopt descriptor ${fd}: it is not a listening socket` });
  c.close(fd);
  await assert.rejects(adopt(runtime, 1 << 20, answering("x")), /not a listening socket/);
});

test("adopt() of several sockets at once, and of one by several servers", async () => {
  const helds = await Promise.all([hold(local, options), hold({ ...local, host: "::1" }, options), hold({ kind: "unix", path: join(folder, "many.sock") }, options)]);
  const served = await Promise.all(helds.flatMap((held, i) => [1, 2].map(() => adopt(runtime, held.descriptor(0)!, answering(String(i))))));
  for (const [i, held] of helds.entries()) {
    for (let n = 0; n < 10; n++) assert.equal(await get(held.address), String(i));
  }
  // The first of each pair lets go, and the other serves on.
  await Promise.all(served.filter((_, i) => i % 2 === 0).map((one) => one.close(DEADLINE)));
  for (const [i, held] of helds.entries()) assert.equal(await get(held.address), String(i));
  await Promise.all(served.map((one) => one.close(DEADLINE)));
  for (const held of helds) held.close();
});

test("adopt() and close(), a hundred times, leave no descriptor open", async () => {
  for (const { address } of kinds) {
    const held = await hold(address, options);
    const round = async () => (await adopt(runtime, held.descriptor(0)!, answering("x"))).close(DEADLINE);
    for (let i = 0; i < 5; i++) await round();
    const before = readdirSync("/proc/self/fd").length;
    for (let i = 0; i < 100; i++) await round();
    const grown = readdirSync("/proc/self/fd").length - before;
    assert.ok(grown < 5, `${grown} more`);
    held.close();
  }
});

test("slots share the connections evenly, and what is closed is covered by nobody", async () => {
  const held = await hold(local, options);
  const served = await Promise.all([0, 1, 2, 3].map((slot) => adopt(runtime, held.descriptor(slot)!, answering(String(slot)))));
  const { answers, failures } = await load(held.address, { clients: 8, total: 400 });
  assert.deepEqual(failures, []);
  for (const slot of ["0", "1", "2", "3"]) assert.ok((answers.get(slot) ?? 0) >= 50, JSON.stringify([...answers]));
  await Promise.all(served.map((one) => one.close(DEADLINE)));
  held.close();
});

test("a neighbour covers a slot whose server is paused", async () => {
  const held = await hold(local, options);
  const one = await adopt(runtime, held.descriptor(0)!, answering("0"));
  const other = await adopt(runtime, held.descriptor(1)!, answering("1"));
  other.pause();
  const waiting = Array.from({ length: 20 }, () => get(held.address));
  await later(50, null);
  const cover = await adopt(runtime, held.descriptor(1)!, answering("cover"));
  const answers = await Promise.all(waiting);
  assert.ok(answers.includes("cover") && answers.includes("0"), answers.join());
  await Promise.all([one, other, cover].map((served) => served.close(DEADLINE)));
  held.close();
});

test("leave() lets the socket go while open connections are served on", async () => {
  const held = await hold(local, options);
  const served = await adopt(runtime, held.descriptor(0)!, answering("here"));
  const connection = new Connection(held.address);
  connection.ask("/");
  await connection.has("here");
  served.leave();
  held.close();
  assert.equal(await isRefused(held.address), true);
  connection.text = "";
  connection.ask("/");
  await connection.has("here");
  served.resume(); // For good: nothing comes back.
  connection.socket.destroy();
  await served.close(DEADLINE);
  assert.equal(await served.ended, undefined);
});

test("close() cuts at the deadline what does not end", async () => {
  const held = await hold(local, options);
  const served = await adopt(runtime, held.descriptor(0)!, { ...answering(""), handler: () => new Promise<Response>(() => {}) });
  const hung = new Connection(held.address);
  hung.ask("/");
  const silent = new Connection(held.address);
  await later(50, null);
  const from = performance.now();
  await served.close(300);
  const took = performance.now() - from;
  assert.ok(took >= 290 && took < 2000, `${took} ms`);
  await Promise.all([hung.closed, silent.closed]);
  held.close();
});

test("close() waits for an answer that is under way", async () => {
  const held = await hold(local, options);
  const served = await adopt(runtime, held.descriptor(0)!, { ...answering(""), handler: () => later(200, new Response("late")) });
  const answer = get(held.address);
  await later(50, null);
  await served.close(DEADLINE);
  assert.equal(await answer, "late");
  held.close();
});

test("pause() and resume() every few milliseconds under load lose nothing", async () => {
  const held = await hold(local, options);
  const served = await Promise.all([0, 1].map((slot) => adopt(runtime, held.descriptor(slot)!, answering(String(slot)))));
  let storms = 0;
  const storm = setInterval(() => {
    storms++;
    for (const one of served) one.pause();
    for (const one of served) one.resume();
  }, 3);
  const { failures } = await load(held.address, { clients: 16, total: 3000 });
  clearInterval(storm);
  assert.deepEqual(failures, []);
  assert.ok(storms > 20, String(storms));
  await Promise.all(served.map((one) => one.close(DEADLINE)));
  held.close();
});

test("selfTest() passes here, and takes well under its limit", async () => {
  await selfTest(runtime);
});

test("a worker that leaves by pause, drain and close loses nothing while another serves its slot", async () => {
  for (const address of [local, { kind: "unix", path: join(folder, "drain.sock") } as const]) {
    const held = await hold(address, options);
    let worker = await adopter(held);
    let over = false;
    const done = load(held.address, { clients: 16, total: 20_000, isOver: () => over });
    for (let leaves = 0; leaves < 4; leaves++) {
      const next = await adopter(held);
      await worker.order("pause");
      await later(150, null); // What was accepted is answered: a drain's quiet window.
      await worker.order("close", { deadline: DEADLINE });
      await worker.end();
      worker = next;
    }
    over = true;
    const { answers, failures } = await done;
    assert.deepEqual(failures, []);
    assert.equal(answers.size, 5, "the load lasted as long as the workers came and went");
    await worker.end();
    held.close();
  }
});

test("what a killed worker has not accepted is served by the next", async () => {
  const held = await hold(local, options);
  const first = await adopter(held);
  await first.order("pause");
  const waiting = Array.from({ length: 20 }, () => get(held.address));
  await later(50, null);
  await first.end();
  const second = await adopter(held);
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set([String(second.pid)]));
  await second.end();
  held.close();
});

const names: readonly Name[] = ["deno", "bun", "node"];
for (const name of names) {
  test(`a ${name} worker adopts what this arbiter hands it, TCP and unix at once`, { skip: program(name) === null }, async () => {
    const helds = [await hold(local, options), await hold({ kind: "unix", path: join(folder, `${name}.sock`) }, options)];
    const descriptors = helds.map((held) => held.descriptor(0)!);
    const worker = await start(name, {}, descriptors);
    worker.hand(descriptors);
    await worker.order("adopt", { count: 2 });
    for (const held of helds) assert.equal(await get(held.address), String(worker.pid));
    await worker.end();
    for (const held of helds) held.close();
  });
}

test("bindReusePort() serves beside others on a port that the arbiter keeps", async () => {
  const held = await hold(local, { ...options, mode: "reuse-port" });
  const workers = await Promise.all([start(), start()]);
  for (const worker of workers) await worker.order("bind", { address: held.address });
  const { answers, failures } = await load(held.address, { clients: 4, total: 100 });
  assert.deepEqual(failures, []);
  assert.equal(answers.size, 2);
  await assert.rejects(workers[0]!.order("bind", { address: { kind: "unix", path: "/x" } }), /only a TCP address can be shared so/);
  await assert.rejects(hold(held.address, options), { code: "EADDRINUSE" });
  await Promise.all(workers.map((worker) => worker.end()));
  held.close();
});

test("bindReusePort() pauses", async () => {
  const held = await hold(local, { ...options, mode: "reuse-port" });
  const worker = await start();
  await worker.order("bind", { address: held.address });
  await worker.order("pause");
  const waiting = get(held.address);
  assert.equal(await Promise.race([waiting, later(100, "waiting")]), "waiting");
  await worker.order("resume");
  assert.equal(await waiting, String(worker.pid));
  await worker.end();
  held.close();
});

test("a TCP server inherited from a parent is served as fd://N", async () => {
  const held = await hold(local, options);
  const script = join(import.meta.dirname, "children", "activated.ts");
  const { command, args, env } = workerCommand({ script, env: process.env as Record<string, string>, appDirectory: folder });
  const child = spawn(command, [...args], { env, stdio: ["ignore", "pipe", "inherit", held.descriptor(0)!] });
  const said = String((await once(child.stdout!, "data"))[0]).trim();
  assert.deepEqual(JSON.parse(said), held.address);
  assert.equal(await get(held.address), "activated");
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
  held.close();
});

async function adopter(held: Held) {
  const worker = await start(runtime.name, {}, [held.descriptor(0)!]);
  worker.hand([held.descriptor(0)!]);
  await worker.order("adopt", { count: 1 });
  return worker;
}

function later<T>(time: number, value: T): Promise<T> {
  return new Promise((resolve) => setTimeout(resolve, time, value));
}
