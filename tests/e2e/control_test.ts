/** The control socket of a real server, and the real `tsgi ctl` at its other end. */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { existsSync, lstatSync, readdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { FrameDecoder } from "../../core/control/frame.ts";
import { curl, hello, program, type Server, withFolder, withServer } from "./server.ts";

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

test("tsgi ctl asks a server it finds by itself, and steers it", async () => {
  await withFolder({}, async (folder) => {
    const ctl = controller({ XDG_RUNTIME_DIR: folder });
    assert.match((await ctl("show", "workers")).error, /^Error: No server has a control socket in .*tsgi/);
    await withServer({ args: ["--log-level", "debug", "-w", "2", "-b", "127.0.0.1:0", hello], env: { XDG_RUNTIME_DIR: folder } }, async (server) => {
      await server.port(2);
      const [, path = ""] = await server.logged(/Control socket listening at (.*\.ctl)/);
      assert.equal(path, join(folder, "tsgi", `${server.pid}.ctl`));
      assert.equal(lstatSync(path).mode & 0o777, 0o600);
      const { workers } = JSON.parse((await ctl("show workers", "-j")).out) as { readonly workers: readonly { readonly pid: number; readonly phase: string }[] };
      assert.deepEqual(workers.map((w) => w.pid).sort(), server.workers().sort());
      assert.match((await ctl("show", "workers")).out, /^slot +pid +gen +phase/);
      assert.deepEqual(JSON.parse((await ctl("-j", "worker", "add", "2")).out), { previous: 2, total: 4 });
      await server.serving(4);
      assert.deepEqual(JSON.parse((await ctl("-j", "worker", "remove", "9")).out), { previous: 4, total: 1 });
      assert.equal((await ctl("worker", "kill", "1")).code, 1);
      await server.until(() => server.workers().length === 1, "one worker");
      const [before] = server.workers();
      assert.equal((await ctl("worker", "replace", String(before))).code, 0);
      await server.until(() => server.workers().length === 1 && server.workers()[0] !== before, "another worker");
      assert.equal(JSON.parse((await ctl("-j", "show", "config")).out).workers, 2);
      assert.equal((await ctl("log-level", "debug")).code, 0);
      assert.equal((await ctl("shutdown")).code, 0);
      assert.deepEqual(await server.ended, { code: 0, signal: null });
      assert.deepEqual(readdirSync(join(folder, "tsgi")), []);
    });
  });
});

test("tsgi ctl reload --wait ends with 0 when the reload holds, and with 1 and the reason when it does not", async () => {
  await withFolder({ "app.ts": app("one") }, async (folder) => {
    const ctl = controller({ XDG_RUNTIME_DIR: folder });
    await withServer({ args: ["--log-level", "debug", "-b", "127.0.0.1:0", "app.ts"], cwd: folder, env: { XDG_RUNTIME_DIR: folder } }, async (server) => {
      const port = await server.port();
      await server.logged(/Control socket/);
      writeFileSync(join(folder, "app.ts"), app("two"));
      assert.deepEqual(await ctl("reload", "--wait"), { code: 0, out: "success    = true\ngeneration = 2\n", error: "" });
      assert.equal(curl(`http://127.0.0.1:${port}/`), "two");
      writeFileSync(join(folder, "app.ts"), "export default (");
      const bad = await ctl("reload", "--wait");
      assert.equal(bad.code, 1);
      assert.match(bad.error, /The reload was given up, and nothing has changed: .*app\.ts/);
      assert.equal(curl(`http://127.0.0.1:${port}/`), "two");
    });
  });
});

test("the control socket speaks gunicornc's frames, answers what is wrong, and ends a client that breaks the rules", async () => {
  await withFolder({}, async (folder) => {
    const path = join(folder, "own.ctl");
    await withServer({ args: ["--log-level", "debug", "-b", "127.0.0.1:0", "--control-socket", path, "--control-socket-mode", "0660", hello] }, async (server) => {
      await server.port();
      await server.logged(/Control socket listening at .*own\.ctl/);
      assert.equal(lstatSync(path).mode & 0o777, 0o660);
      const json = Buffer.from('{"id":7,"command":"show","args":["stats"]}');
      const [reply] = await raw(path, Buffer.concat([Buffer.from([0, 0, 0, json.length]), json]), 1) as [{ id: number; status: string; data: Record<string, unknown> }];
      assert.equal(reply.id, 7);
      assert.equal(reply.status, "ok");
      for (const field of ["uptime", "pid", "workers_current", "workers_target", "workers_spawned", "workers_killed", "reloads"]) assert.equal(typeof reply.data[field], "number", field);
      assert.match(JSON.stringify(await raw(path, frame({ id: 1, command: "dance" }), 1)), /Unknown command/);
      assert.match(JSON.stringify(await raw(path, frame({ nothing: 1 }), 1)), /as a request/);
      assert.match(JSON.stringify(await raw(path, Buffer.from([255, 255, 255, 255]), 2)), /"id":null.*the most is/);
    });
    assert.ok(!existsSync(path));
  });
});

test("a server never takes another's control socket, and serves without one; what a killed server left is replaced", async () => {
  await withFolder({}, async (folder) => {
    const path = join(folder, "own.ctl");
    const args = ["-b", "127.0.0.1:0", "--control-socket", path, hello];
    await withServer({ args }, async (first) => {
      await first.logged(/Control socket listening/);
      await withServer({ args }, async (second) => {
        await second.logged(/\[WARNING\] Failed to start control socket: .*in use by another server/);
        await second.port();
      });
      assert.ok(existsSync(path), "the first server's socket stays");
      first.signal("KILL");
      await first.ended;
    });
    assert.ok(existsSync(path));
    await withServer({ args }, async (third) => void await third.logged(/Control socket listening/));
    await withServer({ args: ["--no-control-socket", ...args] }, async (fourth) => {
      await fourth.port();
      assert.doesNotMatch(fourth.log, /[Cc]ontrol socket/);
    });
  });
});

test("tsgi ctl tail follows the access log, reads commands from its input, and knows what runs", async () => {
  await withFolder({}, async (folder) => {
    const env = { XDG_RUNTIME_DIR: folder };
    const ctl = controller(env);
    await withServer({ args: ["--log-level", "debug", "-b", "127.0.0.1:0", "--access-logfile", join(folder, "access.log"), "-n", "first", hello], env }, async (server) => {
      const port = await server.port();
      await server.logged(/Control socket/);
      assert.equal(await firstLine(env, () => curl(`http://127.0.0.1:${port}/watched`)), true);
      const piped = execFileSync(program()[0]!, [...program().slice(1), "ctl"], { env: { ...process.env, ...env }, input: "show stats\nworker add\n", encoding: "utf8" });
      assert.match(piped, /uptime .*previous = 1\ntotal +=? ?/s);
      await withServer({ args: ["--log-level", "debug", "-b", "127.0.0.1:0", "-n", "second", hello], env }, async (second: Server) => {
        await second.logged(/Control socket/);
        const both = await ctl("show", "workers");
        assert.equal(both.code, 1);
        assert.match(both.error, /Several servers run: say which with -s PID\n.*(first|second).*\n.*(first|second)/);
        assert.equal((await ctl("-s", String(second.pid), "show", "workers")).code, 0);
      });
    });
    const { code, error } = await ctl("--sokcet", "x");
    assert.deepEqual([code, /--help/.test(error)], [2, true]);
  });
});

test("tsgi ctl top shows the workers live in a terminal and ends with q; without one it prints lines", async (t) => {
  if (!existsSync("/usr/bin/tmux")) return t.skip("tmux is not installed");
  await withFolder({}, async (folder) => {
    const env = { XDG_RUNTIME_DIR: folder };
    await withServer({ args: ["--log-level", "debug", "-w", "2", "-b", "127.0.0.1:0", hello], env }, async (server) => {
      const port = await server.port(2);
      await server.logged(/Control socket/);
      const tmux = (...args: string[]) => execFileSync("tmux", ["-S", join(folder, "tmux"), ...args], { encoding: "utf8", env: { ...process.env, ...env } });
      tmux("-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "12", "-s", "top", [...program(), "ctl", "top"].join(" ") + "; echo over; sleep 60");
      await server.until(() => /workers 2\/2/.test(tmux("capture-pane", "-p", "-t", "top")), "the workers on the screen");
      for (let i = 0; i < 5; i++) curl(`http://127.0.0.1:${port}/`);
      await server.until(() => /requests 5,/.test(tmux("capture-pane", "-p", "-t", "top")), "five requests on the screen");
      tmux("resize-window", "-t", "top", "-x", "60", "-y", "6");
      await server.until(() => /more lines/.test(tmux("capture-pane", "-p", "-t", "top")), "a smaller screen");
      tmux("send-keys", "-t", "top", "q");
      await server.until(() => /^over/m.test(tmux("capture-pane", "-p", "-t", "top")), "the end");
      tmux("kill-server");
      const lines = await new Promise<string>((resolve) => {
        const child = execFile(program()[0]!, [...program().slice(1), "ctl", "top"], { env: { ...process.env, ...env } }, (_error, out) => resolve(out));
        child.stdout!.once("data", () => child.kill("SIGINT"));
      });
      assert.match(lines, /^time .*\n\d{4}-.*2\/2/);
    });
  });
});

function app(text: string): string {
  return `export default (environ, start) => { start("200 OK", [["Content-Type", "text/plain"]]); return [${JSON.stringify(text)}]; };`;
}

/** `tsgi ctl` with these variables. */
function controller(env: Readonly<Record<string, string>>): (...args: string[]) => Promise<Ended> {
  const [command = "", ...before] = program();
  return (...args) =>
    new Promise((resolve) => {
      execFile(command, [...before, "ctl", ...args], { env: { ...process.env, ...env, NO_COLOR: "1" } }, (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, error: err });
      });
    });
}

/** Whether `tsgi ctl tail` prints the line of what `request` asks for; it asks again until the tail has begun. */
function firstLine(env: Readonly<Record<string, string>>, request: () => void): Promise<boolean> {
  const [command = "", ...before] = program();
  return new Promise((resolve) => {
    const child = execFile(command, [...before, "ctl", "tail"], { env: { ...process.env, ...env } });
    const timer = setInterval(request, 200);
    child.stdout!.once("data", (line: string) => {
      clearInterval(timer);
      child.kill("SIGKILL");
      resolve(/"GET \/watched HTTP\/1\.1" 200/.test(line));
    });
  });
}

function frame(message: unknown): Uint8Array {
  const json = Buffer.from(JSON.stringify(message));
  return Buffer.concat([Buffer.from([0, 0, json.length >> 8, json.length & 255]), json]);
}

/** What the socket answers: `count` replies, or all until it closes. */
function raw(path: string, bytes: Uint8Array, count: number): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const decoder = new FrameDecoder();
    const replies: unknown[] = [];
    const socket = connect(path, () => socket.write(bytes));
    socket.on("data", (chunk) => {
      replies.push(...decoder.push(chunk as Uint8Array));
      if (replies.length >= count) socket.destroy();
    });
    socket.on("close", () => resolve(replies));
    socket.on("error", reject);
  });
}
