/** Few file descriptors: too few to start with, and enough until somebody takes them all. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { load } from "./load.ts";
import { childrenOf, curl, hello, program, runtime, Server, withServer } from "./server.ts";

/** tsgi where each process may have `most` files open. */
function limited(most: number): readonly string[] {
  return ["sh", "-c", `ulimit -n ${most}; exec "$@"`, "sh", ...program()];
}

test("tsgi does not start where workers or threads would not have enough open files, and says how many they need", async () => {
  for (const [most, args, said] of [
    [48, ["-w", "1"], /Error: Cannot use --workers: 1 worker would need \d+ open files, and the limit is 48, raise it with ulimit -n (\d+) or LimitNOFILE=\1\n/],
    [64, ["-w", "8"], /Error: Cannot use --workers: 8 workers would need 1\d\d open files, and the limit is 64/],
    [64, ["-w", "1", "--threads", "16"], /Error: Cannot use --threads: 16 threads would need 2\d\d open files, and the limit is 64/],
  ] as const) {
    const begun = performance.now();
    const server = new Server({ command: limited(most), args: [...args, "-b", "127.0.0.1:0", hello] });
    assert.deepEqual(await server.ended, { code: 1, signal: null }, server.log);
    assert.match(server.log, said);
    assert.ok(performance.now() - begun < 10_000);
  }
});

test("tsgi serves with a limit of 64 open files, reloads, and says how few connections fit", async () => {
  await withServer({ command: limited(64), args: ["--log-level", "debug", "-w", "2", "-b", "127.0.0.1:0", hello] }, async (server) => {
    await server.serving(2);
    const port = await server.port(2);
    await server.logged(/\[WARNING\] Only about \d+ connections fit in a worker: the limit of open files is 64, raise it with ulimit -n or LimitNOFILE=\n/);
    for (let i = 0; i < 2; i++) {
      const from = server.log.length;
      server.signal("HUP");
      await server.logged(/Reloaded: generation \d+ serves with 2 workers/, { from });
      assert.equal(curl(`http://127.0.0.1:${port}/`), "Hello, World!\n");
    }
    assert.doesNotMatch(server.log, /Cannot start a worker|EMFILE/);
  });
});

test("a flood beyond 256 open files ends no server, costs little CPU, and is over when its clients have gone", async () => {
  await withServer({ command: limited(256), args: ["--log-level", "debug", "-w", "2", "--keep-alive", "60", "-b", "127.0.0.1:0", hello] }, async (server) => {
    await server.serving(2);
    const port = await server.port(2);
    const flood = await Promise.all(Array.from({ length: 700 }, () => connected(port)));
    await server.logged(runtime === "deno" ? /The native server ended by itself|Out of file descriptors/ : /Out of file descriptors \(pid: \d+\)/);
    const before = cpu(server.pid);
    await new Promise((resolve) => setTimeout(resolve, 4000));
    const share = (cpu(server.pid) - before) / 4;
    console.log(`${runtime}: CPU during the flood: ${(share * 100).toFixed(1)} %`);
    assert.equal(server.child.exitCode, null);
    assert.ok(share < 0.3, `${share} of a CPU`);
    await Promise.all(flood.map(ended));
    const over = performance.now();
    assert.equal(curl("--max-time", "10", "--retry", "20", "--retry-all-errors", "--retry-delay", "0", `http://127.0.0.1:${port}/`), "Hello, World!\n");
    const wait = performance.now() - over;
    console.log(`${runtime}: answered ${Math.round(wait)} ms after the flood`);
    assert.ok(wait < 5000, `answered ${wait} ms after the flood`);
    await server.until(() => server.workers().length === 2, "two workers");
  });
});

test("connections that become more little by little are not accepted up to the last descriptor: Deno's server would end, and cut them all", async () => {
  await withServer({ command: limited(192), args: ["--log-level", "debug", "--keep-alive", "60", "-b", "127.0.0.1:0", hello] }, async (server) => {
    const port = await server.port();
    const [worker = 0] = server.workers();
    const crowd = await Promise.all(Array.from({ length: 90 }, () => connected(port)));
    const full = /Out of file descriptors \(pid: \d+\), but for a few/;
    for (let i = 0; i < 60 && !full.test(server.log); i++) {
      crowd.push(...await Promise.all([connected(port), connected(port)]));
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    await server.logged(full);
    const late = load({ to: { port }, clients: 4, requests: 20 });
    await Promise.all(crowd.map(ended));
    assert.equal((await late).failed, 0);
    assert.doesNotMatch(server.log, /native server ended|Too many open files/);
    assert.deepEqual(server.workers(), [worker]);
  });
});

/** Seconds of CPU that a server and its workers have used, also those that have ended. */
function cpu(pid: number): number {
  return [pid, ...childrenOf(pid)].reduce((sum, one) => sum + spent(one), 0);
}

function spent(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ");
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
  } catch {
    return 0; // It has ended: its parent's sum has it.
  }
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    // Whoever is reset was never answered anything.
    socket.on("error", () => resolve(socket));
  });
}

function ended(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve();
    socket.once("close", () => resolve());
    socket.destroy();
  });
}
