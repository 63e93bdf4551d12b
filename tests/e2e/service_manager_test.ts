/** What a service manager gives and hears: sockets by LISTEN_FDS, news by NOTIFY_SOCKET, signs of life. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { load } from "./load.ts";
import { hold } from "../../runtimes/sockets.ts";
import { childrenOf, curl, hello, isAlive, program, root, type Server, withFolder, withServer } from "./server.ts";

const MANAGER = join(root, "tests/e2e/programs/service_manager.py");
const says = (text: string) => `export default (e, s) => { s("200 OK", [["Content-Type", "text/plain"]]); return [${JSON.stringify(text)}]; };`;

for (const kind of ["path", "abstract"] as const) {
  test(`tsgi tells NOTIFY_SOCKET (${kind}) that it is ready, reloads, cannot reload, and stops, and a watchdog that it lives`, async () => {
    await withFolder({ "app.ts": says("one") }, async (folder) => {
      const address = kind === "path" ? join(folder, "notify") : `@tsgi-test-${process.pid}`;
      await withListener(address, async (told) => {
        const env = { NOTIFY_SOCKET: address, WATCHDOG_USEC: "1000000" };
        await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", "app.ts"], env, cwd: folder }, async (server) => {
          await told.until(server, /^READY=1\nSTATUS=\d of 2 workers serving, generation 1$/);
          await told.until(server, /^STATUS=2 of 2 workers serving, generation 1$/);
          await told.until(server, /^WATCHDOG=1$/);
          const before = told.all().length;

          server.signal("HUP");
          const reloading = await told.until(server, /^RELOADING=1\nMONOTONIC_USEC=(\d+)\nSTATUS=Reloading: 2 workers of generation 1 serving$/, before);
          // The clock of /proc/uptime counts from boot too, and a suspended machine apart it is the same.
          assert.ok(Number(reloading[1]) > 1e6);
          await told.until(server, /^READY=1\nSTATUS=2 of 2 workers serving, generation 2$/, before);

          writeFileSync(join(folder, "app.ts"), "export default (");
          const again = told.all().length;
          server.signal("HUP");
          await told.until(server, /^READY=1\nSTATUS=Reload failed, generation 2 keeps serving: .*app\.ts/, again);

          // A stopped arbiter gives no sign; one that goes on does.
          server.signal("STOP");
          const quiet = await told.quiet(1500);
          assert.equal(quiet, 0);
          server.signal("CONT");
          await told.until(server, /^WATCHDOG=1$/, told.all().length);

          server.signal("TERM");
          await told.until(server, /^STOPPING=1\nSTATUS=Stopping: \d workers to go$/);
          const { code } = await server.ended;
          assert.equal(code, 0);
          assert.deepEqual([...new Set(told.pids())], [server.pid]);
        });
      });
    });
  });
}

test("tsgi keeps what the service manager told it from its workers, and says when it cannot be told anything", async () => {
  const app = "export default (e, s) => { s('200 OK', []); return [JSON.stringify(Object.keys(process.env).filter((n) => /^(?:NOTIFY|WATCHDOG|LISTEN)_/.test(n)))]; };";
  await withFolder({ "app.ts": `import process from "node:process";\n${app}` }, async (folder) => {
    const env = { NOTIFY_SOCKET: join(folder, "nobody"), WATCHDOG_USEC: "5000000", LISTEN_FDS: "1", LISTEN_PID: "1" };
    await withServer({ args: ["-b", "127.0.0.1:0", "app.ts"], env, cwd: folder }, async (server) => {
      const port = await server.port();
      assert.equal(curl(`http://127.0.0.1:${port}/`), "[]");
      await server.logged(/\[WARNING\] Cannot tell the service manager at NOTIFY_SOCKET .*nobody: sendto: ENOENT/);
    });
  });
});

test("tsgi serves the sockets of LISTEN_FDS, TCP and unix, whatever bind says, through a reload and an upgrade, and nobody loses a request", async () => {
  await withFolder({ "app.ts": says("one") }, async (folder) => {
    const [notify, path] = [join(folder, "notify"), join(folder, "s.sock")];
    await withListener(notify, async (told) => {
      const command = ["python3", MANAGER, "activate", "127.0.0.1:0", path, "--", ...program()];
      const args = ["-w", "2", "-b", "127.0.0.1:1", "--log-level", "debug", "-p", "m.pid", "app.ts"];
      await withServer({ command, args, env: { NOTIFY_SOCKET: notify }, cwd: folder }, async (server) => {
        await server.logged(/\[WARNING\] LISTEN_FDS: the sockets that the service manager opened are served, and --bind is not/);
        const listening = await server.logged(/Listening at: http:\/\/127\.0\.0\.1:(\d+),unix:\S+s\.sock/);
        await server.serving(2);
        const port = Number(listening[1]);
        assert.equal(curl("--unix-socket", path, "http://x/"), "one");

        let enough = false;
        const clients = [{ to: { port } }, { to: { path } }].map((at) => load({ ...at, clients: 4, requests: 1_000_000, more: () => !enough }));
        writeFileSync(join(folder, "app.ts"), says("two"));
        server.signal("HUP");
        await told.until(server, /^READY=1\nSTATUS=2 of 2 workers serving, generation 2$/);

        writeFileSync(join(folder, "app.ts"), says("three"));
        const before = told.all().length;
        process.kill(server.pid, "SIGUSR2");
        const heir = Number((await server.logged(/Upgrade: started a new master with pid: (\d+)/))[1]);
        try {
          await server.logged(new RegExp(`\\[${heir}\\] \\[DEBUG\\] Worker \\(pid:\\d+\\) serves in slot 1`));
          assert.equal(told.all().slice(before).some((text) => /READY|MAINPID|RELOADING/.test(text)), false);
          server.signal("TERM");
          await told.until(server, new RegExp(`^MAINPID=${heir}$`), before);
          await told.until(null, new RegExp(`^MAINPID=${heir}\nREADY=1\nSTATUS=2 of 2 workers serving, generation 1$`), before);
          assert.equal(told.all().slice(before).some((text) => text.includes("STOPPING")), false);
          assert.deepEqual([told.pids().at(-1), curl("--unix-socket", path, "http://x/")], [heir, "three"]);
          enough = true;
          for (const { failed, failures, bodies } of await Promise.all(clients)) {
            assert.equal(failed, 0, JSON.stringify(failures));
            assert.ok(bodies.one! > 0 && bodies.two! > 0);
          }
          process.kill(heir, "SIGTERM");
          await told.until(null, /^STOPPING=1/, before);
        } finally {
          enough = true;
          if (isAlive(heir)) process.kill(heir, "SIGTERM");
          while (isAlive(heir) || childrenOf(heir).length > 0) await new Promise((resolve) => setTimeout(resolve, 50));
        }
      });
    });
  });
});

test("tsgi stops and starts anew under a socket that somebody else holds, and clients wait instead of being refused", async () => {
  const held = await hold({ kind: "tcp", host: "127.0.0.1", port: 0 }, { backlog: 256, mode: "shared" });
  const { port } = held.address as { readonly port: number };
  const command = ["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', "sh", ...program()];
  const args = ["-w", "2", "--log-level", "debug", hello];
  let over = false;
  let clients: ReturnType<typeof load> | null = null;
  for (let life = 0; life < 2; life++) {
    await withServer({ command, args, descriptor: held.descriptor(0)! }, async (server) => {
      await server.serving(2);
      clients ??= load({ to: { port }, clients: 8, requests: 1_000_000, more: () => !over });
      assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "Hello, World!\n");
      server.signal("TERM");
      assert.equal((await server.ended).code, 0);
    });
  }
  // The last one serves whoever waits since the one before has gone.
  await withServer({ command, args, descriptor: held.descriptor(0)! }, async () => {
    over = true;
    const { failed, failures, answered } = await clients!;
    assert.equal(failed, 0, JSON.stringify(failures));
    assert.ok(answered > 0);
  });
  held.close();
});

test("tsgi takes no notice of sockets that are for another process", async () => {
  await withServer({ args: ["-b", "127.0.0.1:0", hello], env: { LISTEN_FDS: "1", LISTEN_PID: "1" } }, async (server) => {
    assert.equal(curl(`http://127.0.0.1:${await server.port()}/`), "Hello, World!\n");
  });
});

interface Told {
  all(): readonly string[];
  pids(): readonly number[];
  /** Resolves with the first message after `from` that matches. */
  until(server: Server | null, pattern: RegExp, from?: number): Promise<RegExpMatchArray>;
  /** How many messages come in that many milliseconds. */
  quiet(time: number): Promise<number>;
}

/** A service manager's ear at `address` for the time of `use`. */
async function withListener(address: string, use: (told: Told) => Promise<void>): Promise<void> {
  const listener = spawn("python3", [MANAGER, "notify", address], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => listener.on("exit", resolve));
  let text = "";
  listener.stdout!.setEncoding("utf8").on("data", (more: string) => (text += more));
  const lines = () => text.split("\n").slice(1, -1).map((line) => JSON.parse(line) as { readonly pid: number; readonly text: string });
  const told: Told = {
    all: () => lines().map((line) => line.text),
    pids: () => lines().map((line) => line.pid),
    until: async (server, pattern, from = 0) => {
      const limit = performance.now() + 30_000;
      for (;;) {
        const found = told.all().slice(from).map((one) => one.match(pattern)).find((match) => match !== null);
        if (found) return found;
        if (performance.now() > limit || (server !== null && server.child.exitCode !== null && server.child.exitCode !== 0)) {
          throw new Error(`Waited in vain for ${pattern}; told:\n${JSON.stringify(told.all(), null, 1)}`);
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    quiet: async (time) => {
      const before = told.all().length;
      await new Promise((resolve) => setTimeout(resolve, time));
      return told.all().length - before;
    },
  };
  try {
    while (!text.includes("open")) await new Promise((resolve) => setTimeout(resolve, 20));
    await use(told);
  } finally {
    listener.kill("SIGKILL");
    await ended;
  }
}
