/** Workers of class gthread: several threads in a process, each with one request at a time, however long that takes. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { load } from "./load.ts";
import { hello, runtime, type Server, withFolder, withServer } from "./server.ts";

const APP = `
let inside = 0;
const spin = (ms) => { for (const end = performance.now() + ms; performance.now() < end;); };
export function startup() {
  console.error("startup of a thread");
}
export function shutdown() {
  console.error("shutdown of a thread");
}
export default async (environ, startResponse) => {
  const alone = inside++ === 0;
  const [way, time] = [environ.PATH_INFO, Number(environ.QUERY_STRING)];
  if (way === "/spin" || way === "/wait") environ["tsgi.errors"].write(way + " begun\\n");
  if (way === "/spin") spin(time);
  if (way === "/wait") await new Promise((resolve) => setTimeout(resolve, time));
  if (way === "/fault") setTimeout(() => { throw new Error("nobody catches this"); }, 0);
  if (way === "/reject") Promise.reject(new Error("nobody awaits this"));
  if (way === "/exit") process.exit(3);
  inside--;
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  if (way === "/flags") return [environ["tsgi.multithread"] + " " + environ["tsgi.multiprocess"]];
  return [alone ? "alone" : "crowded"];
};
`;

function withApp<T>(args: readonly string[], use: (url: string, server: Server, folder: string) => Promise<T>, files: Readonly<Record<string, string>> = {}): Promise<T> {
  return withFolder({ "app.ts": APP, ...files }, (folder) =>
    withServer({ args: ["-b", "127.0.0.1:0", ...args, "app.ts"], cwd: folder }, async (server) => use(`http://127.0.0.1:${await server.port()}`, server, folder)));
}

/** The answer's text; "cut" if there is none. A new connection for each, as a browser that found the others busy. */
async function ask(url: string): Promise<string> {
  try {
    const response = await fetch(url, { headers: { connection: "close" } });
    return `${response.status} ${await response.text()}`;
  } catch {
    return "cut";
  }
}

test("an idle thread answers while another is blocked for longer than timeout, and nobody is killed", async () => {
  await withApp(["--threads", "2", "--timeout", "1"], async (url, server) => {
    assert.match(server.log, /Using worker: gthread/);
    const pids = server.workers();
    const slow = ask(`${url}/spin?3000`);
    await server.logged(/\/spin begun/);
    let isOver = false;
    void slow.then(() => (isOver = true));
    for (let i = 0; i < 20; i++) assert.equal(await ask(`${url}/`), "200 alone");
    assert.equal(isOver, false, "the fast ones were answered meanwhile");
    assert.equal(await slow, "200 alone");
    assert.deepEqual(server.workers(), pids);
    assert.doesNotMatch(server.log, /TIMEOUT/);
  });
});

test("a thread answers one request at a time, and its connections may have several", async () => {
  await withApp(["-k", "threads", "--threads", "3"], async (url, server) => {
    assert.match(server.log, /Using worker: gthread/);
    const to = { port: Number(new URL(url).port) };
    for (const keepAlive of [false, true]) {
      const report = await load({ to, clients: 16, requests: 400, keepAlive, target: "/wait?1" });
      assert.deepEqual([report.failed, report.bodies], [0, { alone: 400 }], JSON.stringify(report));
    }
    assert.equal(await ask(`${url}/flags`), "200 true true");
  });
});

test("startup and shutdown run in each thread, and sync with several threads is gthread", async () => {
  await withApp(["-k", "sync", "--threads", "3"], async (url, server) => {
    assert.match(server.log, /Using worker: gthread/);
    assert.equal(await ask(`${url}/`), "200 alone");
    server.signal("TERM");
    assert.equal((await server.ended).code, 0);
    assert.equal(server.log.match(/startup of a thread/g)?.length, 3);
    assert.equal(server.log.match(/shutdown of a thread/g)?.length, 3);
    assert.equal(server.log.match(/Booting worker with pid/g)?.length, 1);
    assert.equal(server.log.match(/Worker exiting/g)?.length, 1);
  });
});

test("thread-timeout names the thread and its request, and ends that thread alone or with its process", async () => {
  await withApp(["--threads", "2", "--thread-timeout", "1"], async (url, server) => {
    const [pid = 0] = server.workers();
    const slow = ask(`${url}/spin?60000`);
    await server.logged(/\[CRITICAL\] WORKER TIMEOUT \(pid:\d+ thread:[12]\) busy [12]\.\ds; in flight: GET \/spin\?60000 \([12]\.\ds\)\n/);
    if (runtime === "bun") {
      await server.logged(/Thread [12] of worker \(pid:\d+\) was terminated and started anew/);
      assert.equal(await slow, "cut");
      assert.deepEqual(server.workers(), [pid], "the process goes on");
    } else {
      await server.logged(/Thread [12] of worker \(pid:\d+\) cannot be terminated: the worker will be replaced/);
      await server.until(() => !server.workers().includes(pid) && server.workers().length === 1, "the successor alone");
      assert.equal(await slow, "cut");
    }
    const report = await load({ to: { port: Number(new URL(url).port) }, clients: 4, requests: 200 });
    assert.equal(report.failed, 0, JSON.stringify(report.failures));
  });
});

test("thread-timeout bounds a request that waits as well", async () => {
  await withApp(["--threads", "2", "--thread-timeout", "1"], async (url, server) => {
    const slow = ask(`${url}/wait?60000`);
    await server.logged(/\[CRITICAL\] WORKER TIMEOUT \(pid:\d+ thread:[12]\) busy [12]\.\ds; in flight: GET \/wait\?60000 \([12]\.\ds\)\n/);
    assert.equal(await slow, "cut");
    assert.equal(await ask(`${url}/`), "200 alone");
  });
});

test("what breaks in a thread is logged, and its worker replaced without losing a request", async () => {
  for (const [way, said] of [
    ["fault", /\[ERROR\] Unhandled exception in the application: Error: nobody catches this/],
    ["reject", /\[ERROR\] Unhandled rejection in the application: Error: nobody awaits this/],
    ["exit", /\[ERROR\] Thread [12] of worker \(pid:\d+\) ended by itself: the worker will be replaced/],
  ] as const) {
    await withApp(["--threads", "2"], async (url, server) => {
      const [pid = 0] = server.workers();
      const answer = await ask(`${url}/${way}`);
      assert.equal(answer, way === "exit" ? "cut" : "200 alone");
      await server.logged(said);
      await server.until(() => !server.workers().includes(pid) && server.workers().length === 1, "a successor");
      assert.equal(await ask(`${url}/`), "200 alone");
    });
  }
});

test("an application that does not load in its threads ends the server as it would a worker", async () => {
  await withFolder({ "app.ts": "export const other = 1;" }, async (folder) => {
    await withServer({ args: ["--threads", "3", "-b", "127.0.0.1:0", "app.ts"], cwd: folder }, async (server) => {
      assert.equal((await server.ended).code, 4);
      assert.equal(server.log.match(/Cannot load app\.ts: no default export/g)?.length, 1, server.log);
    });
  });
});

test("max-requests counts for all threads of a worker, and the access log has a line for each", async () => {
  await withApp(["--threads", "2", "--max-requests", "100", "--access-logfile", "access.log"], async (url, server, folder) => {
    const [pid = 0] = server.workers();
    const report = await load({ to: { port: Number(new URL(url).port) }, clients: 8, requests: 300 });
    assert.equal(report.failed, 0, JSON.stringify(report.failures));
    await server.logged(/Autorestarting worker after current request\./);
    await server.until(() => !server.workers().includes(pid), "a successor");
    const lines = () => (existsSync(join(folder, "access.log")) ? readFileSync(join(folder, "access.log"), "utf8").match(/"GET \/ HTTP\/1\.1" 200/g)?.length ?? 0 : 0);
    await server.until(() => lines() === 300, "300 lines");
  });
});

test("hooks of a worker are called once by its process, and those of a request in its thread", async () => {
  const config = `
const said = (worker, text) => worker.log.info(text + " of " + worker.pid);
export default {
  app: "app.ts", threads: 2,
  postFork: (server, worker) => said(worker, "postFork"),
  postWorkerInit: (worker) => said(worker, "postWorkerInit"),
  preRequest: (worker, request) => said(worker, "preRequest " + worker.requests),
  workerExit: (server, worker) => said(worker, "workerExit after " + worker.requests),
};`;
  await withApp([], async (url, server) => {
    const [pid = 0] = server.workers();
    for (let i = 0; i < 4; i++) await ask(`${url}/`);
    server.signal("TERM");
    await server.ended;
    for (const [text, times] of [["postFork", 1], ["postWorkerInit", 1], ["preRequest \\d", 4], ["workerExit after 4", 1]] as const) {
      assert.equal(server.log.match(new RegExp(`\\[INFO\\] ${text} of ${pid}`, "g"))?.length, times, `${text}: ${server.log}`);
    }
  }, { "tsgi.config.ts": config });
});

test("a quick stop does not wait for a blocked thread, a graceful one does", async () => {
  await withApp(["--threads", "2"], async (url, server) => {
    const slow = ask(`${url}/spin?2500`);
    await server.logged(/\/spin begun/);
    server.signal("TERM");
    assert.equal(await slow, "200 alone");
    assert.equal((await server.ended).code, 0);
  });
  await withApp(["--threads", "2"], async (url, server) => {
    const slow = ask(`${url}/spin?60000`);
    await server.logged(/\/spin begun/);
    server.signal("INT");
    assert.equal((await server.ended).code, 0);
    assert.equal(await slow, "cut");
  });
});

test("a worker that is told to abort answers those who wait in its threads with 503", async () => {
  await withApp(["--threads", "2"], async (url, server) => {
    const waiting = [ask(`${url}/wait?60000`), ask(`${url}/wait?60001`)];
    await server.until(() => server.log.match(/\/wait begun/g)?.length === 2, "both");
    const [pid = 0] = server.workers();
    process.kill(pid, "SIGABRT");
    assert.deepEqual(await Promise.all(waiting), ["503 Service Unavailable\n", "503 Service Unavailable\n"]);
    await server.until(() => server.workers().some((one) => one !== pid), "a successor");
  });
});

test("a neighbour takes the connections of a worker whose threads are all busy", async () => {
  await withApp(["-w", "2", "--threads", "2"], async (url, server) => {
    await server.port(2);
    const to = { port: Number(new URL(url).port) };
    // Of one worker all threads, of the other one: whoever comes is answered by the fourth.
    const slow: Promise<string>[] = [];
    while (slow.length < 3) {
      slow.push(ask(`${url}/spin?6000`));
      await server.until(() => (server.log.match(/\/spin begun/g)?.length ?? 0) === slow.length, `${slow.length} blocked threads`);
    }
    const report = await load({ to, clients: 4, requests: 60 });
    assert.equal(report.failed, 0, JSON.stringify(report.failures));
    assert.ok(report.slowest < 5000, `somebody waited ${report.slowest} ms`);
    for (const answer of await Promise.all(slow)) assert.equal(answer, "200 alone");
  });
});

test("tsgi with --reuse-port lets each thread bind, reloads, and serves on", async () => {
  await withServer({ args: ["--threads", "2", "--reuse-port", "-b", "127.0.0.1:0", hello] }, async (server) => {
    const port = await server.port();
    assert.equal((await load({ to: { port }, clients: 8, requests: 200 })).failed, 0);
    server.signal("HUP");
    await server.logged(/Reloaded: generation 2/);
    assert.equal((await load({ to: { port }, clients: 8, requests: 200 })).failed, 0);
  });
});
