/**
 * The system calls that the listener needs, through the runtime's FFI: 64-bit little-endian Linux, glibc or musl.
 *
 * Every call throws a {@linkcode SystemError} that names the call and the errno. errno is thread-local memory: its address is taken once
 * per thread, and read as plain memory right after the call, because a second foreign call could change it.
 *
 * Buffers are made by `bytes()`, outside the JavaScript heap: V8 moves small typed arrays, and the kernel would write to where they were.
 */
import { constants, endianness } from "node:os";
import process from "node:process";
import { runtime } from "./current.ts";
import type { CFunction, CSignature, Ffi } from "./runtime.ts";
import type { SocketAddress } from "./socket_address.ts";
import { decodeAddress, encodeAddress } from "./socket_address.ts";

const NAMES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1", "libc.so"];

/** What Linux calls AF_*, the same number on every architecture. */
export const FAMILY = { unix: 1, v4: 2, v6: 10 } as const;
const AF_NETLINK = 16;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK = 0o4000;
const CLOEXEC = 0o2000000; // O_CLOEXEC and SOCK_CLOEXEC are one number.
const NONBLOCK = 0o4000;
const [F_GETFD, F_SETFD, F_GETFL, F_SETFL] = [1, 2, 3, 4];
const F_DUPFD_CLOEXEC = 1030;
const FD_CLOEXEC = 1;
const MSG_PEEK = 2;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const [EPOLL_CTL_ADD, EPOLL_CTL_DEL] = [1, 2];
const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const WNOHANG = 1;
const SIG_IGN = 1n;
const SIG_ERR = 0xffffffffffffffffn;
const MFD_CLOEXEC = 1;
const [PROT_READ, PROT_WRITE, MAP_SHARED] = [1, 2, 1];
const CLOCK_MONOTONIC = 1;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** Options of sockets, as level and name. */
export const OPTION = {
  reuseAddress: [SOL_SOCKET, 2],
  type: [SOL_SOCKET, 3],
  /** Reading it clears it. */
  error: [SOL_SOCKET, 4],
  reusePort: [SOL_SOCKET, 15],
  accepting: [SOL_SOCKET, 30],
  tcpInfo: [6, 11],
} as const satisfies Record<string, readonly [number, number]>;

export class SystemError extends Error {
  override readonly name = "SystemError";
  readonly code: string;
  constructor(call: string, errno: number) {
    const code = ERRNO.get(errno) ?? `errno ${errno}`;
    super(`${call}: ${code}`);
    this.code = code;
  }
}

const ERRNO: ReadonlyMap<number, string> = new Map(Object.entries(constants.errno).reverse().map(([name, number]) => [number, name]));

/** How an epoll watches a descriptor: what epoll_ctl(2) was told. */
export interface Registration {
  readonly epoll: number;
  readonly events: number;
  readonly data: bigint;
}

export interface Libc {
  /** A non-blocking socket, closed on exec; a stream if nothing else is said. */
  socket(family: number, type?: "stream" | "dgram"): number;
  bind(fd: number, address: SocketAddress): void;
  /** Does not wait: EAGAIN says that a unix socket's queue is full. */
  connect(fd: number, address: SocketAddress): void;
  listen(fd: number, backlog: number): void;
  set(fd: number, option: readonly [number, number], value: number): void;
  /** A number, or null if the descriptor has no such option (or is no socket, or has gone). */
  get(fd: number, option: readonly [number, number]): number | null;
  /** Fills `into`; how many bytes came, or null as for `get`. */
  read(fd: number, option: readonly [number, number], into: Uint8Array): number | null;
  /** What the socket is bound to, or null if it is no socket. */
  nameOf(fd: number): SocketAddress | null;
  /** Who is at the other end, or null. */
  peerOf(fd: number): SocketAddress | null;
  shutdown(fd: number): void;
  /** Sends the first `length` bytes; how many were taken. Does not wait: EAGAIN says that nothing more is taken now. */
  send(fd: number, from: Uint8Array, length: number): number;
  /** Whether the other end of a stream has closed it. */
  isClosed(fd: number): boolean;
  close(fd: number): void;
  /** Makes `to` mean what `from` means, closed on exec; what `to` meant is closed. */
  replace(from: number, to: number): void;
  nonBlocking(fd: number): void;
  closeOnExec(fd: number): void;
  /** Another descriptor that means the same, closed on exec. */
  duplicate(fd: number): number;
  watch(fd: number, registration: Registration): void;
  /** No error if the descriptor is not watched. */
  unwatch(fd: number, registration: Registration): void;
  /** A unix socket for datagrams, closed on exec. */
  datagramSocket(): number;
  /** Does not wait: EAGAIN says that the receiver's queue is full. */
  sendTo(fd: number, data: Uint8Array<ArrayBuffer>, to: SocketAddress): void;
  /** A socket to ask the kernel by, closed on exec. */
  netlinkSocket(protocol: number): number;
  /** Fills `into` from its beginning; how many bytes came. Does not wait: EAGAIN says that there is nothing. */
  receive(fd: number, into: Uint8Array): number;
  /** Two connected sockets that keep messages apart, both closed on exec. */
  socketPair(): [number, number];
  /** Sends one message to a unix datagram socket, without waiting: EAGAIN says that its queue is full. */
  sendDatagram(to: SocketAddress, message: Uint8Array): void;
  /** Neither waits: EAGAIN says that the queue is full, or empty. */
  sendDescriptors(fd: number, descriptors: readonly number[]): void;
  receiveDescriptors(fd: number, most: number): number[];
  /** Has the kernel send `signal` to this process when the thread that started it ends. */
  signalOnParentDeath(signal: number): void;
  parent(): number;
  /** Takes note of the end of a child; no error if it lives, or is none. */
  bury(pid: number): void;
  /** Has the kernel drop `signal` for this process; a handler is gone then. */
  ignore(signal: number): void;
  /** This process becomes user `uid` with group `gid` and all groups that `name` is a member of, for good. */
  become(name: string, uid: number, gid: number): void;
  /** A file of `length` zeros that is in no directory, closed on exec. `name` is for those who look into /proc. */
  anonymousFile(name: string, length: number): number;
  /** Milliseconds on the monotonic clock, from another zero than performance.now()'s. */
  clock(): number;
  /** How many minutes local time is ahead of UTC at `at`, in milliseconds since 1970. */
  minutesAhead(at: number): number;
  /** The memory of a file, shared with everybody who maps it. */
  map(fd: number, length: number): Mapped;
}

/** Memory that is there until `unmap`; touching `bytes` afterwards ends the process. */
export interface Mapped {
  readonly bytes: Uint8Array;
  unmap(): void;
}

const I = "i32";
/** In struct tm, behind nine ints: seconds, which fit into the lower half. */
const TM_GMTOFF = 40;

const SYMBOLS = {
  __errno_location: { parameters: [], result: "pointer" },
  socket: { parameters: [I, I, I], result: I },
  bind: { parameters: [I, "buffer", "u32"], result: I },
  connect: { parameters: [I, "buffer", "u32"], result: I },
  listen: { parameters: [I, I], result: I },
  setsockopt: { parameters: [I, I, I, "buffer", "u32"], result: I },
  getsockopt: { parameters: [I, I, I, "buffer", "buffer"], result: I },
  getsockname: { parameters: [I, "buffer", "buffer"], result: I },
  getpeername: { parameters: [I, "buffer", "buffer"], result: I },
  shutdown: { parameters: [I, I], result: I },
  close: { parameters: [I], result: I },
  dup3: { parameters: [I, I, I], result: I },
  fcntl: { parameters: [I, I, I], result: I },
  epoll_ctl: { parameters: [I, I, I, "buffer"], result: I },
  socketpair: { parameters: [I, I, I, "buffer"], result: I },
  sendto: { parameters: [I, "buffer", "u64", I, "buffer", "u32"], result: "i64" },
  send: { parameters: [I, "buffer", "u64", I], result: "i64" },
  recv: { parameters: [I, "buffer", "u64", I], result: "i64" },
  sendmsg: { parameters: [I, "buffer", I], result: "i64" },
  recvmsg: { parameters: [I, "buffer", I], result: "i64" },
  prctl: { parameters: [I, "u64", "u64", "u64", "u64"], result: I },
  waitpid: { parameters: [I, "buffer", I], result: I },
  getppid: { parameters: [], result: I },
  signal: { parameters: [I, "u64"], result: "u64" },
  initgroups: { parameters: ["buffer", "u32"], result: I },
  setgid: { parameters: ["u32"], result: I },
  setuid: { parameters: ["u32"], result: I },
  memfd_create: { parameters: ["buffer", "u32"], result: I },
  ftruncate: { parameters: [I, "i64"], result: I },
  mmap: { parameters: ["pointer", "u64", I, I, I, "i64"], result: "pointer" },
  clock_gettime: { parameters: [I, "buffer"], result: I },
  localtime_r: { parameters: ["buffer", "buffer"], result: "pointer" },
  munmap: { parameters: ["pointer", "u64"], result: I },
} as const satisfies Record<string, CSignature>;

/** The C library, or the reason why it cannot be called. */
export const libc: Libc | Error = find();

/** The C library. Throws the reason why it cannot be called. */
export function requireLibc(): Libc {
  if (libc instanceof Error) throw libc;
  return libc;
}

/** Memory that does not move. */
export function bytes(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(length));
}

function find(): Libc | Error {
  if (process.platform !== "linux") return new Error(`Cannot hand sockets to workers on ${process.platform}: only Linux is supported`);
  if (!["x64", "arm64"].includes(process.arch) || endianness() !== "LE") {
    return new Error(`Cannot hand sockets to workers on ${process.arch}: only x64 and arm64 are supported`);
  }
  try {
    return open(runtime.ffi);
  } catch (error) {
    return new Error(`Cannot call the C library: ${(error as Error).message}`, { cause: error });
  }
}

function open(ffi: Ffi): Libc {
  const c = ffi.open(NAMES, SYMBOLS);
  const memory = ffi.memory(BigInt(c.__errno_location()), 4);
  const errno = new Int32Array(memory.buffer, memory.byteOffset, 1);
  const number = bytes(4);
  const length = bytes(4);
  const name = bytes(128);
  const time = bytes(16);
  // Seconds and nanoseconds are 64 bits wide, and fit into the lower halves for 136 years.
  const halves = new Uint32Array(time.buffer);

  function check(call: string, result: number | bigint): number {
    if (result < 0) throw new SystemError(call, errno[0] ?? 0);
    return Number(result);
  }

  function read(fd: number, [level, option]: readonly [number, number], into: Uint8Array): number | null {
    writeInt(length, into.length);
    return c.getsockopt(fd, level, option, into, length) === 0 ? readInt(length) : null;
  }

  function address(call: CFunction, fd: number): SocketAddress | null {
    writeInt(length, name.length);
    return call(fd, name, length) === 0 ? decodeAddress(name.subarray(0, readInt(length))) : null;
  }

  function addFlag(fd: number, get: number, set: number, flag: number): void {
    const flags = check("fcntl", c.fcntl(fd, get, 0));
    if ((flags & flag) === 0) check("fcntl", c.fcntl(fd, set, flags | flag));
  }

  return {
    socket: (family, type) => check("socket", c.socket(family, (type === "dgram" ? SOCK_DGRAM : SOCK_STREAM) | CLOEXEC | SOCK_NONBLOCK, 0)),
    bind: (fd, to) => {
      const encoded = encodeAddress(to);
      check("bind", c.bind(fd, encoded, encoded.length));
    },
    connect: (fd, to) => {
      const encoded = encodeAddress(to);
      check("connect", c.connect(fd, encoded, encoded.length));
    },
    listen: (fd, backlog) => void check("listen", c.listen(fd, backlog)),
    set: (fd, [level, option], value) => {
      writeInt(number, value);
      check("setsockopt", c.setsockopt(fd, level, option, number, 4));
    },
    get: (fd, option) => (read(fd, option, number) === null ? null : readInt(number)),
    read,
    nameOf: (fd) => address(c.getsockname, fd),
    peerOf: (fd) => address(c.getpeername, fd),
    shutdown: (fd) => void check("shutdown", c.shutdown(fd, 2)),
    send: (fd, from, count) => check("send", c.send(fd, from, BigInt(count), MSG_DONTWAIT | MSG_NOSIGNAL)),
    isClosed: (fd) => Number(c.recv(fd, number, 1n, MSG_PEEK | MSG_DONTWAIT)) === 0,
    close: (fd) => void check("close", c.close(fd)),
    replace: (from, to) => void check("dup3", c.dup3(from, to, CLOEXEC)),
    nonBlocking: (fd) => addFlag(fd, F_GETFL, F_SETFL, NONBLOCK),
    duplicate: (fd) => check("fcntl", c.fcntl(fd, F_DUPFD_CLOEXEC, 3)),
    closeOnExec: (fd) => addFlag(fd, F_GETFD, F_SETFD, FD_CLOEXEC),
    watch: (fd, registration) => void check("epoll_ctl", c.epoll_ctl(registration.epoll, EPOLL_CTL_ADD, fd, epollEvent(registration))),
    unwatch: (fd, registration) => {
      const result = c.epoll_ctl(registration.epoll, EPOLL_CTL_DEL, fd, epollEvent(registration));
      if (result !== 0 && errno[0] !== constants.errno.ENOENT) check("epoll_ctl", result);
    },
    datagramSocket: () => check("socket", c.socket(FAMILY.unix, SOCK_DGRAM | CLOEXEC | SOCK_NONBLOCK, 0)),
    sendTo: (fd, data, to) => {
      const encoded = encodeAddress(to);
      const unmoved = bytes(data.length);
      unmoved.set(data);
      check("sendto", c.sendto(fd, unmoved, BigInt(data.length), MSG_DONTWAIT | MSG_NOSIGNAL, encoded, encoded.length));
    },
    netlinkSocket: (protocol) => check("socket", c.socket(AF_NETLINK, SOCK_RAW | CLOEXEC | SOCK_NONBLOCK, protocol)),
    receive: (fd, into) => check("recv", c.recv(fd, into, BigInt(into.length), MSG_DONTWAIT)),
    socketPair: () => {
      const pair = bytes(8);
      check("socketpair", c.socketpair(FAMILY.unix, SOCK_SEQPACKET | CLOEXEC, 0, pair));
      return [readInt(pair, 0), readInt(pair, 4)];
    },
    sendDatagram: (to, message) => {
      const encoded = encodeAddress(to);
      const still = bytes(message.length);
      still.set(message);
      const fd = check("socket", c.socket(FAMILY[to.family], SOCK_DGRAM | CLOEXEC | SOCK_NONBLOCK, 0));
      try {
        check("sendto", c.sendto(fd, still, BigInt(still.length), MSG_DONTWAIT | MSG_NOSIGNAL, encoded, encoded.length));
      } finally {
        c.close(fd);
      }
    },
    sendDescriptors: (fd, descriptors) => {
      const message = rightsMessage(ffi, descriptors.length);
      descriptors.forEach((descriptor, i) => writeInt(message.control, descriptor, 16 + i * 4));
      check("sendmsg", c.sendmsg(fd, message.header, MSG_DONTWAIT | MSG_NOSIGNAL));
    },
    receiveDescriptors: (fd, most) => {
      const message = rightsMessage(ffi, most);
      const received = check("recvmsg", c.recvmsg(fd, message.header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
      return received === 0 ? [] : message.descriptors();
    },
    signalOnParentDeath: (signal) => void check("prctl", c.prctl(PR_SET_PDEATHSIG, BigInt(signal), 0n, 0n, 0n)),
    bury: (pid) => void c.waitpid(pid, number, WNOHANG),
    parent: () => Number(c.getppid()),
    ignore: (signal) => void check("signal", BigInt(c.signal(signal, SIG_IGN)) === SIG_ERR ? -1 : 0),
    become: (user, uid, gid) => {
      const text = new TextEncoder().encode(user);
      const terminated = bytes(text.length + 1);
      terminated.set(text);
      check("initgroups", c.initgroups(terminated, gid));
      check("setgid", c.setgid(gid));
      check("setuid", c.setuid(uid));
      // Without it, /proc/self belongs to root from now on, and adoption reads there.
      check("prctl", c.prctl(PR_SET_DUMPABLE, 1n, 0n, 0n, 0n));
    },
    anonymousFile: (name, size) => {
      const named = bytes(name.length + 1);
      new TextEncoder().encodeInto(name, named);
      const fd = check("memfd_create", c.memfd_create(named, MFD_CLOEXEC));
      check("ftruncate", c.ftruncate(fd, BigInt(size)));
      return fd;
    },
    clock: () => {
      c.clock_gettime(CLOCK_MONOTONIC, time);
      return halves[0]! * 1000 + halves[2]! / 1e6;
    },
    minutesAhead: (at) => {
      const seconds = bytes(8);
      const local = bytes(64);
      new DataView(seconds.buffer).setBigInt64(0, BigInt(Math.floor(at / 1000)), true);
      c.localtime_r(seconds, local);
      return Math.floor(readInt(local, TM_GMTOFF) / 60);
    },
    map: (fd, size) => {
      const address = BigInt.asUintN(64, BigInt(c.mmap(0n, BigInt(size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0n)));
      if (address === MAP_FAILED) check("mmap", -1);
      return { bytes: ffi.memory(address, size), unmap: () => void check("munmap", c.munmap(address, BigInt(size))) };
    },
  };
}

/** struct epoll_event: packed on x86-64 only. */
function epollEvent({ events, data }: Registration): Uint8Array {
  const packed = process.arch === "x64";
  const event = bytes(packed ? 12 : 16);
  const view = new DataView(event.buffer);
  view.setUint32(0, events, true);
  view.setBigUint64(packed ? 4 : 8, data, true);
  return event;
}

interface RightsMessage {
  readonly header: Uint8Array;
  readonly control: Uint8Array;
  /** Held here so that no collection takes them while the kernel has their addresses. */
  readonly parts: readonly Uint8Array[];
  /** What came, after recvmsg. */
  descriptors(): number[];
}

/** A struct msghdr with one byte of data and room for `count` descriptors. glibc and musl lay it out alike on little-endian systems. */
function rightsMessage(ffi: Ffi, count: number): RightsMessage {
  const size = 16 + count * 4;
  const [header, vector, data, control] = [bytes(56), bytes(16), bytes(1), bytes(Math.ceil(size / 8) * 8)];
  const vectorView = new DataView(vector.buffer);
  vectorView.setBigUint64(0, ffi.addressOf(data), true);
  vectorView.setBigUint64(8, 1n, true);
  const view = new DataView(header.buffer);
  view.setBigUint64(16, ffi.addressOf(vector), true);
  view.setBigUint64(24, 1n, true);
  view.setBigUint64(32, ffi.addressOf(control), true);
  view.setBigUint64(40, BigInt(control.length), true);
  writeInt(control, size, 0);
  writeInt(control, SOL_SOCKET, 8);
  writeInt(control, SCM_RIGHTS, 12);
  return {
    header,
    control,
    parts: [vector, data],
    descriptors: () => {
      if (view.getBigUint64(40, true) < 16n) return [];
      const came = (readInt(control, 0) - 16) / 4;
      return Array.from({ length: came }, (_, i) => readInt(control, 16 + i * 4));
    },
  };
}

function readInt(from: Uint8Array, offset = 0): number {
  return new DataView(from.buffer, from.byteOffset).getInt32(offset, true);
}

function writeInt(to: Uint8Array, value: number, offset = 0): void {
  new DataView(to.buffer, to.byteOffset).setInt32(offset, value, true);
}
