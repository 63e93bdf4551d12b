/** A real server that tells a real receiver of datagrams, which comes and goes. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { withFolder, withServer } from "./server.ts";

const APP = `
export default (environ, start) => {
  if (environ.PATH_INFO === "/throw") throw new Error("no");
  environ["tsgi.metrics"].counter("orders").inc({ kind: "new" });
  start(environ.PATH_INFO === "/none" ? "404 Not Found" : "200 OK", []);
  return ["x"];
};`;

/** What came, added up by name. */
class Totals {
  readonly counters = new Map<string, number>();
  readonly gauges = new Map<string, number>();
  readonly timings = new Map<string, number>();
  readonly datagrams: string[] = [];

  take(datagram: string): void {
    this.datagrams.push(datagram);
    for (const line of datagram.trim().split("\n")) {
      const found = /^([\w.-]+):(-?[\d.]+)\|(c|g|ms|h)(?:\|@([\d.]+))?(?:\|#(.*))?$/.exec(line);
      assert.ok(found, `a line of StatsD: ${line}`);
      const [, name = "", value, type, rate = "1"] = found;
      if (type === "c") this.counters.set(name, (this.counters.get(name) ?? 0) + Number(value));
      else if (type === "g") this.gauges.set(name, Number(value));
      else this.timings.set(name, (this.timings.get(name) ?? 0) + Math.floor(1 / Number(rate)));
    }
  }
}

test("tsgi --statsd-host sends what the workers count by UDP, under gunicorn's names, the last of it at the end", async () => {
  const totals = new Totals();
  const socket = createSocket("udp4");
  socket.on("message", (bytes: Uint8Array) => totals.take(new TextDecoder().decode(bytes)));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", () => resolve()));
  const { port } = socket.address();
  try {
    await withFolder({ "app.js": APP }, async (folder) => {
      const args = ["-w", "2", "-b", "127.0.0.1:0", "--statsd-host", `localhost:${port}`, "--statsd-compat", "gunicorn", "--statsd-prefix", "svc", "--dogstatsd-tags", "env:test"];
      await withServer({ args: [...args, join(folder, "app.js")] }, async (server) => {
        const url = `http://127.0.0.1:${await server.port(2)}`;
        for (const path of ["/", "/", "/none", "/throw"]) await (await fetch(url + path)).text();
        await server.until(() => totals.counters.get("svc.gunicorn.requests") === 4 && totals.gauges.get("svc.gunicorn.workers") === 2, "what was counted");
        assert.equal(totals.counters.get("svc.gunicorn.request.status.200"), 2);
        assert.equal(totals.counters.get("svc.gunicorn.request.status.404"), 1);
        assert.equal(totals.counters.get("svc.gunicorn.request.status.500"), 1);
        assert.equal(totals.counters.get("svc.gunicorn.log.exception"), 1, "of a worker's log");
        assert.equal(totals.timings.get("svc.gunicorn.request.duration"), 4);
        await server.until(() => totals.counters.get("svc.orders") === 3, "the application's own");
        assert.ok(totals.datagrams.some((text) => text.includes("svc.orders:") && text.includes("|#env:test,kind:new")));
        await (await fetch(url)).text();
        await server.stop();
      });
      const end = performance.now() + 10_000;
      while (totals.counters.get("svc.gunicorn.requests") !== 5 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(totals.counters.get("svc.gunicorn.requests"), 5);
      assert.equal(totals.counters.get("svc.tsgi.worker.exits.halted"), 2);
    });
  } finally {
    socket.close();
  }
});

const RECEIVER = `
import os, socket, sys
if os.path.exists(sys.argv[1]): os.unlink(sys.argv[1])
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    sys.stdout.write(s.recv(65536).decode() + "\\n")
    sys.stdout.flush()
`;

test("tsgi --statsd-host unix:PATH serves while nobody receives, says so once, and is heard by whoever comes", async (t) => {
  if (!existsSync("/usr/bin/python3")) {
    t.skip?.("python3 is not installed: nothing else receives unix datagrams");
    return;
  }
  await withFolder({ "app.js": APP }, async (folder) => {
    const path = join(folder, "statsd.sock");
    await withServer({ args: ["-b", "127.0.0.1:0", "--statsd-host", `unix://${path}`, join(folder, "app.js")] }, async (server) => {
      const url = `http://127.0.0.1:${await server.port()}`;
      await server.logged(/Error sending message to statsd at unix:.*: sendto: ENOENT/);
      assert.equal((await fetch(url)).status, 200);
      for (let round = 0; round < 2; round++) {
        const totals = new Totals();
        const receiver = spawn("/usr/bin/python3", ["-c", RECEIVER, path], { stdio: ["ignore", "pipe", "inherit"] });
        receiver.stdout!.setEncoding("utf8").on("data", (text: string) => text.split("\n").filter(Boolean).forEach((line) => totals.take(line)));
        try {
          await server.until(() => totals.gauges.has("tsgi.workers"), "a receiver that is there");
          const before = totals.counters.get("tsgi.requests") ?? 0;
          await (await fetch(url)).text();
          await server.until(() => totals.counters.get("tsgi.requests") === before + 1, "what was counted");
        } finally {
          const gone = new Promise((resolve) => receiver.once("exit", resolve));
          receiver.kill("SIGKILL");
          await gone;
        }
      }
      assert.equal(server.log.match(/Error sending message to statsd/g)?.length, 1, "once a minute at most");
    });
  });
});

test("tsgi --statsd-host serves with nobody at the UDP port, and a name that nobody knows is told of", async () => {
  await withFolder({ "app.js": APP }, async (folder) => {
    await withServer({ args: ["-b", "127.0.0.1:0", "--statsd-host", "no-such-host.invalid:8125", join(folder, "app.js")] }, async (server) => {
      const url = `http://127.0.0.1:${await server.port()}`;
      await server.logged(/Error sending message to statsd at no-such-host\.invalid:8125: cannot find/);
      assert.equal((await fetch(url)).status, 200);
      assert.equal(await server.stop(), 0);
    });
    await withServer({ args: ["-b", "127.0.0.1:0", "--statsd-host", "127.0.0.1:9", join(folder, "app.js")] }, async (server) => {
      const url = `http://127.0.0.1:${await server.port()}`;
      for (let i = 0; i < 3; i++) {
        assert.equal((await fetch(url)).status, 200);
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      assert.equal(await server.stop(), 0);
    });
  });
});

test("tsgi refuses a --statsd-host that names no place, a prefix and tags that break the lines", async () => {
  await withFolder({ "app.js": APP }, async (folder) => {
    await withServer({ args: ["--statsd-host", "localhost", "--statsd-prefix", "a b", "--dogstatsd-tags", "x|y", join(folder, "app.js")] }, async (server) => {
      assert.equal((await server.ended).code, 1);
      assert.match(server.log, /Cannot use --statsd-host: expected HOST:PORT, \[IPV6\]:PORT or unix:PATH, got "localhost"/);
      assert.match(server.log, /Cannot use --statsd-prefix: /);
      assert.match(server.log, /Cannot use --dogstatsd-tags: /);
    });
  });
});
