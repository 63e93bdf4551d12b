/** tsgi as the first process of a container: in a PID namespace of its own. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { load } from "./load.ts";
import { childrenOf, curl, program, Server, withFolder, withServer } from "./server.ts";

const NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];

/** Leaves a process behind that belongs to nobody, and says how many dead ones are there. */
const APP = `
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
export default (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  if (environ.PATH_INFO === "/orphan") execFileSync("sh", ["-c", "sleep 0.1 > /dev/null 2>&1 < /dev/null &"]);
  if (environ.PATH_INFO === "/slow") return new Promise((resolve) => setTimeout(() => resolve(["slow"]), 1800));
  if (environ.PATH_INFO !== "/dead") return [environ.PATH_INFO];
  const states = readdirSync("/proc").filter((name) => /^\\d+$/.test(name)).flatMap((pid) => {
    try { return [/^State:\\s+(\\S)/m.exec(readFileSync("/proc/" + pid + "/status", "utf8"))[1]]; } catch { return []; }
  });
  return [JSON.stringify({ all: states.length, dead: states.filter((state) => state === "Z").length, ppid: process.ppid })];
};
`;

test("tsgi is PID 1: it buries orphans, serves on for shutdown-delay after TERM, and then finishes what it has", async () => {
  await withFolder({ "app.ts": `import process from "node:process";${APP}` }, async (folder) => {
    const args = ["-w", "2", "-b", "127.0.0.1:0", "--shutdown-delay", "1", "--log-level", "debug", "app.ts"];
    await withServer({ command: [...NAMESPACE, ...program()], args, cwd: folder, env: { XDG_RUNTIME_DIR: folder } }, async (server) => {
      await server.logged(/\[1\] \[INFO\] Starting tsgi/);
      const port = Number((await server.logged(/Listening at: http:\/\/127\.0\.0\.1:(\d+) \(1\)/))[1]);
      await server.serving(2);
      const dead = () => JSON.parse(curl(`http://127.0.0.1:${port}/dead`)) as { readonly all: number; readonly dead: number; readonly ppid: number };
      assert.deepEqual([dead().ppid, dead().dead], [1, 0]);
      for (let i = 0; i < 3; i++) curl(`http://127.0.0.1:${port}/orphan`);
      await server.until(() => childStates(server).includes("Z"), "a dead orphan");
      await server.until(() => dead().dead === 0, "their burial", 10_000);
      assert.equal(dead().all, 3);

      let over = false;
      const clients = [false, true].map((keepAlive) => load({ to: { port }, clients: 8, keepAlive, requests: 1_000_000, more: () => !over }));
      await server.until(() => curl(`http://127.0.0.1:${port}/a`) === "/a", "an answer");
      const slow = fetch(`http://127.0.0.1:${port}/slow`);
      process.kill(inside(server), "SIGTERM");
      await server.logged(/Serving for another 1 s: readiness says no/);
      // A balancer that has not heard of it yet sends new connections, and they are answered.
      for (let i = 0; i < 5; i++) assert.equal(curl(`http://127.0.0.1:${port}/late`), "/late");
      over = true;
      for (const { failed, failures, answered } of await Promise.all(clients)) {
        assert.equal(failed, 0, JSON.stringify(failures));
        assert.ok(answered > 0);
      }
      // Its answer comes when the workers have been told to finish already.
      assert.equal(await (await slow).text(), "slow");
      const { code } = await server.ended;
      assert.equal(code, 0);
      assert.match(server.log, /Worker exiting \(pid: \d+\)[^]*Shutting down: Master/);
    });
  });
});

/** How many requests cross the replacements: TSGI_TEST_REQUESTS=100000 is the whole. */
const REQUESTS = Number(process.env.TSGI_TEST_REQUESTS ?? 6000);
const PODS = 3;

test("containers are replaced under load one after another, by a balancer that hears of it late, and no request fails", async () => {
  const app = 'import process from "node:process"; export default (e, s) => { s("200 OK", []); return [process.env.POD]; };';
  await withFolder({ "app.ts": app }, async (folder) => {
    /** Where the balancer sends new connections. */
    let to = { port: 0 };
    let sent = 0;
    let isOver = false;
    const clients = (keepAlive: boolean) => load({ get to() { return to; }, clients: 8, keepAlive, requests: Infinity, more: () => ++sent <= REQUESTS || !isOver });
    let loads: readonly ReturnType<typeof load>[] = [];
    const pods: Server[] = [];
    try {
      for (let i = 0; i < PODS; i++) {
        const args = ["-w", "2", "-b", "127.0.0.1:0", "--admin-bind", "127.0.0.1:0", "--shutdown-delay", "1", "--log-level", "debug", "app.ts"];
        const pod = new Server({ command: [...NAMESPACE, ...program()], args, cwd: folder, env: { TSGI_CONTROL_SOCKET: join(folder, `${i}.ctl`), POD: String(i) } });
        const old = pods.at(-1);
        pods.push(pod);
        const port = Number((await pod.logged(/Listening at: http:\/\/127\.0\.0\.1:(\d+) \(1\)/))[1]);
        await pod.serving(2);
        if (old !== undefined) {
          await old.until(() => sent >= REQUESTS * i / PODS, "its share of the requests", 300_000);
          process.kill(inside(old), "SIGTERM");
          const ready = `${(await old.logged(/Admin listening at: (http:\S+)/))[1]}/readyz`;
          while ((await fetch(ready)).status === 200) await new Promise((resolve) => setTimeout(resolve, 250));
        }
        to = { port };
        if (i === 0) loads = [clients(false), clients(true)];
        assert.equal((await old?.ended)?.code ?? 0, 0);
      }
      await pods.at(-1)!.until(() => sent >= REQUESTS, "the rest of the requests", 300_000);
      isOver = true;
      for (const { failed, failures, bodies } of await Promise.all(loads)) {
        assert.equal(failed, 0, JSON.stringify(failures));
        assert.deepEqual(Object.keys(bodies).sort(), Array.from(pods, (_, i) => String(i)));
      }
      process.kill(inside(pods.at(-1)!), "SIGTERM");
      assert.equal((await pods.at(-1)!.ended).code, 0);
    } finally {
      isOver = true;
      for (const pod of pods) await pod.stop();
    }
  });
});

/** The namespace's PID 1 as seen from here. */
function inside(server: Server): number {
  return childrenOf(server.pid)[0]!;
}

function childStates(server: Server): readonly string[] {
  return childrenOf(inside(server)).flatMap((pid) => {
    try {
      return [/^State:\s+(\S)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]!];
    } catch {
      return []; // Buried meanwhile.
    }
  });
}
