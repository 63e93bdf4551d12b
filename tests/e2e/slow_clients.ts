/** Clients that take a server's time and give nothing for it. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";

export const SLOWHTTPTEST = ["/usr/bin/slowhttptest", "/usr/local/bin/slowhttptest"].find((path) => existsSync(path));

/** Debian's slowhttptest in one of its modes: heads or bodies that come byte by byte, or answers that are read so. */
export function slowly(mode: "headers" | "body" | "read", { port, connections, seconds }: { readonly port: number; readonly connections: number; readonly seconds: number }): { readonly ended: Promise<void>; stop(): void } {
  const way = mode === "headers" ? ["-H", "-i", "1"] : mode === "body" ? ["-B", "-i", "1", "-s", "8192"] : ["-X", "-w", "10", "-y", "20", "-n", "1", "-z", "32", "-k", "3"];
  const url = `http://127.0.0.1:${port}/${mode === "read" ? "big" : ""}`;
  const args = ["-c", `${connections}`, "-r", "500", "-l", `${seconds}`, "-p", "10", "-v", "0", "-u", url, ...way];
  const child = spawn(SLOWHTTPTEST!, args, { stdio: "ignore" });
  return { ended: new Promise((resolve) => child.on("exit", () => resolve())), stop: () => void child.kill("SIGKILL") };
}

/** How many connections to `port` are established now, as the kernel sees them. */
export function connectionsTo(port: number): number {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return readFileSync("/proc/net/tcp", "utf8").split("\n").filter((line) => {
    const [, local, , state] = line.trim().split(/\s+/);
    return local?.endsWith(suffix) && state === "01";
  }).length;
}

/** That many connections; each sends `first`, if anything, and no more. Whoever is refused or reset is there all the same. */
export async function crowd(port: number, size: number, first = ""): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  // The kernel's queue of those who wait to be accepted is not endless.
  for (let at = 0; at < size; at += 250) {
    sockets.push(...await Promise.all(Array.from({ length: Math.min(250, size - at) }, () => one(port, first))));
  }
  return sockets;
}

/** Resolves when all of them are gone. */
export async function leave(sockets: readonly Socket[]): Promise<void> {
  await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => {
    if (socket.closed) return resolve();
    socket.once("close", () => resolve());
    socket.destroy();
  })));
}

function one(port: number, first: string): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      if (first !== "") socket.write(first);
      resolve(socket);
    });
    socket.on("data", () => {});
    socket.on("error", () => resolve(socket));
  });
}
