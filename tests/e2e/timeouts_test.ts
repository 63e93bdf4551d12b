/** Timeouts that explain themselves, and load that is refused, by a real server. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { curl, runtime, type Server, withFolder, withServer } from "./server.ts";

const TSGI = `
const wait = (ms, signal) => new Promise((resolve, reject) => {
  setTimeout(resolve, ms);
  signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
});
const spin = (ms) => { for (const end = performance.now() + ms; performance.now() < end;); };
const text = [["Content-Type", "text/plain"]];
export let aborted = 0;
export default (environ, startResponse) => {
  const way = environ.PATH_INFO.slice(1);
  if (way === "spin") spin(Number(environ.QUERY_STRING || 5000));
  if (way === "stream") {
    startResponse("200 OK", text);
    return (async function* () {
      yield "begun";
      await wait(20_000, environ["tsgi.signal"]);
    })();
  }
  if (way === "wait") return (async () => {
    try {
      await wait(20_000, environ["tsgi.signal"]);
    } catch {
      aborted++;
    }
    startResponse("200 OK", text);
    return ["late"];
  })();
  if (way === "deaf") return new Promise(() => {});
  if (way === "extend") return (async () => {
    environ["tsgi.deadline"].extend(5000);
    await wait(800);
    startResponse("200 OK", text);
    return ["in time"];
  })();
  startResponse("200 OK", text);
  return [String(aborted)];
};`;

const FETCH = `
const wait = (ms, signal) => new Promise((resolve, reject) => {
  setTimeout(resolve, ms);
  signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
});
let aborted = 0;
export default {
  async fetch(request) {
    const way = new URL(request.url).pathname.slice(1);
    if (way === "wait") await wait(20_000, request.signal).catch(() => aborted++);
    if (way === "stream") {
      let isBegun = false;
      return new Response(new ReadableStream({ async pull(controller) {
        if (isBegun) return await wait(20_000);
        isBegun = true;
        controller.enqueue(new TextEncoder().encode("begun"));
      } }));
    }
    return new Response(String(aborted));
  },
};`;

function withApp<T>(code: string, args: readonly string[], use: (url: string, server: Server) => Promise<T>): Promise<T> {
  return withFolder({ "app.ts": code }, (folder) =>
    withServer({ args: ["-b", "127.0.0.1:0", ...args, "app.ts"], cwd: folder }, async (server) => use(`http://127.0.0.1:${await server.port()}`, server)));
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/** The answer; status 0 if the connection ended without one, and the text as far as it came. */
async function ask(url: string): Promise<Answer> {
  try {
    const response = await fetch(url);
    let text = "";
    try {
      for await (const chunk of response.body!) text += new TextDecoder().decode(chunk);
    } catch {
      text += "[broken]";
    }
    return { status: response.status, text, headers: response.headers };
  } catch {
    return { status: 0, text: "", headers: new Headers() };
  }
}

/** Resolves when a request is seen to be answered, and so those before it to be in flight. */
async function seen(url: string): Promise<void> {
  await ask(`${url}/`);
}

test("tsgi names the request that a murdered worker hung in, how long, and who waited with it", async () => {
  await withApp(TSGI, ["--timeout", "2"], async (url, server) => {
    const waiting = ask(`${url}/wait?for=%0a%1b[31m`);
    const streaming = ask(`${url}/stream`);
    await seen(url);
    const hanging = ask(`${url}/spin?60000`);
    const [line = "", blocked, requests = ""] = await server.logged(/\[CRITICAL\] WORKER TIMEOUT \(pid:\d+\) blocked ([\d.]+)s; in flight: (.*)/);
    assert.ok(Number(blocked) >= 2 && Number(blocked) < 4, line);
    assert.match(requests, /GET \/spin\?60000 \([123]\.\ds\)/);
    assert.match(requests, /GET \/wait\?for=%0a%1b(?:\[|%5B)31m \([123]\.\ds\)/i);
    assert.match(requests, /GET \/stream \([123]\.\ds\)/);
    assert.equal(requests.split(", ").length, 3, "the answered request is not there");
    await Promise.all([waiting, streaming, hanging]);
    await server.logged(/was sent SIGKILL! It was silent too long\./);
    assert.equal((await ask(`${url}/`)).text, "0");
  });
});

test("tsgi --no-watchdog tells how long a worker stood still, and not what it did", async () => {
  await withApp(TSGI, ["--timeout", "1", "--no-watchdog"], async (url, server) => {
    const hanging = ask(`${url}/spin?60000`);
    await server.logged(/WORKER TIMEOUT \(pid:\d+\) blocked [12]\.\ds\n/);
    await hanging;
  });
});

test("tsgi answers those who wait with 503 when a worker whose loop turns is told to abort", async () => {
  await withApp(TSGI, ["--access-logfile", "-"], async (url, server) => {
    const waiting = [ask(`${url}/deaf`), ask(`${url}/wait`)];
    await seen(url);
    const [pid = 0] = server.workers();
    process.kill(pid, "SIGABRT");
    assert.deepEqual((await Promise.all(waiting)).map(({ status }) => status), [503, 503]);
    await server.logged(/\[WARNING\] Answered 2 requests in flight with 503/);
    await server.logged(new RegExp(`Worker \\(pid:${pid}\\) exited with code 1\\.`));
    await server.until(() => server.workers().some((one) => one !== pid), "a successor");
    const lines = [...server.out.matchAll(/"GET \/(deaf|wait) HTTP\/1\.1" (\S+ \S+)/g)].map(([, ...fields]) => fields.join(" ")).sort();
    assert.deepEqual(lines, ["deaf 503 20", "wait 503 20"]);
  });
});

test("tsgi --request-timeout answers 504, aborts the signal, and breaks off what was begun", async () => {
  await withApp(TSGI, ["--request-timeout", "0.5"], async (url, server) => {
    const answers = await Promise.all(["wait?a=1", "deaf", "stream", "extend"].map((way) => ask(`${url}/${way}`)));
    assert.deepEqual(answers.map(({ status, text }) => [status, text]), [
      [504, "Gateway Timeout\n"], [504, "Gateway Timeout\n"], [200, "begun[broken]"], [200, "in time"],
    ]);
    await server.logged(/\[ERROR\] Request timeout: GET \/wait\?a=1 was not over within 0\.5 s\n/);
    await server.logged(/Request timeout: GET \/stream was not over within 0\.5 s\n/);
    assert.equal((await ask(`${url}/`)).text, "1", "the signal aborted once");
    assert.doesNotMatch(server.log, /GET \/extend/);
    assert.equal(server.log.match(/GET \/stream/g)?.length, 1, "a broken body is told once");
    assert.doesNotMatch(server.log, /TimeoutError|Error handling request/);
  });
});

test("tsgi --request-timeout bounds a Fetch handler as well", async () => {
  await withApp(FETCH, ["--request-timeout", "0.5"], async (url, server) => {
    const answer = await ask(`${url}/wait`);
    assert.deepEqual([answer.status, answer.text], [504, "Gateway Timeout\n"]);
    await server.logged(/\[ERROR\] Request timeout: GET \/wait was not over within 0\.5 s\n/);
    assert.equal((await ask(`${url}/`)).text, "1", "the signal aborted");
    // Bun cannot tell a stream from a whole body, and the log says so at the start.
    if (runtime === "deno") assert.equal((await ask(`${url}/stream`)).text, "begun[broken]");
    else await server.logged(/\[WARNING\] --request-timeout 0\.5 bounds the time to a Fetch handler's Response/);
  });
});

test("tsgi --slow-request warns of a slow request while it waits, or when it is over", async () => {
  await withApp(TSGI, ["--slow-request", "0.2"], async (url, server) => {
    const waiting = ask(`${url}/wait?slow`);
    await server.logged(/\[WARNING\] Slow request: GET \/wait\?slow has been waiting for \d/);
    await ask(`${url}/spin?300`);
    await server.logged(/\[WARNING\] Slow request: GET \/spin\?300 took 0\.3 s/);
    server.signal("QUIT");
    await waiting;
    assert.equal(server.log.match(/Slow request/g)?.length, 2, server.log);
  });
});

test("tsgi --loop-lag names the handler that held the loop up", async () => {
  await withApp(TSGI, ["--loop-lag", "0.3"], async (url, server) => {
    await ask(`${url}/spin?900`);
    await server.logged(/\[WARNING\] The event loop was held up for 0\.[89] s by GET \/spin\?900\n/);
  });
});

test("tsgi --limit-concurrency refuses with 503 what would be too much, and says so once a second", async () => {
  await withApp(TSGI, ["--limit-concurrency", "2", "--access-logfile", "-"], async (url, server) => {
    const waiting = [ask(`${url}/wait`), ask(`${url}/wait`)];
    await server.until(() => curl("-o", "/dev/null", "-w", "%{http_code}", url) === "503", "the limit");
    const refused = await Promise.all(Array.from({ length: 20 }, () => ask(url)));
    assert.deepEqual(new Set(refused.map(({ status, headers }) => `${status} ${headers.get("retry-after")}`)), new Set(["503 1"]));
    const [, count] = await server.logged(/\[WARNING\] Refused (\d+) requests with 503: 2 were in flight \(limit-concurrency\)/);
    assert.ok(Number(count) >= 20, server.log);
    await server.until(() => server.out.match(/"GET \/ HTTP\/1\.1" 503 20/g)?.length === Number(count), `${count} lines in the access log`);
    server.signal("QUIT");
    await Promise.all(waiting);
  });
});
