/**
 * The listener port: what core asks of the system about sockets. Carried out in runtimes/listener.ts.
 *
 * The arbiter opens sockets and never accepts; a worker's native server adopts a descriptor it was handed. Three modes:
 *
 * - `slots`: one SO_REUSEPORT socket per worker slot, so that the kernel balances evenly and a queue survives its worker (TCP).
 * - `shared`: one socket for all workers (unix sockets, inherited descriptors).
 * - `reuse-port`: workers bind by themselves; the arbiter only keeps the address. For systems without FFI, and on request.
 */

/** Where to listen. `host` has no brackets. */
export type Address =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "fd"; readonly fd: number };

export type ListenMode = "slots" | "shared" | "reuse-port";

/** What an address is called in logs: `http://127.0.0.1:8000`, `https://[::1]:8000`, `unix:/run/app.sock`. */
export function addressText(address: Address, scheme: "http" | "https" = "http"): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  if (address.kind === "fd") return `fd://${address.fd}`;
  return `${scheme}://${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
}

/** One bound address, held by the arbiter. */
export interface Held {
  /** As bound: port 0 has become the port the system gave, `fd://N` the address the descriptor is bound to. */
  readonly address: Address;
  readonly mode: ListenMode;
  /** How many slots it was opened with; absent for one socket. */
  readonly slots?: number;
  /** The descriptor for the worker in `slot`. Slots are opened when first asked for and stay open; null in `reuse-port` mode. */
  descriptor(slot: number): number | null;
  /** Every descriptor that a new arbiter needs to hold the same: the sockets in the order of their slots, and the lock. */
  descriptors(): readonly number[];
  /** The N of `fd://N`: a new arbiter is told of it. */
  readonly number?: number;
  /** Closes every socket, removes the unix socket file if it is still ours and of nobody we inherited it from, and gives the address free. */
  close(): void;
  /** Closes every socket here; whoever else holds them has the address, and the unix socket file stays. */
  abandon(): void;
}

/** Why an address could not be had. `retry` says that waiting may help. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  readonly code: string;
  readonly retry: boolean;
  constructor(message: string, code: string, retry: boolean) {
    super(message);
    this.code = code;
    this.retry = retry;
  }
}

/** A user and a group by number. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface HoldOptions {
  readonly backlog: number;
  /** `adopt` is slots for TCP and one socket for the rest; `shared` is one socket for TCP too. */
  readonly mode: "adopt" | "shared" | "reuse-port";
  /** For a new unix socket, whose mode is 0777 without these bits; 0 as in gunicorn if absent. */
  readonly umask?: number;
  /** Whom a new unix socket is given to. */
  readonly owner?: Owner;
}

/** The arbiter's side. Rejects with {@linkcode ListenError}. */
export type Hold = (address: Address, options: HoldOptions) => Promise<Held>;

/** A handler as the native servers call it: the second argument is Deno's `info` or Bun's `server`. */
export type NativeHandler = (request: Request, platform: unknown) => Response | Promise<Response>;

/** A native server in a worker that serves one address. */
export interface Served {
  /** Stops accepting without closing anything: what is queued stays for whoever else holds the socket. */
  pause(): void;
  resume(): void;
  /**
   * Lets the listening socket go for good, while the server goes on with the connections it has: when the last process that holds it
   * lets go, the kernel refuses new connections.
   */
  leave(): void;
  /** Ends the server: waits up to `deadline` for what is in flight, then cuts. Call it when paused and quiet. */
  close(deadline: number): Promise<void>;
  /** What stands for Host in `request.url` where the client sent none: the native server's own idea of its address. */
  readonly madeUpHost: string | null;
  /** Resolves when the server has ended by itself (Deno at the descriptor limit); the reason, or undefined after close(). */
  readonly ended: Promise<unknown>;
}
