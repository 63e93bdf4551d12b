/** What a server does with its workers, done with workers that have threads. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { load } from "./load.ts";
import { curl, isAlive, type Server, withFolder, withServer } from "./server.ts";
import { ask } from "./threads_app.ts";

const app = (text: string, inside = "") => `
let inside = 0;
export default async (environ, startResponse) => {
  inside++;
  const { PATH_INFO: path, QUERY_STRING: query, HTTP_USER_AGENT: agent } = environ;
  if (path === "/warm") environ["tsgi.errors"].write("warmed by " + agent + "\\n");
  if (path === "/wait") environ["tsgi.errors"].write("wait begun\\n");
  if (path === "/wait") await new Promise((resolve) => setTimeout(resolve, Number(query)));
  ${inside}
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  inside--;
  return [${JSON.stringify(text)}];
};
`;

interface Old {
  readonly server: Server;
  readonly port: number;
  readonly url: string;
  readonly folder: string;
  readonly write: (code: string) => void;
}

function withOld(args: readonly string[], use: (it: Old) => Promise<void>): Promise<void> {
  return withFolder({ "app.ts": app("old") }, (folder) =>
    withServer({ args: ["--log-level", "debug", "--threads", "2", "-b", "127.0.0.1:0", ...args, "app.ts"], cwd: folder }, async (server) => {
      await server.serving(1);
      const port = await server.port();
      await use({ server, port, url: `http://127.0.0.1:${port}`, folder, write: (code) => writeFileSync(join(folder, "app.ts"), code) });
    }));
}

test("a canary with threads tells what all of them answer, and holds or is rolled back by that", async () => {
  await withOld(["--canary", "1"], async ({ server, port, url, write }) => {
    let enough = false;
    const under = load({ to: { port }, clients: 4, requests: 1_000_000, more: () => !enough });
    write(app("new"));
    server.signal("HUP");
    const [, answers] = await server.logged(/Canary holds: (\d+) answers, 0 of them 5xx/);
    assert.ok(Number(answers) > 0, "the canary counted nothing");
    await server.logged(/Reloaded: generation 2 serves with 1 worker/);
    write(app("broken", "throw new Error('oh');"));
    server.signal("HUP");
    await server.logged(/the canary answered (\d+) of \1 requests with 5xx/);
    enough = true;
    const report = await under;
    assert.deepEqual(Object.keys(report.failures).filter((why) => !why.includes("500")), [], JSON.stringify(report.failures));
    await server.until(() => server.workers().length === 1, "the old one alone");
    assert.equal(await ask(url), "200 new");
  });
});

test("a preflight finds what does not load in a thread, and each thread is warmed up before it serves", async () => {
  await withOld(["--warmup", "GET /warm x2"], async ({ server, url, write }) => {
    assert.equal(server.log.match(/warmed by tsgi-warmup/g)?.length, 4, server.log);
    write("export default (");
    server.signal("HUP");
    await server.logged(/Reload failed, generation 1 keeps serving: .*app\.ts/);
    assert.equal(await ask(url), "200 old");
    write(app("cold", "if (path === '/warm') throw new Error('too cold');"));
    server.signal("HUP");
    await server.logged(/Reload failed, generation 1 keeps serving: .*Cannot warm app\.ts up: GET \/warm answered 500/);
    assert.equal(await ask(url), "200 old");
  });
});

test("request-timeout answers what waits in a thread with 504, and the thread serves on", async () => {
  await withOld(["--request-timeout", "1"], async ({ url, server }) => {
    assert.match(await ask(`${url}/wait?60000`), /^50[34] /);
    for (let i = 0; i < 4; i++) assert.equal(await ask(url), "200 old");
    assert.doesNotMatch(server.log, /WORKER TIMEOUT/);
  });
});

test("limit-concurrency counts the requests of all threads", async () => {
  await withOld(["--limit-concurrency", "1"], async ({ url, server }) => {
    const slow = ask(`${url}/wait?2000`);
    await server.logged(/wait begun/);
    assert.equal(await ask(url), "503 Service Unavailable\n");
    assert.equal(await slow, "200 old");
    assert.equal(await ask(url), "200 old");
  });
});

test("USR2 hands the socket of a worker with threads over, and no request fails", async () => {
  await withFolder({ "app.ts": app("old") }, async (folder) => {
    const pidfile = join(folder, "server.pid");
    const read = (path: string) => {
      try {
        return Number(readFileSync(path, "utf8"));
      } catch {
        return 0; // Not written yet, or just being replaced.
      }
    };
    await withServer({ args: ["--log-level", "debug", "--threads", "2", "-p", pidfile, "-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      await server.serving(1);
      const port = await server.port();
      let enough = false;
      const under = load({ to: { port }, clients: 8, requests: 1_000_000, more: () => !enough });
      process.kill(server.pid, "SIGUSR2");
      const next = await server.until(() => read(`${pidfile}.2`), "the new master's pidfile");
      try {
        await server.until(() => server.log.match(/serves in slot/g)?.length === 2, "the new master's worker");
        server.signal("TERM");
        const end = performance.now() + 10_000;
        while ((isAlive(server.pid) || read(pidfile) !== next) && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
        assert.equal(read(pidfile), next, "promoted");
        enough = true;
        const report = await under;
        assert.equal(report.failed, 0, JSON.stringify(report.failures));
        assert.equal(curl(`http://127.0.0.1:${port}/`), "old");
      } finally {
        enough = true;
        process.kill(next, "SIGTERM");
        while (isAlive(next)) await new Promise((resolve) => setTimeout(resolve, 50));
      }
    });
  });
});

test("a worker with threads that is killed, stopped or blocked as a whole is replaced", async () => {
  await withOld(["--timeout", "2"], async ({ server, url }) => {
    const [first = 0] = server.workers();
    process.kill(first, "SIGKILL");
    await server.until(() => server.log.match(/serves in slot/g)?.length === 2, "a successor");
    const [second = 0] = server.workers();
    process.kill(second, "SIGSTOP");
    await server.logged(/\[CRITICAL\] WORKER TIMEOUT/);
    await server.until(() => server.log.match(/serves in slot/g)?.length === 3 && !isAlive(second), "another");
    assert.equal(await ask(url), "200 old");
  });
});
