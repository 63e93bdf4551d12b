/**
 * The TSGI 1.0 protocol as types, and nothing else: this file makes no code.
 *
 * An application is `(environ, startResponse) => iterable`. The keys of environ are CGI's and PEP 3333's own, unchanged.
 *
 * @example
 * ```ts
 * import type { App } from "tsgi";
 *
 * const application: App = (environ, startResponse) => {
 *   startResponse("200 OK", [["Content-Type", "text/plain"]]);
 *   return [`Hello from ${environ.PATH_INFO}\n`];
 * };
 * export default application;
 * ```
 *
 * @module
 */

import type { Metrics } from "../metrics/registry.ts";
import type { RequestTrace } from "../tracing/request_identity.ts";

/** A piece of a body. A string is sent as UTF-8 (SPEC B-2). */
export type Chunk = Uint8Array | string;

/**
 * What an application returns. `object &` keeps a bare string, which is an `Iterable<string>`, out at compile time:
 * write `["text"]`, not `"text"` (SPEC A-7).
 */
export type Body =
  & object
  & (Iterable<Chunk> | AsyncIterable<Chunk> | ReadableStream<Uint8Array>);

/** `"200 OK"`: three digits, a space, a reason. A bare `"200"` or `200` does not compile (SPEC S-2). */
export type Status = `${number} ${string}`;

/** One response header. Repeat the tuple to repeat the header (SPEC S-9). */
export type HeaderTuple = [name: string, value: string];

/** The headers of a response, in order. The gateway copies the list when startResponse is called (SPEC S-3). */
export type HeaderList = HeaderTuple[];

/** Sends a chunk at once. Awaiting it is back-pressure; not awaiting it is legal. New code yields instead (SPEC W-1, W-7). */
export interface Write {
  (chunk: Chunk): Promise<void>;
}

/**
 * Begins the response. Nothing is sent before the first non-empty chunk, so until then it may be called again with `excInfo`,
 * any thrown value, to replace status and headers (PEP 3333 "The start_response() Callable", SPEC S-1 to S-12).
 *
 * Throws {@linkcode TsgiError} where status or headers are not valid.
 */
export interface StartResponse {
  (status: Status, headers: HeaderList, excInfo?: unknown): Write;
}

/** A TSGI application (PEP 3333 "The Application/Framework Side"). */
export interface App {
  (environ: Environ, startResponse: StartResponse): Body | PromiseLike<Body>;
}

/** Wraps an application in another. */
export type Middleware = (app: App) => App;

/** `environ["tsgi.input"]`: the request body. Always ends: reading to the end is safe (SPEC I-1 to I-13). */
export interface InputStream extends AsyncIterable<Uint8Array> {
  /** Exactly `size` bytes unless the end comes first; without a size, the rest. At the end: an empty array, never null. */
  read(size?: number | null): Promise<Uint8Array>;
  /** Through the next LF, or `limit` bytes, or to the end. */
  readline(limit?: number | null): Promise<Uint8Array>;
  /** Lines until their total size reaches `hint`; without a hint, all. */
  readlines(hint?: number | null): Promise<Uint8Array[]>;
  /** The lines one by one: PEP 3333's `__iter__`. */
  lines(): AsyncIterableIterator<Uint8Array>;
  /** The remaining bytes for Web APIs. Taking it locks the methods above. */
  readonly stream: ReadableStream<Uint8Array>;
}

/** `environ["tsgi.errors"]`: text for the error log (SPEC L-1 to L-6). */
export interface ErrorStream {
  write(text: string): void;
  writelines(lines: Iterable<string>): void;
  flush(): void | Promise<void>;
}

/** Something `tsgi.file_wrapper` can send: read until null or empty. */
export interface FileLike {
  read(size: number): Uint8Array | null | PromiseLike<Uint8Array | null>;
  close?(): void | PromiseLike<void>;
}

/** What `tsgi.file_wrapper` accepts. */
export type FileSource = FileLike | Blob | ReadableStream<Uint8Array>;

/** `environ["tsgi.file_wrapper"]` (PEP 3333 "Optional Platform-Specific File Handling", SPEC X-8). */
export interface FileWrapper {
  (file: FileSource, blockSize?: number): Body;
}

/** `environ["tsgi.early_hints"]`: sends one 103. Present only where the platform can (SPEC ). */
export interface EarlyHints {
  (headers: HeaderList): void | Promise<void>;
}

/** `environ["tsgi.deadline"]`: the time at which a server, or middleware, ends the request. Present only where there is one; not in SPEC. */
export interface RequestDeadline {
  /** Moves it `ms` milliseconds further away. Too late, it does nothing. Throws RangeError for what is no positive time. */
  extend(ms: number): void;
}

/** Called once when the response is over, however it ended. Status and headers are null if none were in force (SPEC X-6). */
export interface ResponseFinished {
  (environ: Environ, status: Status | null, headers: HeaderList | null, error: unknown): void | PromiseLike<void>;
}

/** The CGI part of environ: strings, present only where there is something to say (SPEC E-2). */
export interface CgiVariables {
  REQUEST_METHOD: string;
  SCRIPT_NAME: string;
  PATH_INFO: string;
  QUERY_STRING: string;
  SERVER_NAME: string;
  SERVER_PORT: string;
  SERVER_PROTOCOL: string;
  REQUEST_URI: string;
  RAW_URI?: string;
  CONTENT_TYPE?: string;
  CONTENT_LENGTH?: string;
  REMOTE_ADDR?: string;
  REMOTE_PORT?: string;
  REMOTE_HOST?: string;
  REMOTE_USER?: string;
  AUTH_TYPE?: string;
  HTTPS?: string;
  SERVER_SOFTWARE?: string;
  GATEWAY_INTERFACE?: string;
}

/** The gateway's own part of environ (SPEC E-20). */
export interface TsgiVariables {
  "tsgi.version": readonly [1, 0];
  "tsgi.url_scheme": "http" | "https";
  "tsgi.input": InputStream;
  "tsgi.errors": ErrorStream;
  "tsgi.multithread": boolean;
  "tsgi.multiprocess": boolean;
  "tsgi.run_once": boolean;
  "tsgi.nonblocking": boolean;
  "tsgi.input_terminated": true;
  "tsgi.signal": AbortSignal;
  "tsgi.response_finished"?: ResponseFinished[];
  "tsgi.file_wrapper"?: FileWrapper;
  "tsgi.early_hints"?: EarlyHints;
  "tsgi.deadline"?: RequestDeadline;
  /** The application's own metrics; present only where a server collects them (SPEC X-11). */
  "tsgi.metrics"?: Metrics;
  /** What logs call the request; present only where a server names requests (SPEC X-12). */
  "tsgi.request_id"?: string;
  /** Its place in a trace, for the requests that are made on its behalf; present where `tsgi.request_id` is. */
  "tsgi.trace"?: RequestTrace;
  "tsgi.wait_until"?: (promise: PromiseLike<unknown>) => void;
}

/** The request as the application sees it: an ordinary, mutable object, fresh for each request (SPEC E-1). */
export interface Environ extends CgiVariables, TsgiVariables {
  [header: `HTTP_${string}`]: string | undefined;
  [extension: string]: unknown;
}

/** What a server knows about a request beyond the Request itself; all optional, and absent means unknown (SPEC 1.12). */
export interface ServerInfo {
  software?: string;
  serverName?: string;
  serverPort?: string | number;
  /** "HTTP/1.1", "HTTP/2". */
  protocol?: string;
  urlScheme?: "http" | "https";
  remoteAddr?: string;
  remotePort?: string | number;
  /** The exact bytes of the request line's target, if known. */
  requestTarget?: string;
  multiprocess?: boolean;
  runOnce?: boolean;
  earlyHints?: EarlyHints;
  waitUntil?: (promise: PromiseLike<unknown>) => void;
}

/** A Fetch handler, with whatever its platform passes after the request. */
export type FetchHandler<P extends unknown[] = unknown[]> = (request: Request, ...platform: P) => Response | Promise<Response>;
