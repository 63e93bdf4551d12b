/** A worker that has no descriptor left: on Deno the native server ends, on Bun it would spin. Everybody else is served. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { curl, hello, runtime, withServer } from "./server.ts";

test("tsgi serves on when a worker is out of file descriptors, and that worker or its successor comes back", async () => {
  await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", "--keep-alive", "60", hello] }, async (server) => {
    const port = await server.port(2);
    const [poor] = server.workers() as [number];
    execFileSync("prlimit", ["--pid", String(poor), `--nofile=${readdirSync(`/proc/${poor}/fd`).length + 12}`]);
    const silent = await Promise.all(Array.from({ length: 80 }, () => connected(port)));
    await server.logged(runtime === "deno" ? /The native server ended by itself: .*[Tt]oo many open files/ : /Out of file descriptors \(pid: \d+\)/);
    // Those who were in the queue of the poor worker are served too: nobody gets an error.
    for (let i = 0; i < 20; i++) assert.equal(curl("--max-time", "10", `http://127.0.0.1:${port}/`), "Hello, World!\n");
    if (runtime === "deno") await server.until(() => !server.workers().includes(poor), "the end of the worker without a listener");
    for (const socket of silent) socket.destroy();
    await server.port(2);
    for (let i = 0; i < 20; i++) assert.equal(curl("--max-time", "10", `http://127.0.0.1:${port}/`), "Hello, World!\n");
    if (runtime === "bun") assert.ok(server.workers().includes(poor), "nobody had to be replaced");
  });
});

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.removeListener("error", reject);
      // Whoever is reset was never answered anything.
      socket.on("error", () => {});
      resolve(socket);
    });
    socket.once("error", reject);
  });
}
