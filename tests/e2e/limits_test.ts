/** What clients may ask: the limits of requests, the names they may be for, and what becomes of those that are refused. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { prometheusText } from "../../core/metrics/exposition.ts";
import { families } from "../../core/metrics/families.ts";
import type { Stats } from "../../core/metrics/stats.ts";
import { supervised } from "./supervised.ts";
import { runtime, type Server, withFolder, withServer } from "./server.ts";

const APP = `
export default async function* (environ, startResponse) {
  const body = environ.REQUEST_METHOD === "POST" && environ.PATH_INFO !== "/unread" ? await environ["tsgi.input"].read() : [];
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  yield environ.REQUEST_METHOD + " " + body.length;
}
`;
const FETCH_APP = `
export default { async fetch(request) {
  const path = new URL(request.url).pathname;
  const body = request.method !== "POST" ? "" : path === "/clone" ? await request.clone().text() : path === "/form" ? [...await request.formData()].join() : await request.text();
  return new Response(request.method + " " + body.length);
} };
`;

interface Serving {
  readonly port: number;
  readonly server: Server;
  /** Answers to raw bytes, up to the end of the connection. */
  readonly raw: (text: string) => Promise<string>;
}

async function serving(args: readonly string[], use: (serving: Serving) => Promise<void>, app = APP): Promise<void> {
  await withFolder({ "app.ts": app }, async (folder) => {
    await withServer({ args: [...args, "-b", "127.0.0.1:0", "--access-logfile", "-", "--access-logformat", "ACCESS %(m)s %(U)s %(s)s", "app.ts"], cwd: folder }, async (server) => {
      const port = await server.port();
      await use({ port, server, raw: (text) => raw(port, text) });
    });
  });
}

const HOST = "Host: h\r\n";
const END = "Connection: close\r\n\r\n";
const NEXT = `GET /next HTTP/1.1\r\n${HOST}${END}`;
const status = (answer: string) => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);

test("tsgi --limit-request-line, -fields and -field_size answer 414 and 431, and the log says why", async () => {
  const args = ["--limit-request-line", "100", "--limit-request-fields", "5", "--limit-request-field_size", "60"];
  await serving(args, async ({ raw, server }) => {
    const line = (length: number) => raw(`GET /${"a".repeat(length - 15)} HTTP/1.1\r\n${HOST}${END}`);
    assert.equal(status(await line(99)), 200);
    assert.equal(status(await line(102)), 414);
    const fields = (count: number) => raw(`GET / HTTP/1.1\r\n${HOST}${Array.from({ length: count - 2 }, (_, i) => `X-${i}: v\r\n`).join("")}${END}`);
    assert.equal(status(await fields(5)), 200);
    assert.equal(status(await fields(6)), 431);
    const field = (length: number) => raw(`GET / HTTP/1.1\r\n${HOST}X-A: ${"b".repeat(length - 5)}\r\n${END}`);
    assert.equal(status(await field(60)), 200);
    const answer = await raw(`GET / HTTP/1.1\r\n${HOST}X-A: ${"b".repeat(56)}\r\n\r\n${NEXT}`);
    assert.equal(status(answer), 431);
    assert.equal(answer.split("HTTP/1.1 ").length, 2, "nothing is served behind a refused request");
    assert.match(answer, /\r\nconnection: close\r\n/i);
    await server.logged(/\[WARNING\] Invalid request from ip=127\.0\.0\.1: Request Line is too large \(10\d > 100\)/);
    await server.logged(/Invalid request from ip=127\.0\.0\.1: limit request headers fields\n/);
    await server.logged(/Invalid request from ip=127\.0\.0\.1: limit request headers fields size\n/);
    await server.until(() => (server.out.match(/ACCESS GET \/a* 414/g) ?? []).length === 1 && (server.out.match(/ACCESS GET \/ 431/g) ?? []).length === 2, "a line in the access log for each");
  });
});

for (const [kind, app] of [["TSGI", APP], ["Fetch", FETCH_APP]] as const) {
  test(`tsgi --limit-request-body answers 413 to a ${kind} application's clients, at once or when it is too much`, async () => {
    await serving(["--limit-request-body", "1000"], async ({ raw, server }) => {
      const post = (length: number) => raw(`POST / HTTP/1.1\r\n${HOST}Content-Length: ${length}\r\n${END}${"a".repeat(length)}`);
      assert.match(await post(1000), /POST 1000/);
      // Nothing of the body is sent: the answer does not wait for it.
      assert.equal(status(await raw(`POST / HTTP/1.1\r\n${HOST}Content-Length: 1001\r\n\r\n`)), 413);
      const chunked = (times: number) => raw(`POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n${END}${`64\r\n${"a".repeat(100)}\r\n`.repeat(times)}0\r\n\r\n`);
      assert.match(await chunked(10), /POST 1000/);
      const answer = await chunked(11);
      assert.equal(status(answer), 413);
      assert.equal(answer.split("HTTP/1.1 ").length, 2);
      assert.match(await post(5), /POST 5/);
      await server.logged(/Invalid request from ip=127\.0\.0\.1: Request body is too large \(more than 1000 bytes\)/);
      await server.until(() => (server.out.match(/ACCESS POST \/ 413/g) ?? []).length === 2, "a line in the access log for each");
      assert.equal((server.out.match(/ACCESS POST/g) ?? []).length, 5);
      assert.doesNotMatch(server.log, /\[ERROR\]/);
    }, app);
  });
}

for (const [kind, app] of [["TSGI", APP], ["Fetch", FETCH_APP]] as const) {
  test(`a Content-Length that no machine could keep ends no worker of a ${kind} application`, async () => {
    await serving([], async ({ port, server }) => {
      const workers = server.workers();
      const sockets = [2 ** 30, 2 ** 40, 2 ** 48].map((length) => connect(port, "127.0.0.1").on("error", () => {}).end(`POST / HTTP/1.1\r\n${HOST}Content-Length: ${length}\r\n\r\nhello`));
      await Promise.all(sockets.map((socket) => once(socket.resume(), "close")));
      const more = connect(port, "127.0.0.1").on("error", () => {});
      more.write(`POST / HTTP/1.1\r\n${HOST}Content-Length: ${2 ** 48}\r\n\r\nhello`);
      assert.match(await raw(port, `POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\n${END}hello`), /POST 5/);
      more.destroy();
      const large = "a".repeat(3 * 2 ** 20);
      assert.match(await raw(port, `POST / HTTP/1.1\r\n${HOST}Content-Length: ${large.length}\r\n${END}${large}`), /POST 3145728/);
      assert.deepEqual(server.workers(), workers);
    }, app);
  });
}

test("tsgi --limit-request-body leaves a Fetch handler every way to read its body", async () => {
  await serving(["--limit-request-body", "1000"], async ({ raw }) => {
    const post = (path: string, type: string, body: string) => raw(`POST ${path} HTTP/1.1\r\n${HOST}Content-Type: ${type}\r\nTransfer-Encoding: chunked\r\n${END}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`);
    assert.match(await post("/clone", "text/plain", "hello"), /POST 5/);
    assert.match(await post("/form", "application/x-www-form-urlencoded", "a=b&c=d"), /POST 7/);
  }, FETCH_APP);
});

test("tsgi --limit-request-body raises the limit that Bun has of its own, 128 MiB", async () => {
  const head = `POST /unread HTTP/1.1\r\n${HOST}Content-Length: ${130 * 2 ** 20}\r\n\r\n`;
  await serving(["--limit-request-body", String(140 * 2 ** 20)], async ({ port }) => assert.equal(status(await raw(port, head, "data")), 200));
  await serving([], async ({ port }) => assert.equal(status(await raw(port, head, "data")), runtime === "bun" ? 413 : 200));
});

for (const [kind, app] of [["TSGI", APP], ["Fetch", FETCH_APP]] as const) {
  test(`tsgi --request-body-timeout answers 408 to a client that keeps a ${kind} application waiting for its body`, async () => {
    await serving(["--request-body-timeout", "0.3"], async ({ raw, server }) => {
      assert.equal(status(await raw(`POST / HTTP/1.1\r\n${HOST}Content-Length: 10\r\n\r\nhello`)), 408);
      assert.match(await raw(`POST / HTTP/1.1\r\n${HOST}Content-Length: 5\r\n${END}hello`), /POST 5/);
      await server.logged(/Request body was not sent: silent for 0\.3 s/);
      assert.doesNotMatch(server.log, /\[ERROR\]/);
    }, app);
  });
}

test("tsgi --request-body-min-rate answers 408 to a client that drips its body, and takes what is quick enough", async () => {
  await serving(["--request-body-min-rate", "100"], async ({ port, server }) => {
    const dripped = async (size: number) => {
      const socket = connect(port, "127.0.0.1");
      socket.setEncoding("latin1").on("error", () => {}); // Cut in the middle of our writing.
      socket.write(`POST / HTTP/1.1\r\n${HOST}Content-Length: ${size * 35}\r\n\r\n`);
      let left = 35;
      const drip = setInterval(() => (socket.write("a".repeat(size)), --left || clearInterval(drip)), 200);
      const [answer] = await once(socket, "data") as [string];
      clearInterval(drip);
      socket.destroy();
      return answer;
    };
    const [slow, quick] = await Promise.all([dripped(1), dripped(100)]);
    assert.equal(status(slow), 408);
    assert.equal(status(quick), 200);
    await server.logged(/Request body was not sent: \d+ bytes, less than 100 a second/);
  });
});

test("tsgi --allowed-hosts answers 400 to all others", async () => {
  await serving(["--allowed-hosts", "example.org,*.example.com,.example.net,[::1]"], async ({ raw, server }) => {
    const ask = async (host: string) => status(await raw(`GET / HTTP/1.1\r\nHost: ${host}\r\n${END}`));
    for (const host of ["example.org", "EXAMPLE.org:8080", "a.example.com", "a.b.example.com", "example.net", "a.example.net", "[::1]:80"]) assert.equal(await ask(host), 200, host);
    for (const host of ["example.com", "evil.org", "evil-example.org", "xexample.com", "example.org.evil", "evilexample.net", "127.0.0.1"]) assert.equal(await ask(host), 400, host);
    await server.logged(/Host is not allowed: \\?"evil\.org\\?"/);
  });
});

test("tsgi --strict-headers answers 400 to schemes that contradict each other, from a trusted proxy alone", async () => {
  const schemes = "X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off\r\n";
  const ask = (raw: Serving["raw"]) => raw(`GET / HTTP/1.1\r\n${HOST}${schemes}${END}`);
  await serving(["--strict-headers"], async ({ raw, server }) => {
    assert.equal(status(await ask(raw)), 400);
    assert.equal(status(await raw(`GET / HTTP/1.1\r\n${HOST}X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: on\r\n${END}`)), 200);
    assert.equal(status(await raw(`GET / HTTP/1.1\r\n${HOST}Content-Type: text/plain\r\nContent-Type: text/html\r\n${END}`)), 400);
    assert.equal(status(await raw(`GET / HTTP/1.1\r\n${HOST}Content-Type: multipart/mixed; boundary="a,b"\r\n${END}`)), 200);
    await server.logged(/Contradictory scheme headers/);
  });
  await serving(["--strict-headers", "--forwarded-allow-ips", "10.0.0.1"], async ({ raw }) => assert.equal(status(await ask(raw)), 200));
});

test("tsgi counts refusals by what was wrong", async () => {
  await withFolder({ "app.ts": APP }, async (folder) => {
    await supervised(join(folder, "app.ts"), { allowedHosts: ["h"], limitRequestBody: 5 }, async ({ port, until }) => {
      await raw(port, `GET / HTTP/1.1\r\nHost: evil\r\n${END}`);
      await raw(port, `GET / HTTP/1.1\r\nHost: a b\r\n${END}`);
      await raw(port, `POST / HTTP/1.1\r\n${HOST}Content-Length: 6\r\n${END}`);
      const counts = (stats: Stats) => Object.fromEntries(stats.application.find(({ name }) => name === "tsgi_requests_refused")?.series.map(({ labels, value }) => [labels[0]?.[1], value]) ?? []);
      const stats = await until((now) => Object.keys(counts(now)).length === 2, "two kinds of refusals");
      assert.deepEqual(counts(stats), { host: 2, body: 1 });
      assert.equal(stats.requests?.statuses["4xx"], 3);
      assert.match(prometheusText(families(stats)), /tsgi_requests_refused_total\{why="body"\} 1\n/);
    });
  });
});

test("tsgi tells of the first refusals in a second, and counts the others", async () => {
  await serving(["--allowed-hosts", "h"], async ({ raw, server }) => {
    for (let i = 0; i < 15; i++) await raw(`GET / HTTP/1.1\r\nHost: evil\r\n${END}`);
    const [, more] = await server.logged(/Refused (\d+) more invalid requests? within a second/);
    assert.ok(Number(more) <= 5);
    assert.ok((server.log.match(/Host is not allowed/g) ?? []).length >= 10);
  });
});

test("tsgi refuses limits that the runtime would not keep", async () => {
  const refused = async (...args: string[]) => {
    const messages: string[] = [];
    await withFolder({ "app.ts": APP }, async (folder) => {
      await withServer({ args: [...args, "--check-config", "app.ts"], cwd: folder }, async (server) => {
        await server.ended;
        messages.push(server.log);
      });
    });
    return messages.join("");
  };
  assert.match(await refused("--limit-request-line", "100000"), /Cannot use --limit-request-line: the native server of \w+ takes \d+ at most, which cannot be raised/);
  assert.match(await refused("--allowed-hosts", "http://h/"), /Cannot use --allowed-hosts: expected a name such as example\.org/);
  if (runtime === "bun") assert.match(await refused("--request-header-timeout", "20"), /Cannot use --request-header-timeout: the native server of bun takes 10 at most, which cannot be raised/);
  if (runtime !== "deno") assert.match(await refused("--permit-unconventional-http-method"), /Cannot use --permit-unconventional-http-method: the native server of \w+ refuses methods that it does not know/);
});

test("tsgi --permit-unconventional-http-method takes what gunicorn would", { skip: runtime !== "deno" }, async () => {
  const ask = (raw: Serving["raw"], method: string) => raw(`${method} / HTTP/1.1\r\n${HOST}${END}`);
  await serving([], async ({ raw }) => assert.equal(status(await ask(raw, "brew")), 400));
  await serving(["--permit-unconventional-http-method"], async ({ raw }) => {
    assert.match(await ask(raw, "brew"), /brew 0/);
    assert.equal(status(await raw(`CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n${NEXT}`)), 405);
  });
});

async function raw(port: number, text: string, until: "close" | "data" = "close"): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.setEncoding("latin1");
  let received = "";
  socket.on("data", (piece) => received += piece);
  socket.on("error", () => {}); // Cut in the middle of our writing: what was answered counts.
  const over = once(socket, until);
  socket.write(text, "latin1");
  await over;
  socket.destroy();
  return received;
}
