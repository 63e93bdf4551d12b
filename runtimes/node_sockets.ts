/**
 * The arbiter's side of the listener port on Node: one socket for each address, inherited by all workers.
 *
 * node:net begins to accept where it listens. So a socket is only bound here, by the call that node:cluster binds its own with, and a
 * short-lived process makes it listen: whether a socket listens is the socket's affair, not that of the process which said so.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, lstatSync, readlinkSync, renameSync, unlinkSync } from "node:fs";
import * as net from "node:net";
import { dirname, resolve } from "node:path";
import process from "node:process";
import { getSystemErrorName } from "node:util";
import { type Address, type Held, type HoldOptions, ListenError } from "../core/arbiter/listener.ts";
import { boundAs } from "./node.ts";
import { readNet, type UnixLine, unixLines } from "./proc_net.ts";
import { explain, locate, lockName, once, placeOf, refuseForeign, type Tcp, tooLong } from "./sockets.ts";

/** What is used of Node's handle for a socket. */
interface Handle {
  readonly fd: number;
  getsockname?(into: { address?: string; port?: number }): number;
  close(): void;
}

const { _createServerHandle: createHandle } = net as unknown as {
  _createServerHandle(address: string | null, port: number, type: 4 | 6 | -1, fd?: number, flags?: number): Handle | number;
};

/** Takes `address` for this process. Rejects with {@linkcode ListenError}. */
export async function hold(address: Address, options: HoldOptions): Promise<Held> {
  if (address.kind === "tcp") return await tcpSocket(address, options);
  if (options.mode === "reuse-port") throw refuseForeign(address, "workers bind by themselves with --reuse-port");
  return address.kind === "unix" ? await unixSocket(address.path, options) : inherited(address.fd, options);
}

/** In reuse-port mode it is only bound: a socket that never listens gets no connections, and keeps the address from other servers of ours. */
async function tcpSocket(address: Tcp, { backlog, mode }: HoldOptions): Promise<Held> {
  const at = await locate(address);
  const handle = attempt(address, () => createHandle(at.host, at.port, at.family === "v6" ? 6 : 4, undefined, 0));
  return guard([handle], () => {
    const bound = nameOf(handle, address);
    const held = { ...address, port: bound.port! };
    const lock = attempt(held, () => createHandle(lockName(`tcp/${bound.address}/${bound.port}`), -1, -1));
    const close = once(() => [handle, lock].forEach((one) => one.close()));
    if (mode === "reuse-port") return { address: held, mode, descriptor: () => null, descriptors: () => [handle.fd, lock.fd], close, abandon: close };
    guard([lock], () => makeListen(handle.fd, held, backlog));
    return shared(held, [handle, lock], close);
  });
}

async function unixSocket(path: string, { backlog, umask = 0, owner }: HoldOptions): Promise<Held> {
  const address = { kind: "unix", path } as const;
  const reason = tooLong(path);
  if (reason !== null) throw reason;
  const lock = attempt(address, () => createHandle(lockName(`unix/${placeOf(path)}`), -1, -1));
  await removeStale(path).catch((error: unknown) => {
    lock.close();
    throw error;
  });
  // Bound under another name, it is complete when it appears under its own; and its own is not the one that Node removes with the handle.
  const early = resolve(dirname(path), `.${process.pid.toString(36)}`);
  const handle = guard([lock], () => attempt(address, () => createHandle(early, -1, -1)));
  guard([lock, handle], () => {
    try {
      if (owner) chownSync(early, owner.uid, owner.gid);
      chmodSync(early, 0o777 & ~umask);
      makeListen(handle.fd, address, backlog);
      renameSync(early, path);
    } catch (error) {
      throw explain(error, address);
    }
  });
  boundAs.set(path, early);
  const ours = lstatSync(path, { throwIfNoEntry: false });
  const abandon = once(() => [handle, lock].forEach((one) => one.close()));
  return {
    ...shared(address, [handle, lock], abandon),
    close: () => {
      const now = lstatSync(path, { throwIfNoEntry: false });
      if (now && ours && now.ino === ours.ino && now.dev === ours.dev) unlinkSync(path);
      abandon();
    },
  };
}

/** A socket that nobody listens at is what a killed server leaves behind. Anything else at that path is somebody's, and stays. */
async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw notASocket(path, found);
  const socket = net.connect({ path });
  const code = await new Promise<string | null>((resolve) => {
    socket.once("connect", () => resolve(null));
    socket.once("error", (error: Error & { code?: string }) => resolve(error.code ?? "EUNKNOWN"));
  });
  socket.destroy();
  if (code === "ECONNREFUSED") unlinkSync(path);
  else if (code === null || code === "EAGAIN") throw new ListenError(`Connection in use: ${path}`, "EADDRINUSE", true);
  else if (code !== "ENOENT") throw explain({ code, message: code }, { kind: "unix", path });
}

function notASocket(path: string, found: { isSymbolicLink(): boolean; isDirectory(): boolean }): ListenError {
  const kind = found.isSymbolicLink() ? "a symbolic link" : found.isDirectory() ? "a directory" : "a file";
  return new ListenError(`Cannot listen at unix:${path}: there is ${kind} that is not a socket; remove it, or choose another path`, "EEXIST", false);
}

/** A socket that a service manager or a parent opened for us. */
function inherited(fd: number, { backlog }: HoldOptions): Held {
  const refuse = (reason: string) => new ListenError(`Cannot listen at fd://${fd}: ${reason}`, "EBADF", false);
  const inode = inodeOf(fd);
  if (inode === null) throw refuse("that descriptor is not an open socket; was it handed to this process?");
  const unix = unixRow(inode);
  if (unix !== null && unix.type !== "0001") throw refuse("that socket is not a stream socket");
  if (unix !== null && unix.path === "") throw refuse("that socket is not bound to an address");
  let handle: Handle | number;
  try {
    handle = createHandle(null, 0, -1, fd);
  } catch {
    throw refuse("that socket is not a stream socket");
  }
  if (typeof handle === "number") throw refuse(getSystemErrorName(handle));
  const bound = unix === null ? nameOf(handle, { kind: "fd", fd }) : null;
  if (bound !== null && !bound.port) throw refuse("that socket is not bound to an address");
  const address: Address = bound === null ? { kind: "unix", path: unix!.path } : { kind: "tcp", host: bound.address!, port: bound.port! };
  makeListen(fd, address, backlog);
  return shared(address, [handle]);
}

/** The first of `handles` is the socket itself. */
function shared(address: Address, handles: readonly Handle[], close = once(() => handles.forEach((one) => one.close()))): Held {
  const { fd } = handles[0]!;
  return { address, mode: "shared", descriptor: () => fd, descriptors: () => handles.map((one) => one.fd), close, abandon: close };
}

/** An address that somebody has is refused here only: libuv keeps that error back when it binds. */
function nameOf(handle: Handle, address: Address): { address?: string; port?: number } {
  const name = {};
  const error = handle.getsockname?.(name) ?? 0;
  if (error === 0) return name;
  throw explain({ code: getSystemErrorName(error), message: `bind: ${getSystemErrorName(error)}` }, address);
}

function inodeOf(fd: number): string | null {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? null;
  } catch {
    return null; // No such descriptor.
  }
}

/** How the kernel describes a unix socket: its type, and its path if it has one. */
function unixRow(inode: string): UnixLine | null {
  return unixLines(readNet("unix") ?? "").find((line) => line.inode === inode) ?? null;
}

/** Has another process call listen(), which ends without ever having accepted. */
function makeListen(fd: number, address: Address, backlog: number): void {
  const code = `require("node:net").createServer().on("error", (error) => { process.stdout.write(error.code); process.exitCode = 1; })` +
    `.listen({ fd: 3, backlog: ${backlog} }, () => process.exit(0))`;
  const { status, stdout, error } = spawnSync(process.execPath, ["--no-warnings", "--eval", code], { env: {}, stdio: ["ignore", "pipe", "ignore", fd], encoding: "utf8" });
  if (status === 0) return;
  const reason = stdout || error?.message || `${process.execPath} could not be run`;
  throw explain({ code: stdout || "EUNKNOWN", message: `listen: ${reason}` }, address);
}

function attempt(address: Address, make: () => Handle | number): Handle {
  const made = make();
  if (typeof made !== "number") return made;
  const code = getSystemErrorName(made);
  throw explain({ code, message: `bind: ${code}` }, address);
}

function guard<T>(handles: readonly Handle[], run: () => T): T {
  try {
    return run();
  } catch (error) {
    for (const handle of handles) handle.close();
    throw error;
  }
}
