import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runtime } from "../../runtimes/current.ts";
import { workerCommand } from "../../runtimes/worker_command.ts";
import { start } from "./worker.ts";

test("dieWithParent() says whether the parent is still there", async () => {
  const worker = await start();
  assert.equal(await worker.order("dieWithParent", { parent: process.pid }), true);
  assert.equal(await worker.order("dieWithParent", { parent: process.pid + 1 }), false);
  await worker.end();
});

test("dieWithParent() ends a worker whose loop is blocked when its arbiter is killed", async () => {
  const script = fileURLToPath(new URL("children/arbiter.ts", import.meta.url));
  const { command, args, env } = workerCommand({ script, env: process.env as Record<string, string>, appDirectory: tmpdir() });
  const arbiter = spawn(command, [...args], { env, stdio: ["ignore", "pipe", "inherit"] });
  const worker = Number(String((await once(arbiter.stdout!, "data"))[0]));
  assert.ok(isAlive(worker));
  const exit = once(arbiter, "exit");
  arbiter.kill("SIGKILL");
  await exit;
  const until = performance.now() + 5000;
  while (isAlive(worker) && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 5));
  const survived = isAlive(worker);
  if (survived) process.kill(worker, "SIGKILL"); // Its loop spins: it would for ever.
  assert.equal(survived, false);
});

/** A killed process may stay a zombie until whoever inherits it has looked. */
function isAlive(pid: number): boolean {
  try {
    return existsSync(`/proc/${pid}`) && !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false; // It ended between the two looks.
  }
}
