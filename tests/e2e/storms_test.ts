/** More signals than anybody means to send: the server settles to what they add up to. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import process from "node:process";
import { test } from "node:test";
import { load } from "./load.ts";
import { curl, hello, type Server, withServer } from "./server.ts";

test("tsgi takes 200 HUPs in a second as a few reloads, under load, and nobody loses a request", async () => {
  await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", hello] }, async (server) => {
    const port = await server.port(2);
    let enough = false;
    const under = load({ to: { port }, clients: 4, requests: 1_000_000, more: () => !enough });
    for (let i = 0; i < 200; i++) {
      server.signal("HUP");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await settled(server, 2);
    enough = true;
    const report = await under;
    assert.equal(report.failed, 0, JSON.stringify(report.failures));
    const reloads = server.log.match(/Reloaded: generation/g)!.length;
    assert.ok(reloads >= 1 && reloads < 60, `${reloads} reloads`);
  });
});

test("tsgi --max-workers bounds 50 TTINs, and as many TTOUs leave one", async () => {
  await withServer({ args: ["-w", "1", "--max-workers", "3", "-b", "127.0.0.1:0", hello] }, async (server) => {
    const port = await server.port();
    await sent(server, "TTIN", 50);
    await settled(server, 3);
    await server.logged(/\[WARNING\] SIGTTIN ignored: 3 workers are as many as max-workers allows/);
    await sent(server, "TTOU", 50);
    await settled(server, 1);
    assert.equal(curl(`http://127.0.0.1:${port}/`), "Hello, World!\n");
  });
});

test("tsgi takes mixed signals from four senders at once, and serves with the right number of workers", async () => {
  await withServer({ args: ["-w", "2", "--max-workers", "4", "-b", "127.0.0.1:0", hello] }, async (server) => {
    const port = await server.port(2);
    const senders = ["HUP TTIN WINCH", "TTOU HUP TTIN", "TTIN TTIN TTOU", "WINCH HUP TTOU"].map((signals) => {
      const once = signals.split(" ").map((name) => `kill -${name} ${server.pid}; sleep 0.02;`).join(" ");
      const child = spawn("sh", ["-c", `for i in 1 2 3 4 5 6 7 8 9 10; do ${once} done`], { stdio: "ignore" });
      return new Promise((resolve) => child.on("exit", resolve));
    });
    await Promise.all(senders);
    // Whatever they did to the number of workers, a reload sets it right.
    server.signal("HUP");
    await settled(server, 2);
    const report = await load({ to: { port }, clients: 4, requests: 200 });
    assert.equal(report.failed, 0, JSON.stringify(report.failures));
    assert.equal(await server.stop(), 0);
  });
});

/** One by one: the kernel keeps only one of a kind that waits. */
async function sent(server: Server, signal: "TTIN" | "TTOU", times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const from = server.log.length;
    process.kill(server.pid, `SIG${signal}`);
    await server.logged(new RegExp(`Handling signal: ${signal.toLowerCase()}`), { from });
  }
}

/** Resolves when nobody has come or gone for two seconds, and there are `workers`. */
async function settled(server: Server, workers: number): Promise<void> {
  let before = "";
  let since = performance.now();
  await server.until(() => {
    const now = `${server.workers().join()} ${server.log.length}`;
    if (now !== before) since = performance.now();
    before = now;
    return server.workers().length === workers && performance.now() - since > 2000;
  }, `${workers} workers and quiet`);
}
