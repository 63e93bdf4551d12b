/** Deno. */
import process from "node:process";
import { isAwaited } from "../core/arbiter/fetch_answer.ts";
import { checkHeaders, lastAnswer, responseHeader } from "./deno_response.ts";
import { requestHeaders } from "./deno_request.ts";
import { followUpgrades, noteUpgrade } from "./deno_web_sockets.ts";
import type { Busy, CFunction, CSignature, Ffi, NativeServeOptions, NativeServer, Runtime } from "./runtime.ts";

const isWhole = wholeness();

export const runtime: Runtime = {
  name: "deno",
  version: Deno.version.deno,
  minimum: "2.9.5",
  ffi: ffi(),
  serve,
  followUpgrades: () => followUpgrades(Deno),
  isWhole,
  rawUrls: true,
  requestHeaders,
  responseHeader,
  checkHeaders,
  lastAnswer,
  hasSlowZone: false,
  hasSlowClock: true, // 90 ns, and 30 for the foreign call.
  debugsOnUsr1: true, // Since 2.9.2, also without a handler: https://github.com/denoland/deno/pull/35738.
  endsThreads: false, // It would spin on, and keep what it listens on.
  isThread: "WorkerGlobalScope" in globalThis,
  setTitle: (title) => {
    process.title = title;
  },
};

function ffi(): Ffi {
  return {
    open: (names, symbols) => {
      const definitions = Object.fromEntries(Object.entries(symbols).map(([name, signature]) => [name, definition(signature)]));
      let failure: unknown;
      for (const name of names) {
        try {
          return Deno.dlopen(name, definitions).symbols as unknown as { [K in keyof typeof symbols]: CFunction };
        } catch (error) {
          failure = error;
        }
      }
      throw failure;
    },
    addressOf: (buffer) => BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer as Uint8Array<ArrayBuffer>))),
    memory: (address, length) => {
      const pointer = Deno.UnsafePointer.create(address);
      if (pointer === null) throw new RangeError("Cannot read memory at address 0");
      return new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, length));
    },
  };
}

/** An address travels as a number: Deno's pointer objects are of no use to us. */
function definition({ parameters, result }: CSignature): Deno.ForeignFunction {
  const native = (type: string) => (type === "pointer" ? "u64" : type) as Deno.NativeType;
  return { parameters: parameters.map(native), result: native(result) };
}

function serve({ at, handler, onError, keepAlive, headTimeout = 0, webSockets, tls }: NativeServeOptions): NativeServer {
  const stopper = new AbortController();
  const isUnix = "path" in at;
  const { tracked, busy, quiet } = track(handler, webSockets);
  const server = Deno.serve(
    {
      ...(isUnix ? { path: at.path } : { hostname: at.host, port: at.port, reusePort: at.reusePort ?? false, tcpBacklog: at.backlog ?? 511 }),
      ...(tls === undefined ? {} : { cert: tls.pairs[0]!.cert, key: tls.pairs[0]!.key }), // HTTP/2 is always offered.
      signal: stopper.signal,
      onListen: () => {},
      onError,
    } as Deno.ServeTcpOptions,
    tracked as Deno.ServeHandler,
  );
  let isShuttingDown = false;
  return {
    ...(isUnix ? {} : { port: server.addr.port, slow: { busy, keepAlive, headTimeout } }),
    stop: async (hard) => {
      // Once shutdown() was called, aborting would throw BadResource out of an event listener, which ends the process. By then only
      // answers that are already given are under way.
      if (hard && !isShuttingDown) stopper.abort();
      if (hard) return;
      await quiet(); // shutdown() breaks uploads that are still being read.
      if (stopper.signal.aborted) return;
      isShuttingDown = true;
      await server.shutdown();
    },
    finished: server.finished.then(() => undefined, (error) => error),
  };
}

interface Tracked {
  readonly tracked: NativeServeOptions["handler"];
  readonly busy: Busy;
  /** Resolves when nothing is in flight. */
  readonly quiet: () => Promise<void>;
}

/**
 * Deno closes no idle connection and waits for a head for ever (denoland/deno#3515), so somebody else does, and must know which ones have a
 * request in flight. A whole response given at once is over before anybody can ask; everything else is counted until Deno says that it was sent.
 *
 * Clients are told apart by their port alone, which is quick. If two share one, a quiet connection lives a little longer.
 */
function track(handler: NativeServeOptions["handler"], webSockets: NativeServeOptions["webSockets"]): Tracked {
  const inFlight = new Map<number, number>();
  const upgraded = new Set<number>();
  // After Deno.upgradeWebSocket, `info` throws (and an exception from here would end the whole server), so that an upgrade made at once is
  // only known to be among the connections open now: all of these are let be.
  let sawUpgrade = false;
  let total = 0;
  let waiting: (() => void)[] = [];
  return {
    tracked: (request, info) => {
      const answer = handler(request, info);
      if (!isAwaited(answer)) {
        if (answer.status === 101) {
          sawUpgrade = true;
          if (webSockets) noteUpgrade(answer, webSockets.opened);
        } else if (isWhole(answer) !== true) count(info as Deno.ServeHandlerInfo);
        return answer;
      }
      const port = count(info as Deno.ServeHandlerInfo);
      return answer.then((response) => {
        if (response.status !== 101) return response;
        if (port !== undefined) upgraded.add(port);
        if (webSockets) noteUpgrade(response, webSockets.opened);
        return response;
      });
    },
    busy: {
      has: (port) => inFlight.has(port),
      isUpgraded: (port) => upgraded.has(port),
      see: (open) => {
        if (sawUpgrade) for (const port of open) upgraded.add(port);
        sawUpgrade = false;
        for (const port of upgraded) if (!open.has(port)) upgraded.delete(port);
      },
    },
    quiet: () => new Promise((resolve) => (total === 0 ? resolve() : waiting.push(resolve))),
  };

  /** The client's port, if it has one and can still be asked for. */
  function count(info: Deno.ServeHandlerInfo): number | undefined {
    let port: number | undefined;
    try {
      port = (info.remoteAddr as Partial<Deno.NetAddr>).port;
    } catch {
      sawUpgrade = true; // "Request closed": the handler has upgraded it, or the client has left.
      return undefined;
    }
    total++;
    if (port !== undefined) inFlight.set(port, (inFlight.get(port) ?? 0) + 1);
    const done = () => {
      if (port !== undefined) uncount(port);
      if (--total > 0) return;
      for (const resolve of waiting) resolve();
      waiting = [];
    };
    info.completed.then(done, done);
    return port;
  }

  function uncount(port: number): void {
    const left = (inFlight.get(port) ?? 1) - 1;
    if (left === 0) inFlight.delete(port);
    else inFlight.set(port, left);
  }
}

/**
 * Whether a response's body is in memory. Asking `response.body` would turn it into a stream, so we look where Deno keeps it; if that
 * place is not as it was in Deno 2.9, nobody can tell, and every response counts as a stream, which is right too and costs a microsecond.
 */
function wholeness(): (response: Response) => boolean | undefined {
  const place = Object.getOwnPropertySymbols(new Response("")).find((symbol) => symbol.description === "response");
  const source = (response: Response): unknown => {
    const body = (response as unknown as Record<symbol, { body?: { streamOrStatic?: unknown } | null } | undefined>)[place!]?.body;
    return body ? body.streamOrStatic : body;
  };
  const guess = (response: Response) => {
    const found = source(response);
    return found === null || (typeof found === "object" && "consumed" in found);
  };
  const isKnown = place !== undefined && !guess(new Response(new ReadableStream())) &&
    [null, "text", new Uint8Array(1)].every((body) => guess(new Response(body)));
  return isKnown ? guess : () => undefined;
}
