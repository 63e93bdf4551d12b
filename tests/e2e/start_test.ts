/** A server as its user sees it: the first lines, the answers, the balance, the end. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { load } from "./load.ts";
import { curl, hello, outlivedByNobody, runtime, withFolder, withServer } from "./server.ts";

/** Answers with its pid, so that a client sees who served it. */
const WHOAMI = `
import process from "node:process";
export default (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return [String(process.pid)];
};
`;

test("tsgi prints gunicorn's five lines, answers, and ends with 0 on INT", async () => {
  await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", hello] }, async (server) => {
    const port = await server.port(2);
    assert.equal(curl(`http://127.0.0.1:${port}/`), "Hello, World!\n");
    await server.logged(/(?:Booting worker[^]*){2}/);
    const prefix = String.raw`\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\]`;
    const lines = server.log.trimEnd().split("\n");
    const expected = [
      String.raw`\[${server.pid}\] \[INFO\] Starting tsgi \d+\.\d+\.\d+`,
      String.raw`\[${server.pid}\] \[INFO\] Listening at: http://127\.0\.0\.1:${port} \(${server.pid}\)`,
      String.raw`\[${server.pid}\] \[INFO\] Using worker: async`,
      String.raw`\[(\d+)\] \[INFO\] Booting worker with pid: \1`,
      String.raw`\[(\d+)\] \[INFO\] Booting worker with pid: \1`,
    ];
    assert.equal(lines.length, expected.length, server.log);
    for (const [i, line] of lines.entries()) assert.match(line, new RegExp(`^${prefix} ${expected[i]}$`));
    server.signal("INT");
    assert.deepEqual(await server.ended, { code: 0, signal: null });
    assert.match(server.log, /Handling signal: int[^]*Worker exiting[^]*Shutting down: Master\n$/);
  });
});

test("tsgi names its processes in ps", async () => {
  await withServer({ args: ["-b", "127.0.0.1:0", "-n", "shop", hello] }, async (server) => {
    await server.port();
    await server.until(() => /tsgi: worker \[shop\]/.test(commandLine(server.workers()[0]!)), "the worker's title");
    assert.match(commandLine(server.pid), /^tsgi: master \[shop\]/);
  });
});

test("tsgi -w 4 shares the port evenly among 64 keep-alive connections", async () => {
  await withFolder({ "whoami.ts": WHOAMI }, async (folder) => {
    await withServer({ args: ["-w", "4", "-b", "127.0.0.1:0", "whoami.ts"], cwd: folder }, async (server) => {
      const port = await server.port(4);
      await allServe(port, 4);
      // How many connections each worker got, not how quick it was: the kernel balances connections. While a worker gets no time
      // from a busy machine, a neighbour takes what comes in its place: then the next measure must be even, or one of those after it.
      const measures: string[] = [];
      for (let isEven = false; !isEven;) {
        const connections: Record<string, number> = {};
        for (let round = 0; round < 8; round++) {
          const { bodies, failed } = await load({ to: { port }, clients: 64, requests: 64 });
          assert.equal(failed, 0);
          for (const [pid, n] of Object.entries(bodies)) connections[pid] = (connections[pid] ?? 0) + n;
        }
        const shares = Object.values(connections).map((n) => n / (512 / 4));
        isEven = shares.length === 4 && shares.every((share) => share >= 0.5 && share <= 2);
        measures.push(JSON.stringify(connections));
        assert.ok(isEven || measures.length < 8, `connections of each worker: ${measures.join(" ")}`);
      }
      const busy = new Set<string>();
      for (let round = 0; round < 3 && busy.size < 4; round++) {
        const { bodies, failed } = await load({ to: { port }, clients: 64, requests: 20_000, keepAlive: true });
        assert.equal(failed, 0);
        for (const pid of Object.keys(bodies)) busy.add(pid);
      }
      assert.equal(busy.size, 4, "every worker serves some of them");
    });
  });
});

test("tsgi replaces a worker that was killed; only what it had under way fails", async () => {
  await withFolder({ "whoami.ts": WHOAMI }, async (folder) => {
    await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", "whoami.ts"], cwd: folder }, async (server) => {
      const port = await server.port(2);
      await allServe(port, 2);
      const [victim] = server.workers();
      let asked = 0;
      const more = () => {
        if (++asked === 2000) process.kill(victim!, "SIGKILL");
        return true;
      };
      const report = await load({ to: { port }, clients: 16, requests: 6000, keepAlive: true, more });
      assert.ok(report.failed <= 16, JSON.stringify(report.failures));
      await server.logged(new RegExp(`\\[ERROR\\] Worker \\(pid:${victim}\\) was sent SIGKILL!`));
      await server.until(() => server.workers().length === 2 && !server.workers().includes(victim!), "the new worker");
      assert.equal((await load({ to: { port }, clients: 8, requests: 200 })).failed, 0);
    });
  });
});

test("tsgi grows on TTIN and shrinks on TTOU, never below one, and loses nothing", async () => {
  await withServer({ args: ["-w", "1", "-b", "127.0.0.1:0", hello] }, async (server) => {
    const port = await server.port();
    let going = true;
    const done = load({ to: { port }, clients: 8, requests: 100_000, more: () => going });
    // One by one: the kernel keeps one of several equal signals that wait.
    for (const workers of [2, 3]) {
      server.signal("TTIN");
      await server.until(() => server.workers().length === workers, `${workers} workers`);
    }
    for (let i = 0; i < 4; i++) {
      const from = server.log.length;
      server.signal("TTOU");
      await server.logged(/Handling signal: ttou/, { from });
    }
    await server.until(() => server.workers().length === 1, "one worker");
    going = false;
    const report = await done;
    assert.equal(report.failed, 0, JSON.stringify(report.failures));
  });
});

test("tsgi leaves no orphan when the arbiter is killed", async () => {
  await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", hello] }, async (server) => {
    await server.port(2);
    const workers = server.workers();
    server.signal("KILL");
    await server.ended;
    await outlivedByNobody(workers);
  });
});

test("tsgi ends gracefully on TERM: what is under way is answered, and new clients are refused", async () => {
  const slow = `
export default async (environ, startResponse) => {
  if (environ.PATH_INFO === "/slow") await new Promise((resolve) => setTimeout(resolve, 1500));
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return ["done"];
};
`;
  await withFolder({ "slow.ts": slow }, async (folder) => {
    await withServer({ args: ["-b", "127.0.0.1:0", "slow.ts"], cwd: folder }, async (server) => {
      const port = await server.port();
      await allServe(port, 1);
      const answer = load({ to: { port }, clients: 4, requests: 4, target: "/slow" });
      await new Promise((resolve) => setTimeout(resolve, 300));
      server.signal("TERM");
      assert.deepEqual((await answer).bodies, { done: 4 });
      assert.deepEqual(await server.ended, { code: 0, signal: null });
      assert.match(server.log, /Handling signal: term[^]*Worker exiting[^]*Shutting down: Master\n$/);
    });
  });
});

/** Waits until the workers answer, all of them where they say who they are. */
async function allServe(port: number, workers: number): Promise<void> {
  const seen = new Set<string>();
  for (let tries = 0; tries < 400; tries++) {
    const { bodies } = await load({ to: { port }, clients: 8, requests: 8 });
    for (const body of Object.keys(bodies)) seen.add(body);
    if (seen.size >= workers) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`only ${seen.size} of ${workers} workers answered on ${runtime}`);
}

function commandLine(pid: number): string {
  return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trimEnd();
}

