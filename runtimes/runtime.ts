/** What differs between Deno, Bun and Node, as one interface. runtimes/deno.ts, bun.ts and node.ts implement it; nothing else may ask which runtime it is. */
import type { Hold, NativeHandler, Served } from "../core/arbiter/listener.ts";
import type { Identity, ServeOptions } from "../core/arbiter/process.ts";
import type { LastAnswer } from "../core/arbiter/refusals.ts";
import type { HeaderReader } from "../core/gateway/request_headers.ts";

/** The few C types that the calls in libc.ts need. A `buffer` is passed by address; `pointer` is an address as a bigint. */
export type CType = "i32" | "u32" | "i64" | "u64" | "buffer" | "pointer" | "void";
export interface CSignature {
  readonly parameters: readonly CType[];
  readonly result: CType;
}
export type CFunction = (...args: (number | bigint | Uint8Array | null)[]) => number | bigint;

export interface Ffi {
  /** Opens the first library of `names` that exists. Throws when none does, or when FFI is not allowed. */
  open<S extends Record<string, CSignature>>(names: readonly string[], symbols: S): { [K in keyof S]: CFunction };
  /** The address of a buffer's first byte. The caller keeps the buffer alive. */
  addressOf(buffer: Uint8Array): bigint;
  /** `length` bytes of memory at `address`, shared, not copied. */
  memory(address: bigint, length: number): Uint8Array;
}

export interface NativeServer {
  /** The port of a TCP server. */
  readonly port?: number;
  /** Ends gracefully, or at once when `hard`. May never resolve when graceful: race it. */
  stop(hard: boolean): Promise<void>;
  /** Resolves when the server is over, with an error if it ended by itself. */
  readonly finished: Promise<unknown>;
  /** Where the server does not close them itself, on TCP: what somebody else has to do. */
  readonly slow?: SlowClients;
}

/** Which connections are to be closed, and what has to be known for it. 0 is never. */
export interface SlowClients {
  /** Seconds, as in {@linkcode NativeServeOptions}. */
  readonly keepAlive: number;
  readonly headTimeout: number;
  readonly busy: Busy;
}

/** Which clients, by their port, have a request in flight, or a WebSocket. */
export interface Busy {
  has(port: number): boolean;
  /** Perhaps: a client that was never sent anything is none. */
  isUpgraded(port: number): boolean;
  /** Tells which ports are `open`, before `has` is asked: the others are forgotten. */
  see(open: ReadonlySet<number>): void;
}

export interface NativeServeOptions extends Pick<ServeOptions, "webSockets" | "tls"> {
  readonly at: { readonly host: string; readonly port: number; readonly reusePort?: boolean; readonly backlog?: number } | { readonly path: string };
  readonly handler: NativeHandler;
  /** Answers when the handler threw: the gateway never does, so this is the last line of defence. */
  readonly onError: (error: unknown) => Response;
  /** Bytes of a body that have to get through, where the server has a limit of its own. */
  readonly mostBody?: number;
  /** Seconds a connection may be idle between requests; 0 for any time. A request in flight is never idle, however silent it is. */
  readonly keepAlive: number;
  /** Seconds that a client may take for the head of a request; 0 or absent for what the server itself gives. */
  readonly headTimeout?: number;
  /**
   * If the body of `response` is a stream, has `run` called just *before* it ends, and says true; false for a body in memory. Bun cannot
   * tell them apart, and cannot be told afterwards: without this, connections there keep its longest idle time, 255 s.
   */
  readonly whenEnding?: (response: Response, run: () => void) => boolean;
}

/** Sockets without the C library. */
export interface NativeSockets {
  /** Serves a listening socket of this process, which is the server's from then on. */
  adopt(descriptor: number, options: ServeOptions): Promise<Served>;
  /** Binds an address beside others that do the same, and serves it. */
  bind(at: { readonly host: string; readonly port: number }, options: ServeOptions & { readonly backlog: number }): Promise<Served>;
  readonly hold: Hold;
  /** The path of a unix socket of ours, which the kernel may know under another; any other path as it is. */
  unixPath(bound: string): string;
}

export interface Runtime {
  readonly name: "deno" | "bun" | "node";
  readonly version: string;
  /** The oldest version that tsgi starts on. */
  readonly minimum: string;
  readonly ffi: Ffi;
  /** Where the native server takes a socket that is open already (Node): nothing is adopted, and workers inherit their sockets. */
  readonly native?: NativeSockets;
  /** Where it can be done without the C library: changes who this process is, for good. */
  become?(identity: Identity): void;
  /** Where the kernel cannot be asked to: kills this process when `parent` is its parent no more, also while its loop stands still. */
  dieWithout?(parent: number): void;
  /** What the gateway makes its answers of, where it is not the platform's own. */
  readonly Response?: typeof Response;
  serve(options: NativeServeOptions): NativeServer | Promise<NativeServer>;
  /** Where `Connection: close` does not close it: an answer that does. */
  readonly lastAnswer?: LastAnswer;
  /** Where WebSockets are not the server's matter (Deno): to be called before the application is loaded, so that it knows of them. */
  followUpgrades?(): void;
  /** Where an answer does not tell it (Bun): whether the connection of `request` has become a WebSocket. */
  isUpgraded?(request: Request): boolean;
  /** Whether a response's body is in memory: undefined where the runtime cannot tell it from a stream. */
  isWhole(response: Response): boolean | undefined;
  /** Whether `request.url` is the client's raw text. */
  readonly rawUrls: boolean;
  /** How the headers of the native server's requests are read. */
  readonly requestHeaders: HeaderReader;
  /** As `response.headers.get(name)`, for a name in lower case. On Deno, an answer whose headers were touched is sent by a slower way. */
  responseHeader(response: Response, name: string): string | null;
  /** Throws for a response header that must not reach the native server. */
  checkHeaders(response: Response): void;
  /** Whether USR1 opens a debugger that everybody on this machine may use. */
  readonly debugsOnUsr1: boolean;
  /** Whether reading performance.now() costs more than a foreign call. */
  readonly hasSlowClock: boolean;
  /** Whether Date takes milliseconds to learn the time zone. */
  readonly hasSlowZone: boolean;
  /** Whether Worker.terminate() ends a thread that stands still. */
  readonly endsThreads: boolean;
  /** Whether we run in a web worker. */
  readonly isThread: boolean;
  /** Frees what nobody needs any more, where the collector would wait long for more of it. */
  collect?(): void;
  /** Where an import's error does not say so: puts the place in `file` before the stack, if that is the file which cannot be read. */
  placeSyntaxError?(error: SyntaxError, file: string): void;
  /** Sets what `ps` shows for this process. */
  setTitle(title: string): void;
}
