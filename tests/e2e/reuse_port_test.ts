/** Where sockets are not handed over, on request or because they cannot be: workers bind by themselves, and the log says what that costs. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { load } from "./load.ts";
import { curl, hello, root, runtime, Server, withFolder, withServer } from "./server.ts";

test("--reuse-port serves with several workers, reloads, and keeps the port to itself", async () => {
  await withServer({ args: ["--reuse-port", "-w", "2", "-b", "127.0.0.1:0", hello] }, async (server) => {
    const port = await server.port(2);
    await server.logged(/\[INFO\] Workers bind by themselves \(reuse-port\): connections queued at a worker that leaves are lost/);
    await server.until(() => answers(port), "an answer");
    assert.equal((await load({ to: { port }, clients: 8, requests: 400 })).failed, 0);
    const second = new Server({ args: ["--reuse-port", "-b", `127.0.0.1:${port}`, hello] });
    assert.deepEqual(await second.ended, { code: 1, signal: null }, second.log);
    server.signal("HUP");
    await server.logged(/Reloaded: generation 2/);
    assert.equal((await load({ to: { port }, clients: 8, requests: 400 })).failed, 0);
  });
});

test("--reuse-port and a unix socket do not go together, and the log says so", async () => {
  await withFolder({}, async (folder) => {
    const server = new Server({ args: ["--reuse-port", "-b", `unix:${join(folder, "app.sock")}`, hello] });
    assert.deepEqual(await server.ended, { code: 1, signal: null }, server.log);
    assert.match(server.log, /Cannot share unix:.* between workers: .*; bind a TCP address instead/);
  });
});

test("without FFI tsgi falls back, loudly", { skip: runtime !== "deno" && "only Deno has a permission to take away" }, async () => {
  const child = spawn(process.execPath, ["run", "-A", "--deny-ffi", join(root, "mod.ts"), "-w", "2", "-b", "127.0.0.1:0", hello], { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  try {
    const port = await new Promise<number>((resolve, reject) => {
      child.on("exit", () => reject(new Error(log)));
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        log += text;
        const found = /http:\/\/127\.0\.0\.1:(\d+)[^]*\[WARNING\] Workers bind by themselves[^]*(?:Booting worker[^]*){2}/.exec(log);
        if (found) resolve(Number(found[1]));
      });
    });
    for (let tries = 0; !answers(port); tries++) assert.ok(tries < 100, log);
    assert.equal((await load({ to: { port }, clients: 4, requests: 100 })).failed, 0);
  } finally {
    child.kill("SIGINT");
    await new Promise((resolve) => child.once("exit", resolve));
  }
});

function answers(port: number): boolean {
  try {
    return curl("--max-time", "1", `http://127.0.0.1:${port}/`) === "Hello, World!\n";
  } catch {
    return false;
  }
}
