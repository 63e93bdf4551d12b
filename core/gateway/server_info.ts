/**
 * What the platform's own arguments say about a request (SPEC F-2), recognised by shape: no runtime is imported, and nothing is read
 * before somebody asks, since asking costs (`requestIP()` a fifth of a small request on Bun).
 *
 * Each class is a {@linkcode ServerInfo} whose members are getters.
 */
import type { EarlyHints, HeaderList, ServerInfo } from "./types.ts";

/**
 * `deno` and `bun` mean the native server itself called: it frames the body and drops the reason phrase, whatever the Response says,
 * and on Deno the URL is the client's raw text.
 */
export type PlatformKind = "deno" | "bun" | "other";

/** Deno's ServeHandlerInfo. */
interface DenoArgument {
  readonly remoteAddr: { readonly transport: string; readonly hostname?: string; readonly port?: number };
}
/** Bun's Server. */
interface BunArgument {
  readonly hostname?: string;
  readonly port?: number;
  requestIP(request: Request): { readonly address: string; readonly port: number } | null;
}
/** What is used of node:http's IncomingMessage and ServerResponse. */
interface NodeIncoming {
  readonly url?: string;
  readonly httpVersion?: string;
  readonly socket?: { readonly remoteAddress?: string; readonly remotePort?: number; readonly localAddress?: string; readonly localPort?: number };
}
interface NodeOutgoing {
  writeEarlyHints?(hints: Record<string, string | string[]>): void;
}
type WaitUntil = (promise: PromiseLike<unknown>) => void;
interface Waiting {
  readonly waitUntil: WaitUntil;
}

const NOTHING: ServerInfo = {};
const COLON = 0x3a;
const onWorkerd = typeof navigator === "object" && navigator.userAgent === "Cloudflare-Workers";

let lastShape: object | null = null;
let lastKind: PlatformKind = "other";

/** Which native server passed this argument. Its prototype is remembered, so that asking costs nothing the second time. */
export function platformKind(argument: unknown): PlatformKind {
  if (typeof argument !== "object" || argument === null) return "other";
  const shape = Object.getPrototypeOf(argument) as object | null;
  if (shape !== null && shape === lastShape) return lastKind;
  const kind = isBun(argument) ? "bun" : isDeno(argument) ? "deno" : "other";
  // Plain objects share one prototype whatever they are.
  if (shape !== Object.prototype) {
    lastShape = shape;
    lastKind = kind;
  }
  return kind;
}

/** Recognises Deno.serve, Bun.serve, srvx, @hono/node-server and workerd by what they pass; the empty ServerInfo for the rest. */
export function recogniseServer(request: Request, argument?: unknown, context?: unknown): ServerInfo {
  const kind = platformKind(argument);
  if (kind === "bun") return new BunServerInfo(argument as BunArgument, request);
  if (kind === "deno") return new DenoServerInfo(argument as DenoArgument);
  if (onWorkerd) return new WorkerdServerInfo(request, context) as ServerInfo;
  const node = nodePair(request, argument);
  if (node !== null) return new NodeServerInfo(node.incoming, node.outgoing, context) as ServerInfo;
  const waitUntil = forward(context);
  return waitUntil === undefined ? NOTHING : { waitUntil };
}

/** `above` where it says something, `below` elsewhere. */
export function layerServerInfo(above: ServerInfo, below: ServerInfo): ServerInfo {
  return below === NOTHING ? above : new LayeredServerInfo(above, below) as ServerInfo;
}

/** `::ffff:192.0.2.1` is how a socket that takes both families writes an IPv4 peer; nobody means the longer form. */
export function plainAddress(address: string): string {
  return address.charCodeAt(0) === COLON && /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(address) ? address.slice(7) : address;
}

class DenoServerInfo implements ServerInfo {
  readonly #argument: DenoArgument;
  #peer: DenoArgument["remoteAddr"] | null = null;
  constructor(argument: DenoArgument) {
    this.#argument = argument;
  }
  get remoteAddr(): string {
    return plainAddress(this.#ask().hostname ?? "");
  }
  get remotePort(): number | "" {
    return this.#ask().port ?? "";
  }
  #ask(): { readonly hostname?: string; readonly port?: number } {
    try {
      return this.#peer ??= this.#argument.remoteAddr;
    } catch {
      // The response is over and the request closed: nobody is known there any more.
      return {};
    }
  }
}

class BunServerInfo implements ServerInfo {
  readonly #server: BunArgument;
  readonly #request: Request;
  #peer: { readonly address: string; readonly port: number } | null | undefined;
  constructor(server: BunArgument, request: Request) {
    this.#server = server;
    this.#request = request;
  }
  get serverName(): string {
    return bracketed(this.#server.hostname ?? "");
  }
  get serverPort(): number | "" {
    return this.#server.port ?? "";
  }
  get remoteAddr(): string {
    return plainAddress(this.#ask()?.address ?? "");
  }
  get remotePort(): number | "" {
    return this.#ask()?.port ?? "";
  }
  #ask(): { readonly address: string; readonly port: number } | null {
    return this.#peer ??= this.#server.requestIP(this.#request);
  }
}

class NodeServerInfo {
  readonly #incoming: NodeIncoming;
  readonly #outgoing: NodeOutgoing;
  readonly #context: unknown;
  constructor(incoming: NodeIncoming, outgoing: NodeOutgoing, context: unknown) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    this.#context = context;
  }
  get protocol(): string {
    return this.#incoming.httpVersion ? `HTTP/${this.#incoming.httpVersion}` : "";
  }
  get requestTarget(): string {
    return this.#incoming.url ?? "";
  }
  get serverName(): string {
    return bracketed(plainAddress(this.#incoming.socket?.localAddress ?? ""));
  }
  get serverPort(): number | "" {
    return this.#incoming.socket?.localPort ?? "";
  }
  get remoteAddr(): string {
    return plainAddress(this.#incoming.socket?.remoteAddress ?? "");
  }
  get remotePort(): number | "" {
    return this.#incoming.socket?.remotePort ?? "";
  }
  get earlyHints(): EarlyHints | undefined {
    const outgoing = this.#outgoing;
    return typeof outgoing.writeEarlyHints === "function" ? (headers) => outgoing.writeEarlyHints!(grouped(headers)) : undefined;
  }
  get waitUntil(): WaitUntil | undefined {
    return forward(this.#context);
  }
}

class WorkerdServerInfo {
  readonly #request: Request;
  readonly #context: unknown;
  constructor(request: Request, context: unknown) {
    this.#request = request;
    this.#context = context;
  }
  /** Set by the platform itself, which drops what a client sends by that name. */
  get remoteAddr(): string {
    return this.#request.headers.get("cf-connecting-ip") ?? "";
  }
  get protocol(): string {
    return (this.#request as { readonly cf?: { readonly httpProtocol?: string } }).cf?.httpProtocol ?? "";
  }
  /** Isolates of the same application run in many places. */
  get multiprocess(): boolean {
    return true;
  }
  get waitUntil(): WaitUntil | undefined {
    return forward(this.#context);
  }
}

/** Getters may say undefined, which exactOptionalPropertyTypes keeps out of ServerInfo: hence a class that only resembles it. */
class LayeredServerInfo {
  readonly #above: ServerInfo;
  readonly #below: ServerInfo;
  constructor(above: ServerInfo, below: ServerInfo) {
    this.#above = above;
    this.#below = below;
  }
  get software(): string | undefined {
    return this.#above.software ?? this.#below.software;
  }
  get serverName(): string | undefined {
    return this.#above.serverName ?? this.#below.serverName;
  }
  get serverPort(): string | number | undefined {
    return this.#above.serverPort ?? this.#below.serverPort;
  }
  get protocol(): string | undefined {
    return this.#above.protocol ?? this.#below.protocol;
  }
  get urlScheme(): "http" | "https" | undefined {
    return this.#above.urlScheme ?? this.#below.urlScheme;
  }
  get remoteAddr(): string | undefined {
    return this.#above.remoteAddr ?? this.#below.remoteAddr;
  }
  get remotePort(): string | number | undefined {
    return this.#above.remotePort ?? this.#below.remotePort;
  }
  get requestTarget(): string | undefined {
    return this.#above.requestTarget ?? this.#below.requestTarget;
  }
  get multiprocess(): boolean | undefined {
    return this.#above.multiprocess ?? this.#below.multiprocess;
  }
  get runOnce(): boolean | undefined {
    return this.#above.runOnce ?? this.#below.runOnce;
  }
  get earlyHints(): EarlyHints | undefined {
    return this.#above.earlyHints ?? this.#below.earlyHints;
  }
  get waitUntil(): WaitUntil | undefined {
    return this.#above.waitUntil ?? this.#below.waitUntil;
  }
}

function isBun(argument: object): argument is BunArgument {
  return "requestIP" in argument && typeof argument.requestIP === "function";
}

function isDeno(argument: object): argument is DenoArgument {
  if (!("remoteAddr" in argument)) return false;
  const address = argument.remoteAddr;
  return typeof address === "object" && address !== null && "transport" in address;
}

/** srvx puts node's objects on the request, @hono/node-server passes them. */
function nodePair(request: Request, argument: unknown): { incoming: NodeIncoming; outgoing: NodeOutgoing } | null {
  if (typeof argument === "object" && argument !== null && "incoming" in argument && typeof argument.incoming === "object" && argument.incoming !== null) {
    return { incoming: argument.incoming, outgoing: ("outgoing" in argument ? argument.outgoing as NodeOutgoing | null : null) ?? {} };
  }
  const node = (request as { readonly runtime?: { readonly node?: { readonly req?: NodeIncoming; readonly res?: NodeOutgoing } } }).runtime?.node;
  return node?.req === undefined ? null : { incoming: node.req, outgoing: node.res ?? {} };
}

function isWaiting(context: unknown): context is Waiting {
  return typeof context === "object" && context !== null && "waitUntil" in context && typeof context.waitUntil === "function";
}

function forward(context: unknown): WaitUntil | undefined {
  return isWaiting(context) ? (promise) => context.waitUntil(promise) : undefined;
}

function bracketed(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

function grouped(headers: HeaderList): Record<string, string | string[]> {
  const hints: Record<string, string[]> = {};
  for (const [name, value] of headers) (hints[name.toLowerCase()] ??= []).push(value);
  return hints;
}
