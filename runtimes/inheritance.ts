/**
 * What a new arbiter finds that another one started in its place (USR2): the old one's pid in TSGI_PID and, much as in gunicorn, its sockets
 * in TSGI_FD. What each socket is, the kernel says: an address that it is bound to, or the name of a lock.
 *
 * TSGI_FD has the number of the channel that the sockets come over, how many they are, and the N of those that `fd://N` named: they come first.
 * Nothing but the channel is inherited by number, because Deno takes O_NONBLOCK from what it hands to a child, and with that from the
 * socket that workers are accepting from; and it opens whatever it inherits a second time.
 */
import process from "node:process";
import { takeDescriptors } from "./descriptor_channel.ts";
import { requireLibc } from "./libc.ts";
import { LOCK_PREFIX, type SocketAddress } from "./socket_address.ts";

export interface Inheritance {
  /** The old arbiter. */
  readonly parent: number;
  /** Whether it still runs. */
  parentLives(): boolean;
  /** Where to say why this one will not serve, and when it does. */
  readonly status: number;
  /** The sockets that are bound to `at`, in the order of their slots, for one who asks first. Port 0 is any port. */
  take(at: SocketAddress): readonly number[];
  /** What was called `fd://N`. */
  takeNumber(number: number): number | null;
  /** The lock of that name. */
  takeLock(name: string): number | null;
  /** Closes what nobody asked for: the configuration has changed. */
  closeRest(): void;
}

interface Socket {
  readonly descriptor: number;
  readonly number: number | undefined;
  readonly name: SocketAddress;
}

/** What is inherited, or null if nobody was to be replaced. Throws for descriptors that are not what TSGI_FD says. Asked for once. */
export function findInheritance(): Inheritance | null {
  const { TSGI_PID, TSGI_FD = "", TSGI_UPGRADE_STATUS } = process.env;
  for (const name of ["TSGI_PID", "TSGI_FD", "TSGI_UPGRADE_STATUS"]) delete process.env[name];
  if (!TSGI_PID) return null;
  const parent = Number(TSGI_PID);
  const status = Number(TSGI_UPGRADE_STATUS);
  const sockets = receive(TSGI_FD);
  const c = requireLibc();
  c.closeOnExec(status);
  return {
    parent,
    parentLives: () => c.parent() === parent,
    status,
    take: (at) => {
      const first = sockets.find(({ name, number }) => number === undefined && !isLock(name) && isAt(name, at));
      return first === undefined ? [] : pull(({ name, number }) => number === undefined && isSame(name, first.name));
    },
    takeNumber: (wanted) => pull(({ number }) => number === wanted)[0] ?? null,
    takeLock: (wanted) => pull(({ name }) => name.family === "unix" && name.path === wanted)[0] ?? null,
    closeRest: () => pull(() => true).forEach(c.close),
  };

  function pull(wanted: (socket: Socket) => boolean): number[] {
    const found = sockets.filter(wanted);
    for (const socket of found) sockets.splice(sockets.indexOf(socket), 1);
    return found.map(({ descriptor }) => descriptor);
  }
}

function receive(written: string): Socket[] {
  const [channel, count, ...named] = written.split(",").map(Number);
  try {
    const c = requireLibc();
    const descriptors = takeDescriptors(channel!, count!);
    c.closeOnExec(channel!); // It stays open: Deno takes the number for its own, and would mix it up with the file that gets it next.
    return descriptors.map((descriptor, i) => ({ descriptor, number: named[i], name: c.nameOf(descriptor)! }));
  } catch (error) {
    const why = `expected what tsgi itself sets for an upgrade, got ${JSON.stringify(written)}`;
    throw new Error(`Cannot use TSGI_FD: ${why} (${(error as Error).message}); remove it and TSGI_PID from the environment`, { cause: error });
  }
}

function isLock(name: SocketAddress): boolean {
  return name.family === "unix" && name.path.startsWith(LOCK_PREFIX);
}

/** Whether a socket that is bound to `name` is what somebody wants who wants one `at`. Port 0 is any port. */
export function isAt(name: SocketAddress, at: SocketAddress): boolean {
  if (name.family === "unix" || at.family === "unix") return isSame(name, at);
  return name.family === at.family && name.host === canonical(at.host) && (at.port === 0 || at.port === name.port);
}

function isSame(a: SocketAddress, b: SocketAddress): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** As the kernel's address is written: without a zone, the shortest form. */
function canonical(host: string): string {
  return host.includes(":") ? new URL(`http://[${host.split("%")[0]}]`).hostname.slice(1, -1) : host;
}
