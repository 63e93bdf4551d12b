/**
 * The process port: what core asks of the operating system. Implemented once for all runtimes in runtimes/process.ts.
 */
import type { HeaderReader } from "../gateway/request_headers.ts";
import type { LastAnswer } from "./refusals.ts";
import type { SyslogAddress } from "../logging/syslog.ts";
import type { ConfigReader } from "../settings/config_file.ts";
import type { Loader } from "./application.ts";
import type { Address, Hold, NativeHandler, Owner, Served } from "./listener.ts";
import type { FromWorker, ToWorker } from "./message.ts";
import type { Permissions } from "./permissions.ts";
import type { SocketTable } from "../metrics/socket_table.ts";
import type { MemoryStats } from "../metrics/stats.ts";
import type { Gauges } from "./gauges.ts";
import type { LogRing } from "../black_box/log_ring.ts";
import type { TracingHost } from "../otlp/api.ts";
import type { Register } from "./register.ts";
import type { Tls } from "./tls.ts";
import type { OpenSocket } from "./web_sockets.ts";
import type { WsgiAdapter } from "./wsgi.ts";

/** Milliseconds on a monotonic clock whose zero means nothing. */
export type Millis = number;

export type Signal =
  | "HUP" | "INT" | "QUIT" | "TERM" | "ABRT" | "KILL" | "USR1" | "USR2" | "TTIN" | "TTOU" | "WINCH" | "CHLD";

/** How a process ended: an exit code, or the signal that ended it. */
export interface Ending {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A worker process as the arbiter holds it. */
export interface Child {
  readonly pid: number;
  /** Lost without a word if the process has gone: its exit is reported anyway. */
  send(message: ToWorker): void;
  /** Hands descriptors over; the worker takes them, in order, when the message that announces them arrives. */
  hand(descriptors: readonly number[]): void;
  /** No error if the process has gone. */
  kill(signal: Signal): void;
  /** The requests it has in flight, as text, also when its loop stands still: see register.ts. Null where they are not known. */
  inFlight(silence: Millis): string | null;
  /** How long ago it beat last in memory that both see, also when it has ended; Infinity where it did not. */
  sinceBeat(): Millis;
  /** What it has counted of its requests, also when it has ended: see core/metrics/meter.ts. Null where the system lets nobody see. */
  meter(): Uint8Array | null;
  /** Its register and its log ring, also when it has ended; null where there is none. */
  remains(): { readonly registers: readonly Uint8Array[]; readonly logs: readonly Uint8Array[] };
}

export interface Identity extends Owner {
  readonly initgroups: string | null;
}

export interface SpawnOptions {
  readonly title: string;
  /** The runtime to run on: the arbiter's own, or another. */
  readonly runtime: "deno" | "bun" | "node";
  /** The sockets of its own slot, for a worker that can only be born with them. */
  readonly descriptors: () => readonly number[];
  readonly env: Readonly<Record<string, string>>;
  /** Its working directory. */
  readonly directory: string;
  /** Where its application is, and so the configuration of the runtime for it. */
  readonly appDirectory: string;
  /** What the process may do; everything if absent. */
  readonly permissions?: Permissions;
  /** Whom the process runs as: the arbiter's own user and group if absent. `initgroups` adds the groups of the user of that name. */
  readonly identity?: Identity;
  /** Gets what the process writes to its standard output and error, in whole lines. */
  readonly onOutput?: (line: string) => void;
  /** Whether the worker's requests are noted where the arbiter sees them: with `takeShared` it takes the memory for that. */
  readonly watchdog: boolean;
  /** Whether its requests are counted where the arbiter sees them. */
  readonly metrics: boolean;
  /** The threads that serve in it, each of which is noted and counted by itself. Default 1. */
  readonly threads?: number;
  readonly onMessage: (message: FromWorker) => void;
  /** Exactly once, after the last message. */
  readonly onExit: (ending: Ending) => void;
}

export interface Timer {
  stop(): void;
}

/** What the arbiter asks of the system. */
export interface ArbiterSystem {
  readonly pid: number;
  now(): Millis;
  every(period: Millis, run: () => void): Timer;
  wait(time: Millis): Promise<void>;
  onSignal(signal: Signal, run: () => void): void;
  readonly hold: Hold;
  /** Throws when the system gives no process. */
  spawn(options: SpawnOptions): Child;
  /** The kernel's sockets at `addresses`, as far as the system tells. */
  socketTable(addresses: readonly Address[]): SocketTable;
}

/** Memory that a worker shares with its arbiter. */
export interface SharedMemory {
  readonly register: Register;
  /** For a Meter. */
  readonly meter: Uint8Array;
  readonly log: LogRing;
  /** The arbiter sees that the worker lives; null in a thread, whose process does that. */
  readonly beat: (() => void) | null;
}

/** What a worker asks of the system. */
export interface WorkerSystem {
  readonly pid: number;
  now(): Millis;
  every(period: Millis, run: () => void): Timer;
  wait(time: Millis): Promise<void>;
  onSignal(signal: Signal, run: () => void): void;
  onMessage(run: (message: ToWorker) => void): void;
  /** The arbiter has gone. */
  onOrphaned(run: () => void): void;
  /** An exception or rejection that nobody caught; the process goes on. */
  onFault(run: (kind: "exception" | "rejection", error: unknown) => void): void;
  send(message: FromWorker): void;
  /** The descriptors that came with the message at hand, in order. */
  takeDescriptors(count: number): number[];
  /** What came before all other descriptors; null if the system gave none. */
  takeShared(): SharedMemory | null;
  /** As `now`, but never dearer than 40 ns. */
  readonly clock: () => Millis;
  /** In a worker's process; loaded when it is asked for. */
  readonly crew?: () => Promise<CrewSystem>;
  /** In a thread of it. */
  readonly thread?: ThreadPlace;
  /** Serves a listening socket that was handed over. */
  adopt(descriptor: number, options: ServeOptions): Promise<Served>;
  /** Binds and serves an address of one's own, beside others that do. */
  bind(address: Address, options: ServeOptions & { readonly backlog: number }): Promise<Served>;
  /** Throws the reason why inherited sockets cannot be served here. */
  selfTest(): Promise<void>;
  readonly loader: Loader;
  /** What serves Python's applications; loaded when it is asked for. */
  wsgi(): Promise<WsgiAdapter>;
  /** What tracing needs of the system; loaded when it is asked for. */
  tracingHost(): Promise<TracingHost>;
  /** Bytes of resident memory. */
  memory(): number;
  /** The same, and of the heap. */
  memoryStats(): MemoryStats;
  /** Whether more connections could be taken, and some files opened. */
  hasDescriptors(): boolean;
  /** Reads config files, for hooks; loaded when it is asked for. */
  configReader(): Promise<ConfigReader>;
  closeDescriptor(descriptor: number): void;
  /** Opens a log: a path, or `-` for the standard stream of its kind. `told` hears at most once a minute that lines were lost, and why. */
  openLog(target: string, kind: "errors" | "access", told: (reason: string) => void): LogTarget;
  /** Throws where the system has no way to syslog: the settings are refused then. */
  openSyslog(address: SyslogAddress, options: SyslogReports): SyslogTarget;
  hostname(): string;
  /** Whether `request.url` is the client's raw text, to be compared with the Host header. */
  readonly rawUrls: boolean;
  /** How the headers of the native server's requests are read. */
  readonly requestHeaders: HeaderReader;
  /** As `response.headers.get(name)`, for a name in lower case. On Deno, an answer whose headers were touched is sent by a slower way. */
  responseHeader(response: Response, name: string): string | null;
  /** Whether a response's body is in memory: undefined where the runtime cannot tell it from a stream. */
  isWhole(response: Response): boolean | undefined;
  /** Throws for a header of a Fetch handler's response that would end or desynchronise the native server. */
  checkHeaders(response: Response): void;
  /** Where an answer does not tell it (Bun): whether the connection of `request` has become a WebSocket. */
  isUpgraded?(request: Request): boolean;
  /** What the gateway makes its answers of, where it is not the platform's own. */
  readonly Response?: typeof Response;
  /** Where `Connection: close` does not close it. */
  readonly lastAnswer?: LastAnswer;
  /** Ends the process when everything said has been sent and written. */
  exit(code: number): void;
}

/** Told when the receiver cannot be reached, and when it can be again. */
export interface SyslogReports {
  readonly away: (fields: { readonly address: string; readonly reason: string }) => void;
  readonly back: (fields: { readonly address: string; readonly lost: number }) => void;
}

export interface SyslogTarget {
  /** Sends one message. Never throws, never waits. */
  send(message: string): void;
  /** Sends what waits, for a moment. */
  close(): void;
}

export interface LogTarget {
  /** Appends a line. Never throws: a log stops nothing. */
  write(line: string): void;
  reopen(): void;
  close(): void;
}

export interface ServeOptions {
  readonly handler: NativeHandler;
  /** Answers when the handler threw, which it never does: the last line of defence. */
  readonly onError: (error: unknown) => Response;
  /** Seconds. */
  readonly keepAlive: number;
  /** Seconds that a client may take for the head of a request; 0 or absent for what the server itself gives. */
  readonly headTimeout?: number;
  /** Bytes of a body that have to get through, where the server has a limit of its own. */
  readonly mostBody?: number;
  /** For a socket that the server itself makes listen (Node). */
  readonly backlog?: number;
  /** Nobody but the gateway gets the Requests: they need not be the platform's own, where there are quicker ones. */
  readonly lightRequests?: boolean;
  /** If the body of `response` is a stream, has `run` called just before it ends, and says true; absent where nobody can tell. */
  readonly whenEnding?: (response: Response, run: () => void) => boolean;
  readonly tls?: Tls;
  /** For an application that may have WebSockets: what it hears of them by where that is a matter of the server (Bun), and who else wants to know. */
  readonly webSockets?: { readonly handlers: object | null; readonly opened: (socket: OpenSocket) => () => void };
}

/** What a worker's main thread asks of the system to have threads serve. */
export interface CrewSystem {
  /** Before any thread is started: the memory in which `threads` will note and count their requests. It came before all other descriptors. */
  share(threads: number): CrewMemory;
  /** Starts a thread that runs serve() with a system of its own. */
  start(options: ThreadOptions): Thread;
  /** Whether a thread can be ended while its loop stands still. */
  readonly endsThreads: boolean;
}

export interface CrewMemory {
  /** By thread. */
  readonly parts: readonly { readonly register: Uint8Array; readonly meter: Uint8Array }[];
  /** As a worker's own; null where the arbiter does not see the memory. */
  readonly beat: (() => void) | null;
}

export interface ThreadOptions {
  /** Its place among the threads of the worker, from 0. */
  readonly index: number;
  readonly gauges: Gauges;
  readonly onMessage: (message: FromWorker) => void;
  readonly onLine: (line: string, kind: "errors" | "access") => void;
  /** At most once, after the last message, when it has ended; never for a thread that was terminated. */
  readonly onExit: (code: number) => void;
}

export interface Thread {
  /** `descriptors` stay the caller's: the thread gets copies. */
  send(message: ToWorker, descriptors?: readonly number[]): void;
  /** Told as to a process: what is not running any more hears nothing. */
  signal(signal: Signal): void;
  /** Resolves with whether it has ended. */
  terminate(): Promise<boolean>;
}

/** Where a thread is, in the system of a thread. */
export interface ThreadPlace {
  readonly index: number;
  readonly gauges: Gauges;
}
