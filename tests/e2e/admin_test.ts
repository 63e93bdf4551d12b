/** The admin pages of a real server. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import type { Stats } from "../../core/metrics/stats.ts";
import { load } from "./load.ts";
import { curl, hello, isAlive, program, root, runtime, type Server, withFolder, withServer } from "./server.ts";

const TOKEN = "correct-horse-battery";
const ADMIN = ["--admin-bind", "127.0.0.1:0"];

/** Answers with its environment; /hold waits until there is a file called `go`; with HOLD_START, so does its startup. */
const APP = `
import { existsSync } from "node:fs";
import process from "node:process";
const go = async () => { while (!existsSync(process.env.FOLDER + "/go")) await new Promise((resolve) => setTimeout(resolve, 20)); };
export const startup = () => process.env.HOLD_START ? go() : undefined;
export default async (environ, start) => {
  if (environ.PATH_INFO === "/hold") await go();
  if (environ.PATH_INFO === "/throw") throw new Error("on purpose");
  start(environ.PATH_INFO === "/busy" ? "503 Service Unavailable" : "200 OK", []);
  return [JSON.stringify(process.env)];
};
`;

async function adminUrl(server: Server, from = 0): Promise<string> {
  return (await server.logged(/Admin listening at: (http:\S+)/, { from }))[1]!;
}

function ask(url: string, init: RequestInit = {}): Promise<Response> {
  return fetch(url, { ...init, headers: { connection: "close", ...init.headers as Record<string, string> } });
}

const status = async (url: string, init?: RequestInit) => {
  const answer = await ask(url, init);
  return `${answer.status} ${(await answer.text()).trim()}`;
};

const bearer = { headers: { authorization: `Bearer ${TOKEN}` } };

/** Resolves when `look` gives true. */
async function until(look: () => Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 60_000;
  while (!(await look().catch(() => false))) {
    if (performance.now() > end) throw new Error(`Waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test("/metrics is read by Prometheus's own parsers in both formats, and counts what clients count", async () => {
  await withServer({ args: ["-b", "127.0.0.1:0", "-w", "2", ...ADMIN, hello] }, async (server) => {
    const port = await server.port(2);
    const admin = await adminUrl(server);
    const report = await load({ to: { port }, requests: 200, clients: 4 });
    assert.equal(report.answered, 200);
    await until(async () => /resident_memory_bytes/.test(await status(`${admin}/metrics`)), "a beat");
    for (const [accept, parser] of [["text/plain", "prometheus_client.parser"], ["application/openmetrics-text", "prometheus_client.openmetrics.parser"]] as const) {
      const text = await (await ask(`${admin}/metrics`, { headers: { accept } })).text();
      const families = parsed(parser, text);
      const total = (families.tsgi_requests ?? families.tsgi_requests_total)!;
      assert.equal(total.filter(([name]) => name === "tsgi_requests_total").reduce((sum, [, value]) => sum + value, 0), 200, parser);
      assert.equal(families.tsgi_request_duration_seconds!.find(([name]) => name.endsWith("_count"))![1], 200);
      for (const name of ["tsgi_uptime_seconds", "tsgi_workers", "tsgi_worker_resident_memory_bytes", "tsgi_listener_queue"]) assert.ok(families[name]!.length > 0, name);
    }
  });
});

test("the admin token opens what it closes, and is told to nobody", async () => {
  await withFolder({ "app.mjs": APP }, async (folder) => {
    const env = { TSGI_ADMIN_TOKEN: TOKEN, FOLDER: folder };
    await withServer({ args: ["-b", "127.0.0.1:0", "--log-level", "debug", ...ADMIN, "app.mjs"], cwd: folder, env }, async (server) => {
      const port = await server.port();
      const admin = await adminUrl(server);
      assert.equal(await status(`${admin}/livez`), "200 alive");
      assert.equal((await ask(`${admin}/metrics`)).status, 401);
      assert.equal((await ask(`${admin}/metrics`, bearer)).status, 200);
      assert.match(curl("-I", `${admin}/readyz`), /^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/, "HEAD has no body");
      assert.match(curl("-i", "-H", "Host: evil.example", `${admin}/livez`), /^HTTP\/1\.1 421/);
      assert.match(curl("-i", "-X", "OPTIONS", `${admin}/metrics`), /^HTTP\/1\.1 405 [^]*allow: GET, HEAD\r\n/i);
      const env = curl(`http://127.0.0.1:${port}/`);
      assert.ok(env.includes("TSGI_WORKER") && !env.includes(TOKEN) && !env.includes("TSGI_ADMIN_TOKEN"), env);
      assert.ok(!server.log.includes(TOKEN) && /adminToken\s+= \[hidden\]/.test(server.log));
    });
    const printed = execFileSync(program()[0]!, [...program().slice(1), "--print-config"], { env: { ...process.env, ...env }, encoding: "utf8" });
    assert.ok(/adminToken +=/.test(printed) && !printed.includes(TOKEN));
  });
});

test("POST /reload says whether it took, /workers/add and /workers/remove resize, and /stats.json shows it", async () => {
  await withFolder({ "app.mjs": APP }, async (folder) => {
    const env = { TSGI_ADMIN_TOKEN: TOKEN, FOLDER: folder };
    await withServer({ args: ["-b", "127.0.0.1:0", ...ADMIN, "app.mjs"], cwd: folder, env }, async (server) => {
      await server.port();
      const admin = await adminUrl(server);
      const post = async (path: string) => await (await ask(admin + path, { method: "POST", ...bearer })).json();
      const stats = async () => (await (await ask(`${admin}/stats.json`, bearer)).json()) as Stats & { ready: boolean };
      assert.deepEqual(await post("/workers/add"), { previous: 1, total: 2 });
      await until(async () => (await stats()).states.serving === 2, "two workers");
      assert.deepEqual(await post("/workers/remove"), { previous: 2, total: 1 });
      assert.deepEqual(await post("/reload"), { success: true, generation: 2 });
      assert.deepEqual([(await stats()).generation, (await stats()).ready], [2, true]);
      writeFileSync(join(folder, "app.mjs"), "export default (");
      const refused = await ask(`${admin}/reload`, { method: "POST", ...bearer });
      assert.equal(refused.status, 409);
      assert.match(((await refused.json()) as { error: string }).error, /given up, and nothing has changed: .*app\.mjs/);
      assert.equal((await stats()).generation, 2);
    });
  });
});

test("/readyz says 503 before a worker serves and from the first moment of a graceful stop, while /livez says 200", async () => {
  await withFolder({ "app.mjs": APP }, async (folder) => {
    const env = { FOLDER: folder, HOLD_START: "1" };
    await withServer({ args: ["-b", "127.0.0.1:0", ...ADMIN, "app.mjs"], cwd: folder, env }, async (server) => {
      const admin = await adminUrl(server);
      assert.equal(await status(`${admin}/readyz`), "503 not ready: no worker serves");
      assert.equal(await status(`${admin}/livez`), "200 alive");
      writeFileSync(join(folder, "go"), "");
      const port = await server.port();
      await until(async () => (await status(`${admin}/readyz`)) === "200 ready", "the first worker");
      execFileSync("rm", [join(folder, "go")]);
      const held = fetch(`http://127.0.0.1:${port}/hold`);
      await until(async () => ((await (await ask(`${admin}/stats.json`)).json()) as Stats).requests!.inFlight === 1, "a request in flight");
      server.signal("TERM");
      await server.logged(/Handling signal: term/);
      assert.equal(await status(`${admin}/readyz`), "503 not ready: the server is shutting down");
      assert.equal(await status(`${admin}/livez`), "200 alive");
      writeFileSync(join(folder, "go"), "");
      assert.equal((await held).status, 200);
      assert.deepEqual(await server.ended, { code: 0, signal: null });
    });
  });
});

test("/events tells of errors with their requests as they happen, and ends when the server does", async () => {
  await withFolder({ "app.mjs": APP }, async (folder) => {
    await withServer({ args: ["-b", "127.0.0.1:0", ...ADMIN, "app.mjs"], cwd: folder, env: { FOLDER: folder } }, async (server) => {
      const port = await server.port();
      const events = await fetch(`${await adminUrl(server)}/events`);
      const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      const sees = async (pattern: RegExp) => {
        while (!pattern.test(text)) {
          const { done, value } = await reader.read();
          if (done) throw new Error(`The events ended without ${pattern}:\n${text}`);
          text += value;
        }
      };
      await sees(/^event: start\ndata: \{"points":\[/);
      await ask(`http://127.0.0.1:${port}/throw?order=1`);
      await ask(`http://127.0.0.1:${port}/busy?order=2`);
      await sees(/event: entry\ndata: \{.*Error handling request GET \/throw\?order=1: Error: on purpose.*"slot":0/);
      await sees(/event: entry\ndata: \{.*GET \/busy\?order=2 was answered with 503/);
      await sees(/event: view\ndata: \{.*"5xx":2/);
      assert.doesNotMatch(text, /throw\?order=1 was answered/, "the log has told of it");
      server.signal("INT");
      await assert.rejects(sees(/never/), /events ended|terminated|reset|closed|reading/i);
      await server.ended;
    });
  });
});

test("a reload moves the admin listener, changes its token, turns it off and on; what cannot be had leaves it where it is", async () => {
  await withFolder({ "app.mjs": APP }, async (folder) => {
    const configure = (config: Record<string, unknown>) => writeFileSync(join(folder, "tsgi.config.json"), JSON.stringify({ app: "app.mjs", bind: "127.0.0.1:0", ...config }));
    const taken = createServer();
    const port = await new Promise<number>((resolve) => taken.listen(0, "127.0.0.1", () => resolve((taken.address() as { port: number }).port)));
    configure({ adminBind: "127.0.0.1:0" });
    try {
      await withServer({ args: [], cwd: folder, env: { FOLDER: folder } }, async (server) => {
        await server.port();
        const first = await adminUrl(server);
        let generation = 1;
        const reload = async () => {
          server.signal("HUP");
          await server.logged(new RegExp(`Reloaded: generation ${++generation} serves`));
        };
        configure({ adminBind: "127.0.0.1:0", adminToken: TOKEN });
        await reload();
        assert.deepEqual([(await ask(`${first}/metrics`)).status, (await ask(`${first}/metrics`, bearer)).status], [401, 200]);
        assert.ok(!server.log.includes(TOKEN) && /Changed: --admin-token none -> \[hidden\]/.test(server.log));

        configure({ adminBind: "[::1]:0", adminToken: TOKEN });
        let from = server.log.length;
        await reload();
        const second = await adminUrl(server, from);
        assert.equal(await status(`${second}/livez`), "200 alive");
        await until(() => ask(`${first}/livez`).then(() => false, () => true), "the end of the first");

        configure({ adminBind: `127.0.0.1:${port}`, adminToken: TOKEN });
        await reload();
        await server.logged(new RegExp(`\\[WARNING\\] Cannot move the admin listener to http://127\\.0\\.0\\.1:${port}: it stays where it is`));
        assert.equal(await status(`${second}/livez`), "200 alive");

        from = server.log.length;
        configure({ adminBind: "0.0.0.0:0" });
        server.signal("HUP");
        await server.logged(/Reload failed, generation \d+ keeps serving: .*can be reached from other machines, so it needs a token/);

        configure({});
        await reload();
        await until(() => ask(`${second}/livez`).then(() => false, () => true), "the end of the second");
        from = server.log.length;
        configure({ adminBind: "127.0.0.1:0" });
        await reload();
        assert.equal(await status(`${await adminUrl(server, from)}/readyz`), "200 ready");
      });
    } finally {
      taken.close();
    }
  });
});

test("a server does not start when the admin address is taken, or open to others without a token", async () => {
  const taken = createServer();
  const port = await new Promise<number>((resolve) => taken.listen(0, "127.0.0.1", () => resolve((taken.address() as { port: number }).port)));
  try {
    await withServer({ args: ["-b", "127.0.0.1:0", "--admin-bind", `127.0.0.1:${port}`, hello] }, async (server) => {
      assert.deepEqual(await server.ended, { code: 1, signal: null });
      assert.match(server.log, /\[ERROR\] Connection in use: /);
      assert.match(server.log, new RegExp(`\\[ERROR\\] Can't connect to \\('127\\.0\\.0\\.1', ${port}\\): Connection in use`));
      assert.doesNotMatch(server.log, /Booting worker/);
    });
  } finally {
    taken.close();
  }
  await withServer({ args: ["-b", "127.0.0.1:0", "--admin-bind", ":9091", hello] }, async (server) => {
    assert.deepEqual(await server.ended, { code: 1, signal: null });
    assert.match(server.log, /Error: Cannot use --admin-bind: ":9091" can be reached from other machines, so it needs a token: set TSGI_ADMIN_TOKEN/);
  });
});

test("the admin listener at a unix socket is for its user alone, replaces what a killed server left, and goes with the server", async () => {
  await withFolder({}, async (folder) => {
    const path = join(folder, "admin.sock");
    const args = ["-b", "127.0.0.1:0", "--admin-bind", `unix:${path}`, hello];
    const ready = (server: Server) => server.until(() => {
      try {
        return curl("--unix-socket", path, "http://x/readyz") === "ready\n";
      } catch {
        return false; // It does not listen yet.
      }
    }, "readiness");
    await withServer({ args }, async (server) => {
      await server.logged(/Admin listening at: unix:.*admin\.sock/);
      await ready(server);
      assert.equal(lstatSync(path).mode & 0o777, 0o600);
      assert.match(curl("--unix-socket", path, "http://x/metrics"), /^tsgi_generation 1$/m);
      server.signal("KILL");
      await server.ended;
    });
    assert.ok(existsSync(path));
    await withServer({ args }, ready);
    assert.ok(!existsSync(path));
  });
});

test("an upgrade hands the admin listener on, and back, and nobody who asks is refused", async () => {
  const args = ["-b", "127.0.0.1:0", ...ADMIN, hello];
  await withServer({ args }, async (server) => {
    await server.port();
    const admin = await adminUrl(server);
    const pid = async () => ((await (await ask(`${admin}/stats.json`)).json()) as Stats).pid;
    const probes = [probe(`${admin}/livez`, false), probe(`${admin}/livez`, true)];
    assert.equal(await pid(), server.pid);

    const upgrade = async (by: number, from: number) => {
      process.kill(by, "SIGUSR2");
      const next = Number((await server.logged(/Upgrade: started a new master with pid: (\d+)/, { from }))[1]);
      await server.logged(new RegExp(`\\[${next}\\] \\[INFO\\] Admin listening at: ${admin}\\n`));
      await until(() => steadily(pid, next), "the new arbiter's answers");
      return next;
    };
    let second = await upgrade(server.pid, 0);
    process.kill(second, "SIGTERM");
    await until(() => steadily(pid, server.pid), "the old arbiter's answers");

    second = await upgrade(server.pid, server.log.length);
    process.kill(server.pid, "SIGTERM");
    await until(async () => !isAlive(server.pid), "the old arbiter's end");
    try {
      assert.equal(await pid(), second);
      assert.equal(await status(`${admin}/readyz`), "200 ready");
      for (const { answered, failures } of await Promise.all(probes.map((one) => one.end()))) {
        assert.ok(answered > 0);
        assert.deepEqual(failures, []);
      }
    } finally {
      process.kill(second, "SIGTERM");
      await until(async () => !isAlive(second), "the end");
    }
    await assert.rejects(ask(`${admin}/livez`));
  });
});

/** Asks again and again, one request at a time. */
function probe(url: string, keepAlive: boolean): { end(): Promise<{ readonly answered: number; readonly failures: readonly string[] }> } {
  let isOver = false;
  let answered = 0;
  const failures: string[] = [];
  const running = (async () => {
    while (!isOver) {
      try {
        const answer = await (keepAlive ? fetch(url) : ask(url));
        const text = await answer.text();
        if (answer.ok) answered++;
        else failures.push(`${answer.status} ${text}`);
      } catch (error) {
        failures.push(String(error));
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  return {
    end: async () => {
      isOver = true;
      await running;
      return { answered, failures };
    },
  };
}

test("without FFI the admin pages are served all the same", { skip: runtime === "bun" && "Bun has no permissions to take away" }, async () => {
  const command = [process.execPath, "run", "-A", "--deny-ffi", join(root, "mod.ts")];
  await withServer({ command, args: ["-b", "127.0.0.1:0", ...ADMIN, hello] }, async (server) => {
    const admin = await adminUrl(server);
    await until(async () => (await status(`${admin}/readyz`)) === "200 ready", "readiness");
  });
});

/** Several answers in a row. */
async function steadily(ask: () => Promise<number>, wanted: number): Promise<boolean> {
  for (let i = 0; i < 4; i++) if ((await ask()) !== wanted) return false;
  return true;
}

/** What the parser of python3-prometheus-client reads: samples by family. It throws for what is no such text. */
function parsed(parser: string, text: string): Record<string, [name: string, value: number][]> {
  const script = `
import json, sys
from ${parser} import text_string_to_metric_families as families
print(json.dumps({family.name: [[sample.name, float(sample.value)] for sample in family.samples] for family in families(sys.stdin.read())}))`;
  const python = existsSync("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
  return JSON.parse(execFileSync(python, ["-c", script], { input: text, encoding: "utf8" }).replaceAll("Infinity", "null"));
}
