/** Bun. */
import type { FFIType as BunType } from "bun:ffi";
import { readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { checkHeaders } from "../core/arbiter/fetch_answer.ts";
import type { Tls } from "../core/arbiter/tls.ts";
import { PUBLIC_HEADERS } from "../core/gateway/request_headers.ts";
import { followed, followUpgrades, isUpgraded } from "./bun_web_sockets.ts";
import type { Busy, CFunction, CType, Ffi, NativeServeOptions, NativeServer, Runtime } from "./runtime.ts";

// Not a declaration: in one file for both runtimes (`tsgi build --format mjs`), Deno would look for the module.
const { dlopen, FFIType, ptr, toArrayBuffer } = await import("bun:ffi");

export const runtime: Runtime = {
  name: "bun",
  version: Bun.version,
  minimum: "1.4.5",
  ffi: ffi(),
  serve,
  isUpgraded,
  rawUrls: false,
  debugsOnUsr1: false,
  hasSlowClock: false,
  hasSlowZone: true, // 6 ms, in each process.
  requestHeaders: PUBLIC_HEADERS,
  responseHeader: (response, name) => response.headers.get(name),
  checkHeaders: (response) => checkHeaders(response.headers),
  isWhole: () => undefined, // `response.body` is a stream whatever it was made of.
  endsThreads: true,
  isThread: !Bun.isMainThread,
  collect: () => Bun.gc(true),
  setTitle,
};

/** An address travels as a number: u64 gives a bigint, and bun:ffi's own pointers would lose it. */
const TYPES: Readonly<Record<CType, BunType>> = {
  i32: FFIType.i32,
  u32: FFIType.u32,
  i64: FFIType.i64,
  u64: FFIType.u64,
  buffer: FFIType.ptr,
  pointer: FFIType.u64,
  void: FFIType.void,
};

function ffi(): Ffi {
  return {
    open: (names, symbols) => {
      const definitions = Object.fromEntries(
        Object.entries(symbols).map(([name, { parameters, result }]) => [name, { args: parameters.map((type) => TYPES[type]), returns: TYPES[result] }]),
      );
      let failure: unknown;
      for (const name of names) {
        try {
          return dlopen(name, definitions).symbols as unknown as { [K in keyof typeof symbols]: CFunction };
        } catch (error) {
          failure = error;
        }
      }
      throw failure;
    },
    addressOf: (buffer) => BigInt(ptr(buffer)),
    memory: (address, length) => new Uint8Array(toArrayBuffer(Number(address) as Parameters<typeof toArrayBuffer>[0], 0, length)),
  };
}

function serve(options: NativeServeOptions): NativeServer {
  const { at, onError, webSockets, tls, headTimeout = 0 } = options;
  const isFollowed = webSockets !== undefined && webSockets.handlers !== null;
  const answering = isFollowed ? unanswered(options.handler) : options.handler;
  // Where nobody can say when a stream ends, connections are rather kept too long than answers cut short.
  const keepAlive = options.keepAlive > 0 && options.whenEnding === undefined ? MOST_IDLE : options.keepAlive;
  const { promise: finished, resolve } = Promise.withResolvers<unknown>();
  const handler = keepAlive === 0 ? answering : unhurried({ ...options, handler: answering, keepAlive });
  const isImpatient = headTimeout > 0 && headTimeout < HEAD && !("path" in at);
  const heard = new Set<number>();
  const server = Bun.serve({
    ...("path" in at ? { unix: at.path } : { hostname: at.host, port: at.port, reusePort: at.reusePort ?? false }),
    development: false,
    idleTimeout: idleTime(keepAlive),
    ...(options.mostBody === undefined ? {} : { maxRequestBodySize: Math.max(MOST_BODY, options.mostBody) }),
    fetch: isImpatient ? hearing(handler, heard) : handler,
    ...(tls === undefined ? {} : { tls: tlsOptions(tls), http2: tls.http2 }),
    ...(isFollowed ? { websocket: followed(webSockets) } : {}),
    error: onError,
  } as Bun.Serve.Options<undefined>);
  if (isFollowed) followUpgrades(server);
  return {
    ...(server.port === undefined ? {} : { port: server.port }),
    ...(isImpatient ? { slow: { keepAlive: 0, headTimeout, busy: busyOnce(heard) } } : {}),
    stop: async (hard) => {
      await server.stop(hard);
      resolve(undefined);
    },
    finished,
  };
}

/** One context for whoever names no server, and one for each name. */
function tlsOptions({ pairs, ca, ciphers, minVersion }: Tls): Bun.TLSOptions[] {
  const common = {
    ...(ca === null ? {} : { ca, requestCert: true, rejectUnauthorized: true }),
    ...(ciphers === null ? {} : { ciphers }),
    ...(minVersion === "1.3" ? { minVersion: TLS_1_3 } : {}),
  };
  const [first] = pairs;
  const byName = new Map(pairs.toReversed().flatMap((pair) => pair.names.map((name) => [name, pair] as const)));
  const others = pairs.length === 1 ? [] : [...byName].map(([serverName, { cert, key }]) => ({ ...common, serverName, cert, key }));
  return [{ ...common, cert: first!.cert, key: first!.key }, ...others];
}

/** As in TLS's own messages. */
const TLS_1_3 = 0x0304;

/** For a connection that is a WebSocket's, Bun takes undefined. */
function unanswered(handler: NativeServeOptions["handler"]): NativeServeOptions["handler"] {
  const answered = (response: Response) => (response.status === 101 ? (undefined as unknown as Response) : response);
  return (request, platform) => {
    const answer = handler(request, platform);
    return answer instanceof Response ? answered(answer) : answer.then(answered);
  };
}

/** What Bun takes without being told. */
const MOST_BODY = 128 * 2 ** 20;

/** Seconds that Bun gives to the head of each request, at least; nothing sets it. */
const HEAD = 10;

/**
 * A client gets less than that for its first request alone: who has asked once counts as busy for good, since nobody tells when a request is
 * over. Then Bun's own limit holds.
 */
function hearing(handler: NativeServeOptions["handler"], heard: Set<number>): NativeServeOptions["handler"] {
  return (request, platform) => {
    const peer = (platform as Bun.Server<undefined>).requestIP(request);
    if (peer !== null) heard.add(peer.port);
    return handler(request, platform);
  };
}

function busyOnce(heard: Set<number>): Busy {
  return {
    has: (port) => heard.has(port),
    isUpgraded: () => false,
    see: (open) => {
      for (const port of heard) if (!open.has(port)) heard.delete(port);
    },
  };
}

/** The longest idle time that Bun knows, in seconds. */
const MOST_IDLE = 255;

/**
 * Bun counts idle time in ticks of 4 seconds that all connections share, so that "2 s" may end right after an answer. One tick more makes
 * `keepAlive` what a connection gets at least; at most, it gets 8 s more.
 */
function idleTime(keepAlive: number): number {
  return keepAlive === 0 ? 0 : Math.min(MOST_IDLE, (Math.ceil(keepAlive / 4) + 1) * 4);
}

/**
 * Bun's idle timeout also cuts a handler, a stream or an upload that is silent for as long. It is lifted while a promise or a stream is
 * pending, and set again afterwards; a whole response given at once costs nothing.
 */
function unhurried({ handler, keepAlive, whenEnding }: NativeServeOptions): NativeServeOptions["handler"] {
  const idle = idleTime(keepAlive);
  return (request, platform) => {
    const server = platform as Bun.Server<undefined>;
    const answer = handler(request, platform);
    if (answer instanceof Response) return settle(request, server, answer, false);
    if (answer === undefined) return answer; // An upgraded connection.
    server.timeout(request, 0);
    return answer.then((response) => (response === undefined ? response : settle(request, server, response, true)));
  };

  function settle(request: Request, server: Bun.Server<undefined>, response: Response, isLifted: boolean): Response {
    if (whenEnding?.(response, () => server.timeout(request, idle))) {
      if (!isLifted) server.timeout(request, 0);
    } else if (isLifted) server.timeout(request, idle);
    return response;
  }
}

/** Bun's `process.title` is not what `ps` shows: that is the memory of the command line, which the kernel lets its owner overwrite. */
function setTitle(title: string): void {
  process.title = title;
  void [...process.argv, ...process.execArgv, process.execPath]; // Read before it is gone.
  try {
    writeFileSync("/proc/self/comm", title.slice(0, 15));
    const stat = readFileSync("/proc/self/stat", "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" "); // From field 3 on: a name may have blanks.
    const [start, end] = [BigInt(fields[48 - 3]!), BigInt(fields[49 - 3]!)];
    if (start === 0n) return;
    const memory = runtime.ffi.memory(start, Number(end - start));
    memory.fill(0);
    new TextEncoder().encodeInto(title, memory.subarray(0, -1));
  } catch {
    // A title is a courtesy: where there is no /proc, `ps` goes on showing the command line.
  }
}
