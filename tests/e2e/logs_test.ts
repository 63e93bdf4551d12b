/** Logs from end to end: syslog, ids of requests, lines that nobody can forge, rotation over the control socket, a full disk. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { ControlClient } from "../../runtimes/control_client.ts";
import { load } from "./load.ts";
import { curl, hello, withFolder, withServer } from "./server.ts";
import { datagrams, lines, received, type Receiver } from "./syslog_receiver.ts";

const ACCESS = /^<14>tsgi\.site\.access: \[\d+\] 127\.0\.0\.1 - - \[[^\]]+\] "GET \/\S* HTTP\/1\.1" 200 14 "-" "curl\/[\d.]+"$/;

for (const kind of ["udp", "tcp", "unix"] as const) {
  test(`tsgi --log-syslog sends both logs over ${kind}, and serves on while the receiver is away`, () =>
    withFolder({}, async (folder) => {
      const path = join(folder, "log");
      const start = async (port: number): Promise<Receiver> => kind === "udp" ? datagrams({ port }) : kind === "tcp" ? await lines({ port }) : datagrams({ path });
      let receiver = await start(0);
      const { port: logPort } = receiver;
      const to = kind === "unix" ? `unix://${path}` : `${kind}://127.0.0.1:${logPort}`;
      await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", "--log-syslog", "--log-syslog-to", to, "--log-syslog-prefix", "site", hello] }, async (server) => {
        const port = await server.port(2);
        curl(`http://127.0.0.1:${port}/one`);
        const first = await received(receiver, (all) => all.some((message) => ACCESS.test(message)) && all.some((message) => message.includes("Booting worker")));
        assert.ok(first.includes(`<14>tsgi.site.error: [${server.pid}] Starting tsgi ${/Starting tsgi (\S+)/.exec(server.log)![1]}`), first.join("\n"));
        assert.ok(first.every((message) => /^<1[45]>tsgi\.site\.(?:error|access): \[\d+\] /.test(message)), first.join("\n"));
        receiver.close();
        assert.equal((await load({ to: { port }, clients: 4, requests: 40 })).failed, 0);
        receiver = await start(logPort);
        assert.equal((await load({ to: { port }, clients: 4, requests: 40 })).failed, 0);
        await received(receiver, (all) => all.some((message) => message.includes('.access: ')));
        await server.logged(/\[WARNING\] Cannot reach syslog at /);
        assert.equal(await server.stop(), 0);
        await received(receiver, (all) => all.some((message) => message.endsWith("Shutting down: Master")));
      });
      receiver.close();
    }));
}

test("tsgi --log-syslog with --disable-redirect-access-to-syslog and rfc5424 sends the error log alone, in that form", async () => {
  const receiver = datagrams({ port: 0 });
  const flags = ["--log-syslog", "--log-syslog-to", `udp://localhost:${receiver.port}`, "--disable-redirect-access-to-syslog", "--log-syslog-format", "rfc5424", "--log-syslog-facility", "local3"];
  await withServer({ args: ["-b", "127.0.0.1:0", ...flags, "-n", "shop", hello] }, async (server) => {
    curl(`http://127.0.0.1:${await server.port()}/`);
    assert.equal(await server.stop(), 0);
    const all = await received(receiver, (messages) => messages.some((message) => message.endsWith("Shutting down: Master")));
    for (const message of all) assert.match(message, /^<15\d>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S+ tsgi\.shop \d+ error - ./);
  });
  receiver.close();
});

const NAMED_APP = `
  const application = async (environ, startResponse) => {
    const id = environ["tsgi.request_id"];
    if (environ.PATH_INFO === "/throw") throw new Error("broken");
    if (environ.PATH_INFO === "/say") environ["tsgi.errors"].write("said\\n");
    if (environ.PATH_INFO === "/slow") await new Promise((resolve) => setTimeout(resolve, 1500));
    if (environ.PATH_INFO === "/block") for (;;);
    startResponse("200 OK", [["Content-Type", "text/plain"]]);
    return [id, " ", environ["tsgi.trace"].traceparent, " ", Object.keys(environ).filter((key) => key.startsWith("tsgi.re") || key === "tsgi.trace").sort().join()];
  };
  export default application;
`;

test("tsgi --request-id names a request in environ, in every log line about it, and in the answer", () =>
  withFolder({ "app.mjs": NAMED_APP }, async (folder) => {
    const access = join(folder, "access.log");
    const flags = ["--request-id", "--request-id-response", "--slow-request", "0.5", "--timeout", "3", "--access-logfile", access, "--access-log-format", "%(U)s %(s)s %(request_id)s %(trace_id)s"];
    await withServer({ args: ["-b", "127.0.0.1:0", ...flags, join(folder, "app.mjs")] }, async (server) => {
      const base = `http://127.0.0.1:${await server.port()}`;
      const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
      const answer = curl("-i", "-H", "X-Request-ID: order-7", "-H", `traceparent: ${parent}`, `${base}/`);
      assert.match(answer, /\r\nx-request-id: order-7\r\n/i);
      assert.match(answer, /\r\n\r\norder-7 00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01 tsgi\.request_id,tsgi\.response_finished,tsgi\.trace$/);
      const made = /\r\nx-request-id: ([0-9a-f]{32})\r\n[^]*\r\n\r\n\1 00-\1-[0-9a-f]{16}-00 /i.exec(curl("-i", "-H", "X-Request-ID: a b", `${base}/made`));
      assert.ok(made);
      for (const path of ["throw", "say", "slow"]) curl("-H", `X-Request-ID: id-${path}`, `${base}/${path}`);
      await server.logged(/\[ERROR\] Error handling request GET \/throw \(request id-throw\)\n {2}Error: broken/);
      await server.logged(/\[ERROR\] said \(request id-say\)\n/);
      await server.logged(/\[WARNING\] Slow request: GET \/slow has been waiting for [\d.]+ s \(request id-slow\)\n/);
      await server.until(() => readFileSync(access, "utf8").includes("/slow"), "the access log");
      const written = readFileSync(access, "utf8");
      assert.match(written, /^\/ 200 order-7 4bf92f3577b34da6a3ce929d0e0e4736$/m);
      assert.match(written, new RegExp(`^/made 200 ${made[1]} ${made[1]}$`, "m"));
      assert.match(written, /^\/throw 500 id-throw [0-9a-f]{32}$/m);
      const socket = connect({ port: Number(base.split(":")[2]), host: "127.0.0.1" });
      socket.on("error", () => {});
      socket.write("GET /block HTTP/1.1\r\nHost: a\r\nX-Request-ID: id-block\r\n\r\n");
      await server.logged(/\[CRITICAL\] WORKER TIMEOUT \(pid:\d+\) blocked [\d.]+s; in flight: GET \/block \[id-block\] \([\d.]+s\)/);
      socket.destroy();
    });
  }));

test("tsgi --request-id gives a Fetch handler its ids, and writes them into JSON", () =>
  withFolder({ "app.mjs": `export default { fetch: (request) => { if (request.url.endsWith("/throw")) throw new Error("broken"); return new Response(JSON.stringify(request[Symbol.for("tsgi.identity")])); } };` }, async (folder) => {
    const access = join(folder, "access.log");
    await withServer({ args: ["-b", "127.0.0.1:0", "--request-id", "--log-format", "json", "--access-logfile", access, "--access-log-format", "json", join(folder, "app.mjs")] }, async (server) => {
      const port = await server.until(() => /"addresses":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(server.log)?.[1], "the address");
      await server.until(() => {
        try {
          return curl(`http://127.0.0.1:${port}/`).includes('"id"');
        } catch {
          return false; // Not yet.
        }
      }, "an answer");
      curl("-H", "X-Request-ID: id-throw", `http://127.0.0.1:${port}/throw`);
      await server.logged(/"event":"request-error"[^\n]*"request_id":"id-throw","trace_id":"[0-9a-f]{32}"/);
      await server.until(() => readFileSync(access, "utf8").includes("/throw"), "the access log");
      const last = JSON.parse(readFileSync(access, "utf8").trim().split("\n").at(-1)!) as Record<string, unknown>;
      assert.deepEqual([last.request_id, last.status, last.path], ["id-throw", 500, "/throw"]);
      assert.match(`${last.trace_id} ${last.span_id}`, /^[0-9a-f]{32} [0-9a-f]{16}$/);
    });
  }));

/** What a client might send to forge a line, as bytes of path, header and query. */
const HOSTILE = [
  "\r\nFORGED", "\nFORGED", "\rFORGED", "\x1b[2K\x1b[31mFORGED", '" 200 1 "FORGED', "\\\" FORGED", "\xe2\x80\xa8FORGED", "\xe2\x80\xa9FORGED", "\xe2\x80\xaeFORGED",
  "\xc2\x9b31mFORGED", "\xff\xfe\x80FORGED", "\xed\xa0\x80FORGED", "\xc0\x8aFORGED", "\x00FORGED", "\x7fFORGED", "%0d%0aFORGED", "%0aFORGED", "%1b[31mFORGED", "%e2%80%a8FORGED",
  "%ff%feFORGED", "%00FORGED", "%22%20FORGED", "<13>FORGED", "x".repeat(1_000_000), "%0a".repeat(5000), "\xe2\x80\xa8".repeat(2000),
];
const FORGER_APP = `
  const application = (environ, startResponse) => {
    environ["tsgi.errors"].write(environ.PATH_INFO + " " + environ.QUERY_STRING + " " + environ.HTTP_X + "\\n");
    startResponse("200 OK", [["Content-Type", "text/plain"]]);
    return ["ok"];
  };
  export default application;
`;

for (const form of ["text", "json"] as const) {
  test(`tsgi writes one ${form} line per record whatever a client sends in path, query and headers, to files and to syslog`, () =>
    withFolder({ "app.mjs": FORGER_APP }, async (folder) => {
      const receiver = datagrams({ port: 0 });
      const access = join(folder, "access.log");
      const errors = join(folder, "error.log");
      const flags = ["--log-format", form, "--access-logfile", access, "--error-logfile", errors, "--log-syslog", "--log-syslog-to", `udp://127.0.0.1:${receiver.port}`, "-n", "f", "--request-id"];
      await withServer({ args: ["-b", "127.0.0.1:0", ...flags, join(folder, "app.mjs")] }, async (server) => {
        const port = await server.until(() => existsSync(errors) && /http:\/\/127\.0\.0\.1:(\d+)/.exec(readFileSync(errors, "utf8"))?.[1], "the address");
        for (const bytes of HOSTILE) {
          for (const head of [`GET /${bytes} HTTP/1.1\r\nHost: a`, `GET /q?${bytes} HTTP/1.1\r\nHost: a`, `GET /h HTTP/1.1\r\nHost: a\r\nReferer: ${bytes}\r\nUser-Agent: ${bytes}\r\nX: ${bytes}\r\nX-Request-ID: ${bytes}`]) {
            await raw(Number(port), `${head}\r\nConnection: close\r\n\r\n`);
          }
          receiver.messages();
        }
        await raw(Number(port), "GET /final HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        await server.until(() => readFileSync(access, "utf8").includes("/final"), "the last line");
        await server.stop();
      });
      const messages = receiver.messages();
      const requests = readFileSync(access, "utf8").split("\n").slice(0, -1);
      const records = readFileSync(errors, "utf8").split("\n").slice(0, -1);
      assert.ok(requests.length > 30, `${requests.length}`);
      for (const line of [...requests, ...records, ...messages]) assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f\p{Bidi_Control}\u2028\u2029\ufffe]/u);
      if (form === "text") {
        for (const line of requests) assert.match(line, /^127\.0\.0\.1 - - \[[^\]]+\] "GET \/[^ "]* HTTP\/1\.1" 200 2 "[^"]*" "[^"]*"$/);
        for (const line of records) assert.match(line, /^(?:\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] \[\d+\] \[[A-Z]+\] | {2})/);
      } else {
        for (const line of requests) assert.deepEqual([JSON.parse(line).event, JSON.parse(line).status], ["request", 200]);
        for (const line of records) assert.equal(typeof JSON.parse(line).event, "string");
      }
      for (const message of messages) assert.match(message, form === "text" ? /^<1[0-7]>tsgi\.f\.(?:access|error): \[\d+\] [^\n]+$/ : /^<1[0-7]>tsgi\.f\.(?:access|error): \[\d+\] \{[^\n]+$/);
      receiver.close();
    }));
}

test("tsgi ctl reopen loses and tears no access-log line in 20 rotations of 4 workers under load", () =>
  withFolder({}, async (folder) => {
    const path = join(folder, "a.log");
    const socket = join(folder, "ctl");
    await withServer({ args: ["-w", "4", "-b", "127.0.0.1:0", "--access-logfile", path, "--control-socket", socket, hello] }, async (server) => {
      const port = await server.port(4);
      await server.until(() => existsSync(socket), "the control socket");
      const ctl = await ControlClient.open(socket);
      let enough = false;
      const under = load({ to: { port }, clients: 8, requests: 1_000_000, more: () => !enough });
      for (let i = 1; i <= 20; i++) {
        await server.until(() => existsSync(path) && statSync(path).size > 0, "lines in the new log");
        renameSync(path, `${path}.${i}`);
        await ctl.ask("reopen");
      }
      await server.until(() => existsSync(path) && statSync(path).size > 0, "lines in the last log");
      enough = true;
      const report = await under;
      ctl.close();
      assert.equal(report.failed, 0, JSON.stringify(report.failures));
      assert.equal(await server.stop(), 0);
      const files = readdirSync(folder).filter((name) => name.startsWith("a.log"));
      assert.equal(files.length, 21);
      const written = files.flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n").slice(0, -1));
      assert.deepEqual(written.filter((line) => !/^127\.0\.0\.1 - - \[[^\]]+\] "GET \/ HTTP\/1\.1" 200 14 "-" "-"$/.test(line)), []);
      assert.equal(written.length, report.answered);
    });
  }));

test("tsgi serves with logs on a full disk, and tells of the access log in the error log", async () => {
  await withServer({ args: ["-b", "127.0.0.1:0", "--access-logfile", "/dev/full", hello] }, async (server) => {
    assert.equal((await load({ to: { port: await server.port() }, clients: 4, requests: 200 })).failed, 0);
    await server.logged(/\[ERROR\] Cannot write log \/dev\/full: ENOSPC[^\n]*; lines lost: \d+\n/);
    assert.equal(await server.stop(), 0);
  });
  await withFolder({}, async (folder) => {
    const path = join(folder, "socket");
    await withServer({ args: ["-b", `unix:${path}`, "--error-logfile", "/dev/full", hello] }, async (server) => {
      await server.logged(/^Cannot write log \/dev\/full: ENOSPC[^\n]*; lines lost: \d+\n/m);
      await server.until(() => {
        try {
          return curl("--unix-socket", path, "http://a/").startsWith("Hello");
        } catch {
          return false; // Not yet.
        }
      }, "an answer");
      assert.equal(await server.stop(), 0);
    });
  });
});

/** Sends bytes, and resolves when the server has answered or had enough. */
function raw(port: number, bytes: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(bytes, "latin1"));
    const timer = setTimeout(() => socket.destroy(), 2000);
    socket.on("data", () => {});
    socket.on("error", () => {});
    socket.on("close", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
