import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Address, HoldOptions } from "../../core/arbiter/listener.ts";
import { runtime } from "../../runtimes/current.ts";
import { type Libc, libc, OPTION } from "../../runtimes/libc.ts";
import { hold } from "../../runtimes/sockets.ts";
import { workerCommand } from "../../runtimes/worker_command.ts";
import { isRefused } from "./client.ts";

const c = libc as Libc; // Tests that call it are none for a runtime without it.
const many = runtime.native ? "shared" : "slots";
const folder = mkdtempSync(join(tmpdir(), "tsgi-test-"));
after(() => rmSync(folder, { recursive: true }));
const adopt: HoldOptions = { backlog: 64, mode: "adopt" };
const local: Address = { kind: "tcp", host: "127.0.0.1", port: 0 };
const portOf = (address: Address) => (address as { port: number }).port;

test("hold() of port 0 says which port it became, in every form of host", async () => {
  for (const host of ["127.0.0.1", "localhost", "0.0.0.0", "", "::1", "::"]) {
    const held = await hold({ kind: "tcp", host, port: 0 }, adopt);
    assert.equal(held.mode, many);
    assert.ok(portOf(held.address) > 0);
    assert.equal((held.address as { host: string }).host, host);
    held.descriptor(0);
    assert.equal(await isRefused(held.address), false, `nobody listens at ${host}`);
    held.close();
    assert.equal(await isRefused(held.address), true);
  }
});

test("hold() of :: takes IPv4 too, as the system's default is", async () => {
  const held = await hold({ kind: "tcp", host: "::", port: 0 }, adopt);
  assert.equal(await isRefused({ ...local, port: portOf(held.address) }), readFileSync("/proc/sys/net/ipv6/bindv6only", "utf8").trim() === "1");
  held.close();
});

test("descriptor() opens slots that are non-blocking, closed on exec, and stay", async () => {
  const held = await hold(local, adopt);
  const descriptors = [0, 1, 2, 3].map((slot) => held.descriptor(slot)!);
  assert.equal(new Set(descriptors).size, 4);
  assert.equal(held.descriptor(2), descriptors[2]);
  for (const fd of descriptors) {
    const flags = parseInt(/flags:\s+(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))![1]!, 8);
    assert.ok(flags & 0o4000, "non-blocking");
    assert.ok(flags & 0o2000000, "closed on exec");
    assert.equal(c.get(fd, OPTION.accepting), 1);
    assert.equal(c.get(fd, OPTION.reusePort), 1);
  }
  held.close();
  held.close();
  assert.ok(descriptors.every((fd) => c.nameOf(fd) === null));
});

test("hold() in shared mode gives every slot the same socket", async () => {
  const held = await hold(local, { ...adopt, mode: "shared" });
  assert.equal(held.mode, "shared");
  assert.equal(held.descriptor(0), held.descriptor(5));
  held.close();
});

const modes = ["adopt", "shared", "reuse-port"] as const;
for (const first of modes) {
  for (const second of modes) {
    test(`hold() with ${second} is refused what is held with ${first}, and has it afterwards`, async () => {
      const held = await hold(local, { ...adopt, mode: first });
      const port = portOf(held.address);
      const refusal = { name: "ListenError", code: "EADDRINUSE", retry: true, message: `Connection in use: ('127.0.0.1', ${port})` };
      await assert.rejects(hold({ ...local, port }, { ...adopt, mode: second }), refusal);
      await assert.rejects(hold({ ...local, host: "0.0.0.0", port }, { ...adopt, mode: second }), { code: "EADDRINUSE" });
      held.close();
      (await hold({ ...local, port }, { ...adopt, mode: second })).close();
    });
  }
}

test("hold() is refused a wildcard's port on one address", async () => {
  const held = await hold({ ...local, host: "0.0.0.0" }, adopt);
  await assert.rejects(hold({ ...local, port: portOf(held.address) }, adopt), { code: "EADDRINUSE" });
  held.close();
});

test("hold() is refused what a server that is not ours has", async () => {
  const other = await listen({ host: "127.0.0.1", port: 0 });
  const { port } = other.address() as { port: number };
  for (const mode of modes) await assert.rejects(hold({ ...local, port }, { ...adopt, mode }), { code: "EADDRINUSE" });
  other.close();
});

test("a server that is not ours is refused what hold() has", async () => {
  for (const mode of modes) {
    const held = await hold(local, { ...adopt, mode });
    await assert.rejects(listen({ host: "127.0.0.1", port: portOf(held.address) }), { code: "EADDRINUSE" });
    held.close();
  }
});

test("hold() at once in two processes: one wins, whatever the mode", async () => {
  const free = await hold(local, adopt);
  const port = portOf(free.address);
  free.close();
  const holder = fileURLToPath(new URL("children/holder.ts", import.meta.url));
  for (const mode of modes) {
    const children = Array.from({ length: 4 }, () => {
      const { command, args, env } = workerCommand({ script: holder, env: process.env as Record<string, string>, appDirectory: folder });
      return spawn(command, [...args, String(port), mode], { env, stdio: ["pipe", "pipe", "inherit"] });
    });
    const words = await Promise.all(children.map(async (child) => String((await once(child.stdout!, "data"))[0]).trim()));
    assert.deepEqual(words.sort(), ["EADDRINUSE", "EADDRINUSE", "EADDRINUSE", "held"]);
    await Promise.all(children.map((child) => {
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      return exit;
    }));
  }
});

test("hold() in reuse-port mode keeps the port but takes no connections", async () => {
  const held = await hold(local, { ...adopt, mode: "reuse-port" });
  assert.equal(held.descriptor(0), null);
  assert.equal(await isRefused(held.address), true);
  held.close();
});

test("hold() of an address that is not this machine's may be tried again", async () => {
  await assert.rejects(hold({ ...local, host: "192.0.2.1", port: 8000 }, adopt), { code: "EADDRNOTAVAIL", retry: true, message: "Invalid address: ('192.0.2.1', 8000)" });
});

test("hold() names a host that is not known", async () => {
  await assert.rejects(hold({ ...local, host: "nowhere.invalid" }, adopt), { name: "ListenError", retry: false, message: /no address is known for the host nowhere\.invalid/ });
});

test("a refused hold() leaves no descriptor open", async () => {
  const held = await hold(local, adopt);
  const address = { ...local, port: portOf(held.address) };
  const count = () => readdirSync("/proc/self/fd").length;
  await hold(address, adopt).catch(() => {});
  const before = count();
  for (let i = 0; i < 20; i++) await hold(address, adopt).catch(() => {});
  assert.equal(count(), before);
  held.close();
});

test("hold() of a unix socket: mode by umask, one socket for all, gone after close()", async () => {
  for (const [umask, mode] of [[undefined, 0o777], [0o007, 0o770], [0o177, 0o600]] as const) {
    const path = join(folder, "modes.sock");
    const before = process.umask();
    const held = await hold({ kind: "unix", path }, umask === undefined ? adopt : { ...adopt, umask });
    assert.equal(process.umask(), before);
    assert.equal(statSync(path).mode & 0o777, mode);
    assert.equal(held.mode, "shared");
    assert.equal(held.descriptor(0), held.descriptor(3));
    assert.equal(await isRefused(held.address), false);
    held.close();
    assert.equal(existsSync(path), false);
  }
});

test("hold() replaces a stale unix socket", async () => {
  const path = join(folder, "stale.sock");
  const fd = c.socket(1);
  c.bind(fd, { family: "unix", path });
  c.listen(fd, 1);
  c.close(fd); // Without removing it, as a killed server does.
  const stale = lstatSync(path).ino;
  assert.equal(await isRefused({ kind: "unix", path }), true);
  const held = await hold({ kind: "unix", path }, adopt);
  assert.equal(await isRefused({ kind: "unix", path }), false);
  assert.ok(stale > 0);
  held.close();
});

test("hold() refuses a live unix socket, ours or not, and leaves it alone", async () => {
  const path = join(folder, "live.sock");
  const refusal = { name: "ListenError", code: "EADDRINUSE", retry: true, message: `Connection in use: ${path}` };
  const held = await hold({ kind: "unix", path }, adopt);
  await assert.rejects(hold({ kind: "unix", path }, adopt), refusal);
  assert.equal(await isRefused({ kind: "unix", path }), false);
  held.close();
  const other = await listen({ path });
  await assert.rejects(hold({ kind: "unix", path }, adopt), refusal);
  assert.equal(await isRefused({ kind: "unix", path }), false);
  other.close();
});

test("hold() knows a unix socket's place by whatever name it is reached", async () => {
  mkdirSync(join(folder, "real"));
  symlinkSync(join(folder, "real"), join(folder, "alias"));
  const held = await hold({ kind: "unix", path: join(folder, "real", "s") }, adopt);
  await assert.rejects(hold({ kind: "unix", path: join(folder, "alias", "s") }, adopt), { code: "EADDRINUSE" });
  held.close();
});

test("hold() never removes what is not a socket", async () => {
  const file = join(folder, "precious");
  writeFileSync(file, "data");
  await assert.rejects(hold({ kind: "unix", path: file }, adopt), { code: "EEXIST", retry: false, message: /there is a file that is not a socket/ });
  assert.equal(readFileSync(file, "utf8"), "data");
  const link = join(folder, "link");
  for (const to of [file, join(folder, "nothing")]) {
    symlinkSync(to, link);
    await assert.rejects(hold({ kind: "unix", path: link }, adopt), { code: "EEXIST", message: /there is a symbolic link/ });
    assert.ok(lstatSync(link).isSymbolicLink());
    rmSync(link);
  }
  await assert.rejects(hold({ kind: "unix", path: folder }, adopt), { message: /there is a directory/ });
});

test("close() leaves a unix socket that somebody put in the place of ours", async () => {
  const path = join(folder, "taken.sock");
  const held = await hold({ kind: "unix", path }, adopt);
  rmSync(path);
  const other = await listen({ path });
  held.close();
  assert.equal(existsSync(path), true);
  other.close();
});

test("hold() says what is wrong with a unix socket's path", async () => {
  await assert.rejects(hold({ kind: "unix", path: join(folder, "no", "s") }, adopt), { code: "ENOENT", retry: false, message: /there is no directory .*no, create it/ });
  await assert.rejects(hold({ kind: "unix", path: `/tmp/${"x".repeat(120)}` }, adopt), { code: "ENAMETOOLONG", message: /at most 107 bytes/ });
  await assert.rejects(hold({ kind: "unix", path: join(folder, "s") }, { ...adopt, mode: "reuse-port" }), { code: "ENOTSUP", retry: false });
});

test("hold() of fd://N takes a socket that somebody else bound, and says where", async () => {
  const path = join(folder, "inherited.sock");
  for (const bound of [{ family: "v4", host: "127.0.0.1", port: 0 }, { family: "v6", host: "::1", port: 0 }, { family: "unix", path }] as const) {
    const fd = c.socket({ v4: 2, v6: 10, unix: 1 }[bound.family]);
    c.bind(fd, bound);
    const held = await hold({ kind: "fd", fd }, adopt);
    assert.equal(held.mode, "shared");
    assert.equal(held.descriptor(1), fd);
    assert.equal(held.address.kind, bound.family === "unix" ? "unix" : "tcp");
    assert.equal(await isRefused(held.address), false);
    held.close();
  }
  assert.equal(existsSync(path), true, "the file is its maker's");
});

test("hold() of fd://N refuses what is no bound stream socket", async () => {
  await assert.rejects(hold({ kind: "fd", fd: 1 << 20 }, adopt), { name: "ListenError", code: "EBADF", retry: false, message: /Cannot listen at fd:\/\/1048576: that descriptor is not an open socket/ });
  const fd = c.socket(2);
  await assert.rejects(hold({ kind: "fd", fd }, adopt), { message: /not bound to an address/ });
  c.close(fd);
});

test("hold() tells an unprivileged process what a low port needs", { skip: process.getuid?.() !== 0 }, async () => {
  const holder = fileURLToPath(new URL("children/holder.ts", import.meta.url));
  const { command, args, env } = workerCommand({ script: holder, env: process.env as Record<string, string>, appDirectory: folder });
  const child = spawn("setpriv", ["--bounding-set=-all", "--inh-caps=-all", "--", command, ...args, "81", "message"], { env, stdio: ["pipe", "pipe", "inherit"] });
  child.on("error", () => {}); // No setpriv here: the message is then not asked for.
  const text = child.pid === undefined ? "CAP_NET_BIND_SERVICE" : String((await once(child.stdout!, "data"))[0]);
  child.kill("SIGKILL");
  if (Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8")) > 81) assert.match(text, /CAP_NET_BIND_SERVICE/);
});

function listen(at: { readonly host: string; readonly port: number } | { readonly path: string }): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", reject);
    server.listen(at, () => resolve(server));
  });
}
