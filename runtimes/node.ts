/**
 * Node.
 *
 * Its own server takes a listening socket that is there already, so nothing has to be adopted; and it calls no C library. What follows:
 *
 * - the sockets are inherited when a worker starts, and shared by all workers: a worker's own slot could not be covered by a neighbour;
 * - a worker cannot stop accepting and begin again. While it is full, or busy as a sync worker, what it accepts waits for its turn;
 * - that a worker's arbiter was killed is seen by a thread, also when the loop stands still; the requests of such a loop are not in the log.
 */
import { spawnSync } from "node:child_process";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { ServerOptions as HttpsOptions } from "node:https";
import { type AddressInfo, Server as NetServer } from "node:net";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { checkHeaders } from "../core/arbiter/fetch_answer.ts";
import type { Served } from "../core/arbiter/listener.ts";
import type { Millis, ServeOptions } from "../core/arbiter/process.ts";
import type { LastAnswer } from "../core/arbiter/refusals.ts";
import type { Tls } from "../core/arbiter/tls.ts";
import { PUBLIC_HEADERS } from "../core/gateway/request_headers.ts";
import { NodeRequest, realRequest, urlOf } from "./node_request.ts";
import { isWhole, LightResponse, send } from "./node_response.ts";
import type { NativeServer, Runtime } from "./runtime.ts";

export const runtime: Runtime = {
  name: "node",
  version: process.versions.node,
  minimum: "24.0.0",
  ffi: {
    open: () => {
      throw new Error("Node has no foreign functions");
    },
    addressOf: () => 0n,
    memory: () => new Uint8Array(0),
  },
  serve: async ({ at, ...options }) => native(await listen("path" in at ? { path: at.path } : tcp(at), options)),
  native: {
    adopt: async (descriptor, options) => served(await listen({ fd: descriptor, backlog: options.backlog ?? BACKLOG }, options)),
    bind: async ({ host, port }, options) => served(await listen(tcp({ host, port, reusePort: true, backlog: options.backlog }), options)),
    hold: async (address, options) => (await import("./node_sockets.ts")).hold(address, options),
    unixPath: (bound) => [...boundAs].find(([, early]) => early === bound)?.[0] ?? bound,
  },
  become: ({ uid, gid, initgroups }) => {
    if (initgroups !== null) (process as unknown as { initgroups(user: string, group: number): void }).initgroups(initgroups, gid);
    process.setgid!(gid);
    process.setuid!(uid);
  },
  dieWithout: (parent) => {
    const guard = new Worker(GUARD, { eval: true, workerData: parent, resourceLimits: { maxOldGenerationSizeMb: 8, maxYoungGenerationSizeMb: 1 } });
    guard.on("error", () => {}); // No thread to be had: the end of the channel tells, unless the loop stands still.
    guard.unref();
  },
  Response: LightResponse,
  isWhole,
  rawUrls: true,
  lastAnswer,
  hasSlowClock: false,
  hasSlowZone: false,
  endsThreads: false,
  isThread: false,
  debugsOnUsr1: false, // Workers are told not to (see worker_command.ts); the arbiter's handler takes the place of Node's own.
  requestHeaders: PUBLIC_HEADERS,
  responseHeader: (response, name) => response.headers.get(name),
  checkHeaders: (response) => checkHeaders(response.headers),
  placeSyntaxError: (error, file) => {
    if (!/^SyntaxError/.test(error.stack ?? "")) return;
    const { stderr } = spawnSync(process.execPath, ["--check", file], { encoding: "utf8", env: {} });
    const [place = ""] = stderr.split(/^SyntaxError/m, 1);
    if (stderr.includes(`SyntaxError: ${error.message}\n`)) error.stack = place + error.stack;
  },
  setTitle: (title) => {
    process.title = title;
  },
};

/** A thread of its own: the main one may stand still. */
const GUARD = `const { workerData } = require("node:worker_threads");
setInterval(() => process.ppid === workerData || process.kill(process.pid, "SIGKILL"), 500);`;

/** Under which name the kernel knows the unix socket at a path. */
export const boundAs: Map<string, string> = new Map();

const BACKLOG = 2048;
/** For a request without Host, which only HTTP/1.0 may send. */
const NO_HOST = "localhost";
/** How long a client may take for the TLS handshake. */
const HANDSHAKE: Millis = 10_000;
/** How often a server that is to end looks whether its connections have become idle. */
const LOOK: Millis = 20;

type Where = { readonly fd: number; readonly backlog: number } | { readonly path: string } | ReturnType<typeof tcp>;

function tcp({ host, port, reusePort = false, backlog = BACKLOG }: { readonly host: string; readonly port: number; readonly reusePort?: boolean; readonly backlog?: number }) {
  return { host, port, reusePort, backlog, exclusive: true } as const;
}

async function listen(where: Where, options: ServeOptions): Promise<Server> {
  const limits = { headersTimeout: (options.headTimeout ?? 0) * 1000, requestTimeout: 0, connectionsCheckingInterval: 1000, keepAliveTimeout: options.keepAlive * 1000 };
  const { tls } = options;
  const server = tls === undefined ? createServer(limits, receiver(options)) : (await import("node:https")).createServer({ ...limits, ...(await tlsOptions(tls)) }, receiver(options));
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(where, resolve);
    });
  } catch (error) {
    if (!("fd" in where)) throw error;
    throw new Error(`Cannot adopt descriptor ${where.fd}: it is not a listening socket`, { cause: error });
  }
  server.on("error", () => {}); // One connection that could not be accepted: its client sees that.
  return server;
}

async function tlsOptions({ pairs, ca, ciphers, minVersion }: Tls): Promise<HttpsOptions> {
  const { createSecureContext } = await import("node:tls");
  const common = { ...(ciphers === null ? {} : { ciphers }), minVersion: `TLSv${minVersion}` } as const;
  const client = ca === null ? {} : { ca, requestCert: true, rejectUnauthorized: true };
  const byName = new Map(pairs.toReversed().flatMap(({ names, cert, key }) => {
    const context = createSecureContext({ ...common, ...client, cert, key });
    return names.map((name) => [name, context] as const);
  }));
  const [first] = pairs;
  return {
    ...common,
    ...client,
    handshakeTimeout: HANDSHAKE,
    cert: first!.cert,
    key: first!.key,
    // Without a context, it is the first.
    ...(pairs.length === 1 ? {} : { SNICallback: (name, found) => found(null, byName.get(name) ?? byName.get(name.replace(/^[^.]+/, "*"))) }),
  };
}

/** What node:http calls for each request. */
function receiver({ handler, onError, lightRequests = false }: ServeOptions): (incoming: IncomingMessage, outgoing: ServerResponse) => void {
  return (incoming, outgoing) => {
    if (refused.has(incoming.socket)) return;
    const request = requestOf(incoming, outgoing, lightRequests);
    if (request === null) return refuse(incoming, outgoing);
    const answer = attempt(() => handler(request, new Platform(incoming, outgoing)));
    if (sawLast && lastAnswers.has(answer)) refused.add(incoming.socket);
    if (answer instanceof Response) return send(incoming, outgoing, answer);
    answer.then((response) => send(incoming, outgoing, response), (error: unknown) => send(incoming, outgoing, onError(error)));
  };

  function attempt(run: () => Response | Promise<Response>): Response | Promise<Response> {
    try {
      return run();
    } catch (error) {
      return onError(error);
    }
  }
}

function requestOf(incoming: IncomingMessage, outgoing: ServerResponse, isLight: boolean): Request | null {
  const url = urlOf(incoming, NO_HOST);
  if (url === null || !isFramed(incoming)) return null;
  if (isLight) return new NodeRequest(url, incoming, outgoing) as unknown as Request;
  try {
    return realRequest(url, incoming, outgoing);
  } catch {
    return null;
  }
}

/**
 * Whether nobody in front can have seen the end of this request elsewhere: there are no chunks in HTTP/1.0, and no other coding is understood.
 * Node takes HTTP/0.9 and HTTP/2.0 for HTTP/1.
 */
function isFramed(incoming: IncomingMessage): boolean {
  if (incoming.httpVersion !== "1.1" && incoming.httpVersion !== "1.0") return false;
  if (incoming.httpVersion !== "1.0" && (incoming.method === "GET" || incoming.method === "HEAD")) return true;
  const coding = incoming.headers["transfer-encoding"];
  return coding === undefined || (incoming.httpVersion !== "1.0" && coding.toLowerCase() === "chunked");
}

/** Answers after which nothing more is served: what was in the pipeline behind them has been read by then. */
const lastAnswers = new WeakSet<object>();
let sawLast = false;

function lastAnswer(text: string, init: Parameters<LastAnswer>[1]): Response {
  const response = new LightResponse(text, init);
  lastAnswers.add(response);
  sawLast = true;
  return response;
}

/** Connections on which nothing more is served: what else has come on them was read already. */
const refused = new WeakSet<object>();

function refuse(incoming: IncomingMessage, outgoing: ServerResponse): void {
  refused.add(incoming.socket);
  outgoing.writeHead(400, ["Content-Type", "text/plain; charset=utf-8", "Content-Length", "11", "Connection", "close"]).end("Bad Request");
}

/** What a handler gets beside the request, as from @hono/node-server; the peer in the form of Deno's. */
class Platform {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  constructor(incoming: IncomingMessage, outgoing: ServerResponse) {
    this.incoming = incoming;
    this.outgoing = outgoing;
  }
  get remoteAddr(): { readonly hostname: string; readonly port: number | undefined } {
    const { remoteAddress = "", remotePort } = this.incoming.socket;
    return { hostname: remoteAddress, port: remotePort };
  }
}

function native(server: Server): NativeServer {
  const port = (server.address() as AddressInfo | null)?.port;
  const { promise: finished, resolve } = Promise.withResolvers<unknown>();
  return {
    ...(port === undefined ? {} : { port }),
    stop: async (hard) => {
      stopListening(server);
      await ended(server, hard ? 0 : Infinity);
      resolve(undefined);
    },
    finished,
  };
}

function served(server: Server): Served {
  const { promise: over, resolve } = Promise.withResolvers<unknown>();
  let closing: Promise<void> | undefined;
  return {
    madeUpHost: NO_HOST,
    // There is no way to have node:net stop accepting and begin again; the turnstile sees to it that what is too much waits.
    pause: () => {},
    resume: () => {},
    leave: () => stopListening(server),
    close: (deadline) => {
      stopListening(server);
      return closing ??= ended(server, deadline).then(() => resolve(undefined));
    },
    ended: over,
  };
}

/** Lets the listening socket go, and no connection: node:http's own close() would end those that are idle at the moment. */
function stopListening(server: Server): void {
  if (server.listening) NetServer.prototype.close.call(server);
}

/** Ends connections as they become idle, and all that are left at the deadline. */
function ended(server: Server, deadline: Millis): Promise<void> {
  const since = performance.now();
  return new Promise((resolve) => {
    const look = () => {
      if (performance.now() - since >= deadline) server.closeAllConnections();
      else server.closeIdleConnections();
      server.getConnections((_, open) => {
        if (open === 0) resolve();
        else setTimeout(look, LOOK);
      });
    };
    look();
  });
}
