/** How a fault is brought about in a server under load, and what is to be seen then. */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { ControlClient } from "../../runtimes/control_client.ts";
import { outlivedByNobody, Server } from "./server.ts";
import { crowd, leave } from "./slow_clients.ts";
import type { Found, Trial } from "./trial.ts";

export function pause(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time));
}

export async function killed(trial: Trial, pid: number): Promise<number> {
  const since = performance.now();
  process.kill(pid, "SIGKILL");
  return await trial.whole(since, [pid]);
}

export async function reloaded({ server }: Trial): Promise<void> {
  const from = server.log.length;
  server.signal("HUP");
  await server.logged(/Reloaded: generation \d+ serves/, { from });
}

/** A worker that the arbiter has to end. */
export async function stopped(trial: Trial): Promise<Found> {
  const [still = 0] = trial.server.workers();
  process.kill(still, "SIGSTOP");
  await trial.server.logged(new RegExp(`WORKER TIMEOUT \\(pid:${still}\\)`));
  return { recovery: await trial.whole(performance.now(), [still]) };
}

export async function arbiterKilled(trial: Trial): Promise<Found> {
  const { server, port, folder } = trial;
  const workers = server.workers();
  // There is nobody to ask until the next one is there.
  trial.endLoad();
  const since = performance.now();
  server.signal("KILL");
  await server.ended;
  await outlivedByNobody(workers);
  const gone = performance.now() - since;
  const next = new Server({ args: ["--log-level", "debug", "-w", `${workers.length}`, "-b", `127.0.0.1:${port}`, "app.ts"], cwd: folder });
  try {
    await next.port(workers.length);
    return { recovery: performance.now() - since, note: `its workers were gone after ${Math.round(gone)} ms` };
  } finally {
    await next.stop();
  }
}

export async function reopened({ folder }: Trial): Promise<void> {
  const control = await ControlClient.open(join(folder, "ctl"));
  await control.ask("reopen");
  control.close();
}

export async function rotated(trial: Trial, times: number): Promise<Found> {
  const { server, folder } = trial;
  const path = join(folder, "access.log");
  for (let i = 1; i <= times; i++) {
    await server.until(() => existsSync(path) && statSync(path).size > 0, "lines in the new log");
    renameSync(path, `${path}.${i}`);
    await reopened(trial);
  }
  await server.until(() => existsSync(path) && statSync(path).size > 0, "lines in the last log");
  return { note: `${times} rotations` };
}

export async function stopping(trial: Trial): Promise<Found> {
  const { server, port } = trial;
  const size = 64;
  const downloads = Array.from({ length: 4 }, () => download(`http://127.0.0.1:${port}/big?${size}`));
  const leaving = await crowd(port, 50, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf");
  await pause(500);
  trial.endLoad();
  const since = performance.now();
  server.signal("TERM");
  await pause(100);
  await leave(leaving);
  const got = await Promise.all(downloads);
  const { code } = await server.ended;
  const whole = got.filter((bytes) => bytes === size * 256 * 1024).length;
  if (whole < got.length || code !== 0) throw new Error(`${whole} of ${got.length} downloads were whole, and the server ended with ${code}`);
  return { note: `${whole} of ${got.length} downloads were whole; the stop took ${((performance.now() - since) / 1000).toFixed(1)} s` };
}

/** The bytes that a slow client got. */
function download(url: string): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn("curl", ["-sS", "--limit-rate", "4M", "--max-time", "30", url], { stdio: ["ignore", "pipe", "ignore"] });
    let bytes = 0;
    child.stdout.on("data", (chunk: Uint8Array) => (bytes += chunk.length));
    child.on("close", () => resolve(bytes));
  });
}

export function configOf(ports: readonly number[]): string {
  return JSON.stringify({ workers: 2, bind: ports.map((port) => `127.0.0.1:${port}`) });
}

export async function portTaken({ server, folder }: Trial): Promise<Found> {
  const thief = createServer();
  await new Promise<void>((resolve) => thief.listen(0, "127.0.0.1", resolve));
  const { port } = thief.address() as { readonly port: number };
  try {
    writeFileSync(join(folder, "tsgi.config.json"), configOf([0, port]));
    const from = server.log.length;
    server.signal("HUP");
    const [, reason] = await server.logged(/\[ERROR\] Reload failed[^\n]*?: ([^\n]*)/, { from });
    return { note: `reload refused: ${reason}` };
  } finally {
    await new Promise((resolve) => thief.close(resolve));
  }
}

export async function unreadable(trial: Trial): Promise<Found> {
  const { server, folder } = trial;
  const path = join(folder, "app.ts");
  const good = readFileSync(path, "utf8");
  const before = server.workers().join();
  const ways: readonly (() => void)[] = [() => writeFileSync(path, "export default ("), () => (rmSync(path), mkdirSync(path)), () => rmSync(path, { recursive: true })];
  for (const spoil of ways) {
    spoil();
    const from = server.log.length;
    server.signal("HUP");
    await server.logged(/\[ERROR\] Reload failed/, { from });
  }
  const stayed = server.workers().join() === before;
  writeFileSync(path, good);
  await reloaded(trial);
  return { note: stayed ? "3 reloads refused, the workers stayed" : "workers were replaced" };
}

/** A small file system for the time of `use`. */
export async function withDisk<T>(options: string, use: (disk: string) => Promise<T>): Promise<T> {
  const disk = `/tmp/tsgi-disk-${process.pid}-${readdirSync("/tmp").length}`;
  mkdirSync(disk);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tsgi-test", disk]);
    try {
      return await use(disk);
    } finally {
      execFileSync("umount", ["-l", disk]);
    }
  } finally {
    rmdirSync(disk);
  }
}
