/**
 * The worker's side of the listener port: has the runtime's native server serve a listening socket that the arbiter opened.
 *
 * Deno.serve and Bun.serve cannot be given a socket. So one is started at a throw-away address, and its listening descriptor is made to
 * mean the inherited socket instead (dup3), watched by the same epoll with the same events and data. Each step looks at what the kernel
 * says of this process, and throws what it did not find; nothing is guessed. The self-test shows that a connection is answered.
 *
 * Taking the descriptor out of that epoll stops accepting without closing anything: what is queued stays in the kernel's queue, for
 * whoever else holds the socket, or for us when it is put back. Meanwhile the descriptor means a socket that nobody knows: Bun calls the
 * handler between one accept() and the next, and must not get what came in that moment.
 */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Address, Served } from "../core/arbiter/listener.ts";
import type { Millis, ServeOptions } from "../core/arbiter/process.ts";
import { bytes, FAMILY, libc, type Libc, OPTION, type Registration, requireLibc } from "./libc.ts";
import type { NativeServeOptions, NativeServer, Runtime } from "./runtime.ts";
import { closeSlow } from "./slow_clients.ts";
import type { SocketAddress } from "./socket_address.ts";

export interface AdoptOptions extends ServeOptions {
  readonly whenEnding?: NonNullable<NativeServeOptions["whenEnding"]>;
}

/** How long the self-test waits for an answer. */
const ANSWER: Millis = 2000;

/**
 * Serves the listening socket `inherited`, which stays open and the caller's: one socket may be adopted by several servers, again after
 * `close()`, and beside others. Rejects with what could not be done.
 */
export async function adopt(runtime: Runtime, inherited: number, options: AdoptOptions): Promise<Served> {
  if (runtime.native) return await runtime.native.adopt(inherited, options);
  const c = requireLibc();
  const address = c.nameOf(inherited);
  if (address === null || c.get(inherited, OPTION.accepting) !== 1) {
    throw new Error(`Cannot adopt descriptor ${inherited}: it is not a listening socket`);
  }
  c.nonBlocking(inherited); // Otherwise accept() would stop the whole process whenever somebody else was quicker.
  const { server, descriptor, forget } = await throwAway(c, runtime, address, options);
  try {
    const registration = registrationOf(descriptor);
    c.replace(inherited, descriptor); // The throw-away socket is closed by this, and leaves its epoll by itself.
    c.watch(descriptor, registration);
    return served(c, server, { descriptor, registration, address });
  } catch (error) {
    await server.stop(true);
    throw error;
  } finally {
    forget();
  }
}

/**
 * Binds `address` beside others that do the same, and serves it. Without the C library, `pause`, `resume` and `leave` do nothing, so that
 * connections queued here at the end are lost: the price of this mode.
 */
export async function bindReusePort(runtime: Runtime, address: Address, options: AdoptOptions & { readonly backlog: number }): Promise<Served> {
  if (address.kind !== "tcp") throw new Error(`Cannot bind ${address.kind === "unix" ? address.path : `fd://${address.fd}`} in every worker: only a TCP address can be shared so`);
  const host = address.host === "" ? "0.0.0.0" : address.host;
  if (runtime.native) return await runtime.native.bind({ host, port: address.port }, options);
  const { backlog, ...rest } = options;
  // Another thread of this process may have bound the same.
  const before = new Set(libc instanceof Error ? [] : listeners(libc));
  const server = await runtime.serve({ ...rest, at: { host, port: address.port, reusePort: true, backlog } });
  if (libc instanceof Error) return served(null, server, null);
  await turn();
  const c = libc;
  const descriptor = listeners(c).find((fd) => !before.has(fd) && portOf(c.nameOf(fd)) === server.port);
  const bound = descriptor === undefined ? null : c.nameOf(descriptor);
  if (descriptor === undefined || bound === null) return served(null, server, null);
  c.listen(descriptor, backlog); // Once more: Bun has no option for it.
  return served(c, server, { descriptor, registration: registrationOf(descriptor), address: bound });
}

/** Adopts a private socket and asks it something. Rejects with the reason why inherited sockets cannot be served here. */
export async function selfTest(runtime: Runtime): Promise<void> {
  if (runtime.native) return;
  const c = requireLibc();
  const fd = c.socket(FAMILY.v4);
  try {
    c.bind(fd, { family: "v4", host: "127.0.0.1", port: 0 });
    c.listen(fd, 8);
    const answer = () => new Response("adopted");
    const one = await adopt(runtime, fd, { handler: answer, onError: answer, keepAlive: 1 });
    try {
      await ask(c, c.nameOf(fd)!);
    } finally {
      await one.close(0);
    }
  } finally {
    c.close(fd);
  }
}

interface Adopted {
  readonly descriptor: number;
  readonly registration: Registration;
  readonly address: SocketAddress;
}

/** The epoll of this thread's loop, known once it has served something: it watches all connections of the thread. */
export function ownEpoll(): number | null {
  return epoll;
}

let epoll: number | null = null;

function served(c: Libc, server: NativeServer, adopted: Adopted): Served;
function served(c: null, server: NativeServer, adopted: null): Served;
function served(c: Libc | null, server: NativeServer, adopted: Adopted | null): Served {
  epoll = adopted?.registration.epoll ?? epoll;
  // "gone": the descriptor's number may mean something else by now, so it is not touched again.
  let phase: "accepting" | "paused" | "left" | "gone" = "accepting";
  let closing: Promise<void> | undefined;
  const port = portOf(adopted?.address ?? null);
  const watch = c && adopted && server.slow && port !== undefined ? closeSlow(c, adopted.registration.epoll, { ...server.slow, port, descriptor: adopted.descriptor }) : undefined;
  const over = server.finished.then((error) => {
    const wasClosed = closing !== undefined;
    phase = "gone";
    stand?.close();
    watch?.stop();
    return wasClosed ? undefined : (error ?? new Error("The native server ended"));
  });

  const stand = c && adopted ? new StandIn(c, adopted.descriptor) : null;
  const pause = () => {
    if (phase !== "accepting") return;
    if (c && adopted) c.unwatch(adopted.descriptor, adopted.registration);
    stand?.enter();
    phase = "paused";
  };
  return {
    madeUpHost: server.port === undefined ? null : `localhost:${server.port}`,
    pause,
    resume: () => {
      if (phase !== "paused") return;
      stand?.leave();
      if (c && adopted) c.watch(adopted.descriptor, adopted.registration);
      phase = "accepting";
    },
    leave: () => {
      pause();
      if (phase !== "paused") return;
      stand?.close();
      phase = "left";
    },
    close: (deadline) => {
      pause();
      closing ??= stop(server, deadline).finally(() => {
        phase = "gone";
        stand?.close();
        watch?.stop();
      });
      return closing;
    },
    ended: over,
  };
}

/** Graceful, and hard at the deadline: Bun's stop() waits for silent connections and WebSockets, for ever if need be. */
async function stop(server: NativeServer, deadline: Millis): Promise<void> {
  if (deadline <= 0) return await server.stop(true);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<"late">((resolve) => (timer = setTimeout(resolve, deadline, "late")));
  const outcome = await Promise.race([server.stop(false), late]);
  clearTimeout(timer);
  if (outcome === "late") await server.stop(true);
}

/**
 * What a server has in the place of its listener while it must not accept: it goes on believing that it owns one, and will close it in the
 * end. It is a socket that nobody knows and that listens, since Deno ends its server when accept() fails with anything but "nobody is there".
 */
class StandIn {
  readonly #libc: Libc;
  readonly #descriptor: number;
  // Both are there from the beginning: a worker pauses when it has no descriptor left.
  readonly #listener: number;
  readonly #nobody: number;
  #isOpen = true;

  constructor(c: Libc, descriptor: number) {
    this.#libc = c;
    this.#descriptor = descriptor;
    this.#nobody = unknownListener(c);
    this.#listener = c.duplicate(descriptor);
  }

  enter(): void {
    if (this.#isOpen) this.#libc.replace(this.#nobody, this.#descriptor);
  }

  leave(): void {
    if (this.#isOpen) this.#libc.replace(this.#listener, this.#descriptor);
  }

  /** The listener is given up; whoever stands in for it stays in its place. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#libc.close(this.#listener);
    this.#libc.close(this.#nobody);
  }
}

function unknownListener(c: Libc): number {
  const fd = c.socket(FAMILY.unix);
  try {
    c.bind(fd, { family: "unix", path: "" });
    c.listen(fd, 1);
    return fd;
  } catch (error) {
    c.close(fd);
    throw error;
  }
}

interface ThrowAway {
  readonly server: NativeServer;
  readonly descriptor: number;
  /** Removes what it left in the file system. */
  readonly forget: () => void;
}

/** A native server of the same kind of address, and the descriptor it listens at. */
async function throwAway(c: Libc, runtime: Runtime, address: SocketAddress, options: AdoptOptions): Promise<ThrowAway> {
  const directory = address.family === "unix" ? temporaryDirectory() : null;
  const forget = () => {
    if (directory !== null) rmSync(directory, { recursive: true, force: true });
  };
  let server: NativeServer | undefined;
  try {
    const path = directory === null ? null : join(directory, "s");
    server = await runtime.serve({ ...options, at: path === null ? { host: address.family === "v6" ? "::1" : "127.0.0.1", port: 0 } : { path } });
    await turn();
    const { port } = server;
    const descriptor = listeners(c).find((fd) => {
      const name = c.nameOf(fd);
      return name?.family === "unix" ? name.path === path : name !== null && name.port === port;
    });
    if (descriptor === undefined) throw new Error(`Cannot adopt a socket: no descriptor of this process listens at ${path ?? `port ${port}`}, where ${runtime.name} ${runtime.version} says it serves`);
    return { server, descriptor, forget };
  } catch (error) {
    await server?.stop(true);
    forget();
    throw error;
  }
}

/** A unix socket's path is short, and TMPDIR may not be. */
function temporaryDirectory(): string {
  const parent = tmpdir().length < 64 ? tmpdir() : "/tmp";
  return mkdtempSync(join(parent, "tsgi-"));
}

function listeners(c: Libc): number[] {
  return readdirSync("/proc/self/fd").map(Number).filter((fd) => c.get(fd, OPTION.accepting) === 1);
}

function portOf(name: SocketAddress | null): number | undefined {
  return name === null || name.family === "unix" ? undefined : name.port;
}

/** Which epoll of this process watches `descriptor`, and how: the kernel tells in /proc/self/fdinfo. */
function registrationOf(descriptor: number): Registration {
  const wanted = new RegExp(`^tfd:\\s*${descriptor} events:\\s*([0-9a-f]+) data:\\s*([0-9a-f]+)`, "m");
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`) !== "anon_inode:[eventpoll]") continue;
      const found = readFileSync(`/proc/self/fdinfo/${fd}`, "utf8").match(wanted);
      if (found) return { epoll: Number(fd), events: parseInt(found[1]!, 16), data: BigInt(`0x${found[2]}`) };
    } catch {
      // The descriptor that read the directory, or one that another thread closed meanwhile.
    }
  }
  throw new Error(`Cannot adopt a socket: no epoll of this process watches descriptor ${descriptor}, at which its server listens`);
}

/** One turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** By a socket of our own: node:net takes Bun 6 ms to load, and a worker needs it for nothing else. */
async function ask(c: Libc, server: SocketAddress): Promise<void> {
  const fd = c.socket(FAMILY.v4);
  const request = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: self-test\r\nConnection: close\r\n\r\n");
  const answer = bytes(64);
  try {
    attempt(() => c.connect(fd, server));
    const until = performance.now() + ANSWER;
    let sent: number | null = null;
    let received: number | null = null;
    while (received === null) {
      await turn();
      sent ??= attempt(() => c.send(fd, request, request.length));
      received = attempt(() => c.receive(fd, answer));
      if (received === null && performance.now() > until) throw new Error(`no answer within ${ANSWER / 1000} s`);
    }
    if (received === 0) throw new Error("the connection was closed without an answer");
    const text = new TextDecoder().decode(answer.subarray(0, received));
    if (!text.startsWith("HTTP/1.1 200")) throw new Error(`the answer was ${JSON.stringify(text)}`);
  } catch (error) {
    throw new Error(`Cannot serve an inherited socket: ${(error as Error).message}`, { cause: error });
  } finally {
    c.close(fd);
  }
}

/** Null for what would have to wait. */
function attempt<T>(call: () => T): T | null {
  try {
    return call();
  } catch (error) {
    if (["EAGAIN", "EINPROGRESS"].includes((error as { readonly code?: string }).code ?? "")) return null;
    throw error;
  }
}
