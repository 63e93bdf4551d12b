/** What a service manager and an operator need: pid file, daemon, user, environment, log rotation. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, readlinkSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { load } from "./load.ts";
import { childrenOf, curl, hello, isAlive, program, root, runtime, type Server, withFolder, withServer } from "./server.ts";

const isRoot = process.geteuid!() === 0;

test("tsgi keeps its pid in a file, moves it on HUP, and refuses a second server under it", async () => {
  const config = (pidfile: string) => `export default { bind: "127.0.0.1:0", app: ${JSON.stringify(hello)}, pidfile: "${pidfile}" };`;
  await withFolder({ "tsgi.config.ts": config("one.pid"), "one.pid": "garbage" }, async (folder) => {
    const file = (name: string) => join(folder, name);
    await withServer({ args: [], cwd: folder }, async (server) => {
      await server.port();
      assert.equal(readFileSync(file("one.pid"), "utf8"), `${server.pid}\n`);
      const { code, err } = await run(["-b", "127.0.0.1:0", "--pid", file("one.pid"), hello]);
      assert.equal(code, 1);
      assert.equal(err, `\nError: Already running on PID ${server.pid} (or pid file '${file("one.pid")}' is stale)\n`);
      writeFileSync(file("tsgi.config.ts"), config("two.pid"));
      await hangUp(server);
      assert.equal(readFileSync(file("two.pid"), "utf8"), `${server.pid}\n`);
      assert.ok(!existsSync(file("one.pid")));
      assert.equal(await server.stop(), 0);
      assert.ok(!existsSync(file("two.pid")));
    });
    // A server that was killed leaves its file behind, and that hinders nobody.
    let killed = 0;
    await withServer({ args: [], cwd: folder }, async (server) => {
      await server.port();
      killed = server.pid;
      server.signal("KILL");
      await server.ended;
    });
    assert.equal(readFileSync(file("two.pid"), "utf8"), `${killed}\n`);
    await withServer({ args: [], cwd: folder }, async (server) => {
      await server.port();
      assert.equal(readFileSync(file("two.pid"), "utf8"), `${server.pid}\n`);
    });
  });
});

test("tsgi --daemon ends with 0 when the daemon serves, detached from everything", async () => {
  await withFolder({}, async (folder) => {
    const args = ["-D", "-b", `unix:${folder}/s.sock`, "-p", join(folder, "d.pid"), "--log-file", join(folder, "e.log"), hello];
    await withDaemon(args, folder, async ({ pid, code, err, out }) => {
      assert.deepEqual([code, err, out], [0, "", ""]);
      assert.equal(curl("--unix-socket", join(folder, "s.sock"), "http://x/"), "Hello, World!\n");
      const [parent, , session] = statOf(pid);
      assert.equal(session, pid);
      assert.notEqual(parent, process.pid);
      for (const descriptor of [0, 1, 2]) assert.equal(readlinkSync(`/proc/${pid}/fd/${descriptor}`), "/dev/null");
      assert.match(readFileSync(`/proc/${pid}/status`, "utf8"), /^Umask:\s*0022$/m);
      assert.match(readFileSync(join(folder, "e.log"), "utf8"), new RegExp(`\\[${pid}\\] \\[INFO\\] Starting tsgi`));
    });
    assert.deepEqual(readdirSync(folder), ["e.log"]);
  });
});

test("tsgi --daemon -R keeps what is no terminal, and says where logs go otherwise", async () => {
  await withFolder({}, async (folder) => {
    const args = (...more: string[]) => [...more, "-D", "-b", `unix:${folder}/s.sock`, "-p", join(folder, "d.pid"), hello];
    await withDaemon(args(), folder, async ({ code, err }) => {
      assert.equal(code, 0);
      assert.equal(err, "Warning: a daemon's error log to - goes to /dev/null: give --error-logfile FILE\n");
    });
    const daemon = start(args("-R"));
    await daemon.ends;
    try {
      assert.equal(await daemon.code(), 0);
      assert.match(daemon.err(), /^\[[^\]]*\] \[\d+\] \[INFO\] Starting tsgi[^]*Booting worker/);
    } finally {
      await end(join(folder, "d.pid"));
    }
  });
});

test("tsgi --daemon ends with the daemon's exit code and reason when it cannot serve", async () => {
  const files = { "throws.ts": "throw new Error('no database');", "empty.ts": "export const other = 1;", "file": "" };
  await withFolder(files, async (folder) => {
    const log = ["-D", "--log-file", join(folder, "e.log")];
    const cases = [
      [["-b", "127.0.0.1:0", "throws.ts"], 3, /Error: Cannot load throws\.ts: it threw Error: no database[^]*Worker failed to boot/],
      [["-b", "127.0.0.1:0", "empty.ts"], 4, /Error: Cannot load empty\.ts: no default export/],
      [["-b", `unix:${folder}/file`, hello], 1, /Can't connect to .*file: .*not a socket/],
      [["-b", "127.0.0.1:0", "-p", join(folder, "none/x.pid"), hello], 1, /Error: Cannot write pid file .*there is no directory/],
      [["-w", "0", hello], 1, /Cannot use --workers/],
    ] as const;
    const ended = await Promise.all(cases.map(([args]) => run([...log, ...args], folder)));
    for (const [i, [args, code, reason]] of cases.entries()) {
      assert.equal(ended[i]!.code, code, `${args.join(" ")}: ${ended[i]!.err}`);
      assert.match(ended[i]!.err, reason);
    }
  });
});

test("tsgi --daemon lets all workers go on WINCH, keeps clients waiting, and takes them back on HUP", async () => {
  await withFolder({}, async (folder) => {
    const log = () => readFileSync(join(folder, "e.log"), "utf8");
    const args = ["-D", "-w", "2", "-b", "127.0.0.1:0", "-p", join(folder, "d.pid"), "--log-file", join(folder, "e.log"), hello];
    await withDaemon(args, folder, async ({ pid }) => {
      const port = Number(/Listening at: http:\/\/127\.0\.0\.1:(\d+)/.exec(log())![1]);
      await until(() => childrenOf(pid).length === 2, "two workers");
      process.kill(pid, "SIGWINCH");
      await until(() => childrenOf(pid).length === 0, "no worker");
      assert.match(log(), /Handling signal: winch[^]*graceful stop of workers/);
      const waiting = load({ to: { port }, clients: 4, requests: 4 });
      process.kill(pid, "SIGHUP");
      assert.equal((await waiting).failed, 0);
      await until(() => childrenOf(pid).length === 2, "two workers again");
    });
  });
});

test("tsgi ignores WINCH at a terminal", async () => {
  await withServer({ args: ["-b", "127.0.0.1:0", "--log-level", "debug", hello] }, async (server) => {
    const port = await server.port();
    process.kill(server.pid, "SIGWINCH");
    await server.logged(/\[DEBUG\] SIGWINCH ignored\. Not daemonized/);
    await server.until(() => /Hello/.test(curl(`http://127.0.0.1:${port}/`)), "an answer");
  });
});

const WHO = `
import { readFileSync } from "node:fs";
import process from "node:process";
export default (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  const groups = readFileSync("/proc/self/status", "utf8").split("\\n").find((line) => line.startsWith("Groups:")).slice(7).trim();
  return [JSON.stringify({ uid: process.getuid(), gid: process.getgid(), groups })];
};
`;

for (const initgroups of [false, true]) {
  test(`tsgi --user runs the workers as somebody else${initgroups ? " with all his groups" : ""}, and the arbiter stays`, { skip: !isRoot }, async () => {
    await withFolder({ "who.ts": WHO }, async (folder) => {
      chmodSync(folder, 0o755);
      const file = (name: string) => join(folder, name);
      const args = ["-u", "nobody", ...(initgroups ? ["--initgroups"] : ["-g", "33"]), "-m", "007", "-b", `unix:${file("s.sock")}`];
      await withServer({ args: [...args, "--log-file", file("e.log"), "--access-logfile", file("a.log"), "who.ts"], cwd: folder }, async (server) => {
        await server.until(() => existsSync(file("s.sock")) && server.workers().length === 1, "the worker");
        const gid = initgroups ? 65534 : 33;
        const groups = initgroups ? execFileSync("id", ["-G", "nobody"], { encoding: "utf8" }).trim() : "33";
        const who = JSON.parse(curl("--unix-socket", file("s.sock"), "http://x/"));
        assert.ok(who.groups === "" || who.groups === groups, who.groups);
        assert.deepEqual({ ...who, groups: "" }, { uid: 65534, gid, groups: "" });
        if (initgroups) assert.equal(who.groups, groups);
        for (const name of ["s.sock", "e.log", "a.log"]) assert.deepEqual([name, statSync(file(name)).uid, statSync(file(name)).gid], [name, 65534, gid]);
        assert.equal(statSync(file("s.sock")).mode & 0o777, 0o770);
        assert.equal(statSync(`/proc/${server.pid}`).uid, 0);
        // The folder is root's: without the arbiter's help the workers could not make the new file.
        renameSync(file("a.log"), file("a.log.1"));
        process.kill(server.pid, rotate);
        await server.until(() => existsSync(file("a.log")), "the new log");
        assert.equal(statSync(file("a.log")).uid, 65534);
        await until(() => {
          curl("--unix-socket", file("s.sock"), "http://x/");
          return readFileSync(file("a.log"), "utf8") !== "";
        }, "a line in the new log");
      });
    });
  });
}

test("tsgi refuses users and groups that do not exist", async () => {
  const { code, err } = await run(["-u", "no-such-user", "-g", "no-such-group", hello]);
  assert.equal(code, 1);
  assert.match(err, /Cannot use --user: there is no user "no-such-user"[^]*Cannot use --group: there is no group "no-such-group"/);
});

test("tsgi --env-file gives variables to the workers, reads it again on HUP, and never prints it", async () => {
  const app = `
import process from "node:process";
export default (environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return [[process.env.PLAIN, process.env.MODE, process.env.INHERITED].join()];
};
`;
  await withFolder({ "app.ts": app, "app.env": "PLAIN=hunter2\nMODE=file\nINHERITED=file\n" }, async (folder) => {
    const args = ["--env-file", "app.env", "-e", "MODE=flag", "--log-level", "debug", "-b", "127.0.0.1:0", "app.ts"];
    await withServer({ args, cwd: folder, env: { INHERITED: "yes" } }, async (server) => {
      const port = await server.port();
      assert.equal(curl(`http://127.0.0.1:${port}/`), "hunter2,flag,file");
      writeFileSync(join(folder, "app.env"), "PLAIN=hunter3\n");
      await hangUp(server);
      assert.equal(curl(`http://127.0.0.1:${port}/`), "hunter3,flag,yes");
      const from = server.log.length;
      writeFileSync(join(folder, "app.env"), "hunter4\n");
      server.signal("HUP");
      await server.logged(/Reload failed.*Cannot use --env-file: .*app\.env: line 1: expected KEY=VALUE/, { from });
      assert.equal(curl(`http://127.0.0.1:${port}/`), "hunter3,flag,yes");
      assert.ok(!server.log.includes("hunter"), "a value was logged");
    });
    const { out } = await run(["--print-config", "--env-file", join(folder, "app.env"), "-m", "022", "-p", "x.pid"], folder);
    assert.ok(!out.includes("hunter"));
  });
});

test("tsgi --capture-output writes what workers print into the error log, also after a rotation", async () => {
  const app = `
export default (environ, startResponse) => {
  console.log("to stdout " + environ.PATH_INFO);
  console.error("to stderr " + environ.PATH_INFO);
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return ["ok"];
};
`;
  await withFolder({ "app.ts": app }, async (folder) => {
    const log = (name = "e.log") => existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : "";
    await withServer({ args: ["--capture-output", "--log-file", "e.log", "-b", `unix:${folder}/s.sock`, "app.ts"], cwd: folder }, async (server) => {
      await server.until(() => existsSync(join(folder, "s.sock")), "the socket");
      curl("--unix-socket", join(folder, "s.sock"), "http://x/one");
      await server.until(() => /^to stdout \/one$/m.test(log()) && /^to stderr \/one$/m.test(log()), "the output");
      renameSync(join(folder, "e.log"), join(folder, "e.log.1"));
      process.kill(server.pid, rotate);
      await server.until(() => log() !== "" || (runtime === "bun" && existsSync(join(folder, "e.log"))), "the new log");
      curl("--unix-socket", join(folder, "s.sock"), "http://x/two");
      await server.until(() => /^to stdout \/two$/m.test(log()), "the output in the new log");
      assert.deepEqual([server.out, server.log.replace(/^.*USR1 does nothing.*\n/m, "")], ["", ""]);
    });
  });
});

test(`tsgi loses and tears no access-log line in 20 rotations by ${runtime === "bun" ? "USR1" : "HUP"} under load`, async () => {
  await withFolder({}, async (folder) => {
    const path = join(folder, "a.log");
    await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", "--access-logfile", path, hello] }, async (server) => {
      const port = await server.port(2);
      await server.until(() => existsSync(path), "the log");
      let enough = false;
      const under = load({ to: { port }, clients: 8, requests: 1_000_000, keepAlive: true, more: () => !enough });
      for (let i = 1; i <= 20; i++) {
        renameSync(path, `${path}.${i}`);
        const from = server.log.length;
        process.kill(server.pid, rotate);
        if (runtime === "deno") await server.logged(/Reloaded: generation/, { from });
        await server.until(() => existsSync(path) && statSync(path).size > 0, "lines in the new log");
      }
      enough = true;
      const report = await under;
      assert.equal(report.failed, 0, JSON.stringify(report.failures));
      assert.equal(await server.stop(), 0);
      const files = readdirSync(folder).filter((name) => name.startsWith("a.log"));
      assert.equal(files.length, 21);
      const lines = files.flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n").slice(0, -1));
      assert.deepEqual(lines.filter((line) => !/^127\.0\.0\.1 - - \[[^\]]+\] "GET \/ HTTP\/1\.1" 200 14 "-" "-"$/.test(line)), []);
      assert.equal(lines.length, report.answered);
    });
  });
});

test("tsgi opens its logs again on HUP even if the reload fails", async () => {
  await withFolder({ "tsgi.config.ts": `export default { bind: "127.0.0.1:0", app: ${JSON.stringify(hello)}, accessLogfile: "a.log" };` }, async (folder) => {
    await withServer({ args: [], cwd: folder }, async (server) => {
      const port = await server.port();
      await server.until(() => existsSync(join(folder, "a.log")), "the log");
      renameSync(join(folder, "a.log"), join(folder, "a.log.1"));
      writeFileSync(join(folder, "tsgi.config.ts"), "export default { workers: -1 };");
      server.signal("HUP");
      await server.logged(/Reload failed/);
      await server.until(() => existsSync(join(folder, "a.log")), "the new log");
      curl(`http://127.0.0.1:${port}/`);
      await server.until(() => readFileSync(join(folder, "a.log"), "utf8") !== "", "a line in it");
    });
  });
});

test("tsgi survives USR1 to everybody, and nobody opens a debugger", async () => {
  await withServer({ args: ["-w", "2", "-b", "127.0.0.1:0", hello] }, async (server) => {
    const port = await server.port(2);
    await server.logged(/(?:Booting worker[^]*){2}/);
    const everybody = [server.pid, ...server.workers()];
    const end = performance.now() + 1500;
    // Deno's own handler comes half a second after the start of a process.
    while (performance.now() < end) {
      for (const pid of everybody) process.kill(pid, "SIGUSR1");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.ok(everybody.every(isAlive));
    assert.deepEqual(server.workers(), everybody.slice(1));
    assert.equal((await load({ to: { port }, clients: 4, requests: 100 })).failed, 0);
    assert.ok(!/debugger/i.test(server.log), server.log);
    for (const pid of everybody) assert.equal(opensPort(pid, 9229), false);
  });
});

/** The signal after which new lines go to new files. */
const rotate = runtime === "bun" ? "SIGUSR1" : "SIGHUP";

async function hangUp(server: Server): Promise<void> {
  const from = server.log.length;
  server.signal("HUP");
  await server.logged(/Reloaded: generation \d+/, { from });
}

interface Started {
  readonly ends: Promise<void>;
  code(): Promise<number | null>;
  out(): string;
  err(): string;
}

/** A command that is not expected to go on for long. Its streams may outlive it: a daemon can have them. */
function start(args: readonly string[], cwd: string = root): Started {
  const [command = "", ...before] = program();
  const child: ChildProcess = spawn(command, [...before, ...args], { cwd, stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let err = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (err += text));
  const exit = new Promise<number | null>((resolve) => child.on("exit", resolve));
  const drained = Promise.all([child.stdout!, child.stderr!].map((stream) => new Promise((resolve) => stream.on("close", resolve))));
  // What was written before the exit is read a moment later.
  const ends = exit.then(() => Promise.race([drained, new Promise((resolve) => setTimeout(resolve, 300))])).then(() => {});
  return { ends, code: () => exit, out: () => out, err: () => err };
}

async function run(args: readonly string[], cwd?: string): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
  const started = start(args, cwd);
  await started.ends;
  return { code: await started.code(), out: started.out(), err: started.err() };
}

type Daemon = Awaited<ReturnType<typeof run>> & { readonly pid: number };

/** A daemon with its pid in `d.pid` of `folder`, for the time of `use`. */
async function withDaemon(args: readonly string[], folder: string, use: (daemon: Daemon) => Promise<void>): Promise<void> {
  const started = await run(args);
  try {
    assert.equal(started.code, 0, started.err);
    await use({ ...started, pid: Number(readFileSync(join(folder, "d.pid"), "utf8")) });
  } finally {
    await end(join(folder, "d.pid"));
  }
}

async function end(pidfile: string): Promise<void> {
  if (!existsSync(pidfile)) return;
  const pid = Number(readFileSync(pidfile, "utf8"));
  process.kill(pid, "SIGINT");
  await until(() => !isAlive(pid), "the end of the daemon");
}

async function until(look: () => boolean, what: string): Promise<void> {
  const limit = performance.now() + 20_000;
  while (!look()) {
    assert.ok(performance.now() < limit, `waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Parent, group and session of a process. */
function statOf(pid: number): number[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(1, 4).map(Number);
}

/** Whether process `pid` listens at `port` of 127.0.0.1. */
function opensPort(pid: number, port: number): boolean {
  const listening = readFileSync(`/proc/${pid}/net/tcp`, "utf8").split("\n").map((line) => line.trim().split(/\s+/));
  const own = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`)));
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return listening.some(([, local, , state, , , , , , inode]) => local?.endsWith(`:${hex}`) && state === "0A" && own.has(`socket:[${inode}]`));
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ""; // Closed in the meantime.
  }
}
