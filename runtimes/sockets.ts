/**
 * The arbiter's side of the listener port: opens sockets and holds them, never accepts.
 *
 * A slot's socket has SO_REUSEPORT, and any process of the same user may join such a group without an error. So:
 *
 * - the first socket is bound *without* it, which the kernel refuses if anybody has the address, or one that overlaps it; it is switched
 *   on afterwards, for the slots to come. There is no moment at which the address is free;
 * - an abstract unix socket named after the address is bound as a lock. The kernel keeps it per network namespace, like the port, and
 *   frees it with the process, however that ends. It is what tells two arbiters apart whose workers bind by themselves.
 *
 * What was inherited in an upgrade is taken as it is: sockets, mode and lock are those of the arbiter before.
 */
import { chownSync, lstatSync, readFileSync, statSync, unlinkSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import process from "node:process";
import { type Address, addressText, type Held, type HoldOptions, ListenError } from "../core/arbiter/listener.ts";
import { runtime } from "./current.ts";
import type { Inheritance } from "./inheritance.ts";
import { FAMILY, type Libc, libc, OPTION, requireLibc } from "./libc.ts";
import { familyOf, LOCK_PREFIX, PATH_ROOM, type SocketAddress } from "./socket_address.ts";

export type Tcp = Extract<Address, { kind: "tcp" }>;
type Internet = Exclude<SocketAddress, { readonly family: "unix" }>;

/** Takes `address` for this process, from `inheritance` if it is there. Rejects with {@linkcode ListenError}. */
export async function hold(address: Address, options: HoldOptions, inheritance: Inheritance | null = null): Promise<Held> {
  if (runtime.native) return await runtime.native.hold(address, options);
  if (address.kind === "tcp") {
    if (libc instanceof Error) return await probe(address);
    const at = await locate(address);
    const sockets = inheritance?.take(at) ?? [];
    if (sockets.length > 0) return inheritedSlots(libc, { address, sockets, inheritance: inheritance!, options });
    return options.mode === "reuse-port" ? reserve(libc, address, at) : slots(libc, address, at, options);
  }
  if (options.mode === "reuse-port" || libc instanceof Error) {
    const reason = libc instanceof Error ? libc.message : "workers bind by themselves with --reuse-port";
    throw refuseForeign(address, reason);
  }
  return address.kind === "unix" ? unixSocket(libc, address.path, options, inheritance) : inherited(libc, { fd: inheritance?.takeNumber(address.fd) ?? address.fd, number: address.fd }, options);
}

export function refuseForeign(address: Address, reason: string): ListenError {
  return new ListenError(`Cannot share ${addressText(address)} between workers: ${reason}; bind a TCP address instead`, "ENOTSUP", false);
}

/** gunicorn's sockets are IPv4 unless the host is an IPv6 number; a name that has IPv6 addresses only is IPv6 here too. */
export async function locate(address: Tcp): Promise<Internet> {
  const host = address.host === "" ? "0.0.0.0" : address.host;
  const family = familyOf(host.split("%")[0]!);
  if (family !== null) return { family, host, port: address.port };
  try {
    const { lookup } = await import("node:dns/promises");
    const found = await lookup(host, { family: 4 }).catch(() => lookup(host));
    return { family: found.family === 6 ? "v6" : "v4", host: found.address, port: address.port };
  } catch (error) {
    const code = (error as { code?: string }).code ?? "ENOTFOUND";
    throw new ListenError(`Cannot listen at ${addressText(address)}: no address is known for the host ${host} (${code})`, code, false);
  }
}

function slots(c: Libc, address: Tcp, at: Internet, { backlog, mode }: HoldOptions): Held {
  const first = attempt(c, address, at, (fd) => {
    c.set(fd, OPTION.reuseAddress, 1);
    c.bind(fd, at);
    if (mode !== "shared") c.set(fd, OPTION.reusePort, 1);
    c.listen(fd, backlog);
  });
  const bound = c.nameOf(first) as Internet;
  const held = { ...address, port: bound.port };
  const lock = guard([first], () => takeLock(c, `tcp/${bound.host}/${bound.port}`, held));
  return heldSlots(c, { address: held, bound, backlog, mode: mode === "shared" ? "shared" : "slots", open: [first], lock });
}

interface Slots {
  readonly address: Tcp;
  readonly bound: Internet;
  readonly backlog: number;
  readonly mode: "shared" | "slots";
  readonly open: number[];
  readonly lock: number;
}

function heldSlots(c: Libc, { address, bound, backlog, mode, open, lock }: Slots): Held {
  const close = once(() => [...open, lock].forEach(c.close));
  return {
    address,
    mode,
    slots: open.length,
    descriptor: (slot) => {
      if (mode === "shared") return open[0]!;
      while (open.length <= slot) open.push(beside());
      return open[slot]!;
    },
    descriptors: () => [...open, lock],
    close,
    abandon: close,
  };

  function beside(): number {
    return attempt(c, address, bound, (fd) => {
      c.set(fd, OPTION.reuseAddress, 1);
      c.set(fd, OPTION.reusePort, 1);
      c.bind(fd, bound);
      c.listen(fd, backlog);
    });
  }
}

interface Inherited {
  readonly address: Tcp;
  readonly sockets: readonly number[];
  readonly inheritance: Inheritance;
  readonly options: HoldOptions;
}

/** In the mode of the arbiter before: its workers serve from these sockets too. One that does not listen only keeps the address. */
function inheritedSlots(c: Libc, { address, sockets, inheritance, options }: Inherited): Held {
  const first = sockets[0]!;
  const bound = c.nameOf(first) as Internet;
  const held = { ...address, port: bound.port };
  const listens = c.get(first, OPTION.accepting) === 1;
  if (listens && options.mode === "reuse-port") {
    const reason = "the server that is to be upgraded holds sockets there, and --reuse-port would lose what waits in them; stop it, and start anew";
    throw new ListenError(`Cannot let workers bind ${addressText(held)} by themselves: ${reason}`, "ENOTSUP", false);
  }
  const name = `tcp/${bound.host}/${bound.port}`;
  const lock = inheritance.takeLock(lockName(name)) ?? takeLock(c, name, held);
  if (!listens) return reserved(c, held, first, lock);
  for (const socket of sockets) c.listen(socket, options.backlog);
  const mode = c.get(first, OPTION.reusePort) === 1 ? "slots" : "shared";
  return heldSlots(c, { address: held, bound, backlog: options.backlog, mode, open: [...sockets], lock });
}

/** Keeps the address for workers that bind by themselves: a bound socket that never listens gets no connections. */
function reserve(c: Libc, address: Tcp, at: Internet): Held {
  const fd = bindAlone();
  const bound = c.nameOf(fd) as Internet;
  const held = { ...address, port: bound.port };
  const lock = guard([fd], () => takeLock(c, `tcp/${bound.host}/${bound.port}`, held));
  return reserved(c, held, fd, lock);

  // Without SO_REUSEADDR, nobody else can bind beside it who has not SO_REUSEPORT. With it, connections of an ended server that are still
  // waiting for their end (TIME_WAIT) are no hindrance.
  function bindAlone(): number {
    const bind = (reuse: boolean) =>
      attempt(c, address, at, (fd) => {
        if (reuse) c.set(fd, OPTION.reuseAddress, 1);
        c.bind(fd, at);
        c.set(fd, OPTION.reusePort, 1);
      });
    try {
      return bind(false);
    } catch (error) {
      if ((error as ListenError).code !== "EADDRINUSE") throw error;
      return bind(true);
    }
  }
}

function reserved(c: Libc, address: Address, fd: number, lock: number): Held {
  const close = once(() => [fd, lock].forEach(c.close));
  return { address, mode: "reuse-port", descriptor: () => null, descriptors: () => [fd, lock], close, abandon: close };
}

/** Without the C library nothing can be held: we only make sure that nobody has the address now. */
async function probe(address: Tcp): Promise<Held> {
  const { createServer } = await import("node:net");
  const server = createServer();
  const host = address.host === "" ? "0.0.0.0" : address.host;
  const port = await new Promise<number>((resolve, reject) => {
    server.once("error", (error) => reject(explain(error, address)));
    server.listen({ host, port: address.port, exclusive: true }, () => resolve((server.address() as { port: number }).port));
  });
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return { address: { ...address, port }, mode: "reuse-port", descriptor: () => null, descriptors: () => [], close: () => {}, abandon: () => {} };
}

/** One socket for all workers. The lock stands for the place in the file system, whatever name it was reached by. */
function unixSocket(c: Libc, path: string, options: HoldOptions, inheritance: Inheritance | null): Held {
  const address = { kind: "unix", path } as const;
  const reason = tooLong(path);
  if (reason !== null) throw reason;
  const at = { family: "unix", path } as const;
  const [before] = inheritance?.take(at) ?? [];
  const name = `unix/${placeOf(path)}`;
  const lock = (before === undefined ? null : inheritance!.takeLock(lockName(name))) ?? takeLock(c, name, address);
  const fd = before ?? guard([lock], () => newUnixSocket(c, at, options));
  if (before !== undefined) c.listen(before, options.backlog);
  const ours = lstatSync(path, { throwIfNoEntry: false });
  const abandon = once(() => [fd, lock].forEach(c.close));
  return {
    address,
    mode: "shared",
    descriptor: () => fd,
    descriptors: () => [fd, lock],
    close: () => {
      const isOthers = before !== undefined && inheritance!.parentLives();
      const now = isOthers ? undefined : lstatSync(path, { throwIfNoEntry: false });
      if (now && ours && now.ino === ours.ino && now.dev === ours.dev) unlinkSync(path);
      abandon();
    },
    abandon,
  };
}

function newUnixSocket(c: Libc, at: Extract<SocketAddress, { family: "unix" }>, { backlog, umask = 0, owner }: HoldOptions): number {
  const { path } = at;
  removeStale(c, path);
  // The mode is right from the first moment: there is never a socket that the wrong people may connect to. Until it listens, nobody can.
  const before = process.umask(umask);
  try {
    return attempt(c, { kind: "unix", path }, at, (fd) => {
      c.bind(fd, at);
      if (owner) chownSync(path, owner.uid, owner.gid);
      c.listen(fd, backlog);
    });
  } finally {
    process.umask(before);
  }
}

export function tooLong(path: string): ListenError | null {
  if (new TextEncoder().encode(path).length < PATH_ROOM) return null;
  return new ListenError(`Cannot listen at unix:${path}: a unix socket's path has at most ${PATH_ROOM - 1} bytes`, "ENAMETOOLONG", false);
}

export function placeOf(path: string): string {
  try {
    const { dev, ino } = statSync(dirname(resolve(path)));
    return `${dev}/${ino}/${basename(path)}`;
  } catch (error) {
    throw explain(error, { kind: "unix", path });
  }
}

/** A socket that nobody listens at is what a killed server leaves behind. Anything else at that path is somebody's, and stays. */
function removeStale(c: Libc, path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) {
    const kind = found.isSymbolicLink() ? "a symbolic link" : found.isDirectory() ? "a directory" : "a file";
    throw new ListenError(`Cannot listen at unix:${path}: there is ${kind} that is not a socket; remove it, or choose another path`, "EEXIST", false);
  }
  const fd = c.socket(FAMILY.unix);
  try {
    c.connect(fd, { family: "unix", path });
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ECONNREFUSED") return unlinkSync(path);
    if (code === "ENOENT") return;
    if (code !== "EAGAIN") throw explain(error, { kind: "unix", path });
  } finally {
    c.close(fd);
  }
  throw new ListenError(`Connection in use: ${path}`, "EADDRINUSE", true);
}

/** A socket that a service manager or a parent opened for us. */
function inherited(c: Libc, { fd, number }: { readonly fd: number; readonly number: number }, { backlog }: HoldOptions): Held {
  const refuse = (reason: string) => new ListenError(`Cannot listen at fd://${number}: ${reason}`, "EBADF", false);
  const name = c.nameOf(fd);
  const STREAM = 1;
  if (name === null) throw refuse("that descriptor is not an open socket; was it handed to this process?");
  if (c.get(fd, OPTION.type) !== STREAM) throw refuse("that socket is not a stream socket");
  if (name.family === "unix" ? name.path === "" : name.port === 0) throw refuse("that socket is not bound to an address");
  try {
    if (c.get(fd, OPTION.accepting) !== 1) c.listen(fd, backlog);
    c.nonBlocking(fd);
    c.closeOnExec(fd);
  } catch (error) {
    throw refuse((error as Error).message);
  }
  const address: Address = name.family === "unix" ? { kind: "unix", path: name.path } : { kind: "tcp", host: name.host, port: name.port };
  const close = once(() => c.close(fd));
  return { address, mode: "shared", number, descriptor: () => fd, descriptors: () => [fd], close, abandon: close };
}

/** Opens a socket and does `use` with it; closes it if that throws. */
function attempt(c: Libc, address: Address, at: SocketAddress, use: (fd: number) => void): number {
  try {
    const fd = c.socket(FAMILY[at.family]);
    guard([fd], () => use(fd));
    return fd;
  } catch (error) {
    throw explain(error, address);
  }
}

function takeLock(c: Libc, name: string, address: Address): number {
  return attempt(c, address, { family: "unix", path: "" }, (fd) => c.bind(fd, { family: "unix", path: lockName(name) }));
}

export function lockName(name: string): string {
  return `${LOCK_PREFIX}${name}`.slice(0, PATH_ROOM - 1);
}

function guard<T>(descriptors: readonly number[], run: () => T): T {
  try {
    return run();
  } catch (error) {
    descriptors.forEach(requireLibc().close);
    throw error;
  }
}

export function explain(error: unknown, address: Address): ListenError {
  if (error instanceof ListenError) return error;
  const { code = "EUNKNOWN", message } = error as { code?: string; message: string };
  const text = addressText(address);
  const python = address.kind === "tcp" ? `('${address.host}', ${address.port})` : address.kind === "unix" ? address.path : text;
  if (code === "EADDRINUSE") return new ListenError(`Connection in use: ${python}`, code, true);
  if (code === "EADDRNOTAVAIL") return new ListenError(`Invalid address: ${python}`, code, true);
  const cannot = (why: string) => new ListenError(`Cannot listen at ${text}: ${why} (${code})`, code, false);
  if (address.kind === "unix") {
    if (code === "ENOENT") return cannot(`there is no directory ${dirname(resolve(address.path))}, create it`);
    if (code === "EACCES" || code === "EPERM") return cannot(`this process may not write to it or to its directory ${dirname(resolve(address.path))}`);
    if (code === "EPROTOTYPE") return cannot("a socket of another type has that path");
  } else if (code === "EACCES" && address.kind === "tcp") {
    return cannot(
      `ports below ${lowestPort()} need the capability CAP_NET_BIND_SERVICE; choose a higher port, ` +
        "give the capability, or lower the sysctl net.ipv4.ip_unprivileged_port_start",
    );
  } else if (code === "EAFNOSUPPORT") {
    return cannot("this system has no IPv6");
  }
  return new ListenError(`Cannot listen at ${text}: ${message}`, code, false);
}

function lowestPort(): number {
  try {
    return Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"));
  } catch {
    return 1024; // What it was before there was such a sysctl.
  }
}

export function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    run();
  };
}
