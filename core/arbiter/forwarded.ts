/**
 * What a trusted proxy says of its client: the scheme it used and, with proxy-headers, its address. The headers are gunicorn's (`secure_scheme_headers`); from anybody else they
 * are ordinary headers. gunicorn answers 400 where they contradict each other; to look for that would cost every request a fifth of its time,
 * so here they are looked at when the application asks for the scheme, and then none of them is believed; with strict-headers, it is 400.
 *
 * Of X-Forwarded-For, the last address counts that is no trusted proxy: all before it may be the client's own text. `proxyFix` does without
 * addresses of proxies, and is told how many there are.
 */
import type { HeaderReader } from "../gateway/request_headers.ts";
import { layerServerInfo, plainAddress, recogniseServer } from "../gateway/server_info.ts";
import type { ServerInfo } from "../gateway/types.ts";
import { isAddress, isTrusted, type Trusted, trusting } from "./networks.ts";

/** Each header with the value that means https; any other value means http. */
export type SecureHeaders = Readonly<Record<string, string>>;

export interface ForwardedOptions {
  readonly trusted: Trusted;
  readonly secureHeaders: SecureHeaders;
  /** Whether X-Forwarded-For is believed. */
  readonly addresses: boolean;
  readonly requestHeaders: HeaderReader;
}

/** Says of each request what `common` says, and what a trusted proxy tells, worked out when it is asked for. */
export function forwardedServer(common: ServerInfo, { trusted, secureHeaders, addresses, requestHeaders }: ForwardedOptions): (request: Request, argument: unknown, context: unknown) => ServerInfo {
  const means: Means = { common, trusted, isTrusted: trusting(trusted), secure: Object.entries(secureHeaders), requestHeaders };
  return (request, argument, context) => {
    const peer = recogniseServer(request, argument, context);
    const told = addresses ? new ForwardedClient(means, peer, request) : new Forwarded(means, peer, request);
    return layerServerInfo(told as ServerInfo, peer);
  };
}

/** What all requests have in common. */
interface Means {
  readonly common: ServerInfo;
  readonly trusted: Trusted;
  readonly isTrusted: (address: string | undefined) => boolean;
  readonly secure: readonly (readonly [string, string])[];
  readonly requestHeaders: HeaderReader;
}

/** A class, since an object with a getter of its own costs more than all that is asked of it. */
class Forwarded {
  readonly #means: Means;
  readonly #peer: ServerInfo;
  readonly #request: Request;
  #scheme: "http" | "https" | null = null;

  constructor(means: Means, peer: ServerInfo, request: Request) {
    this.#means = means;
    this.#peer = peer;
    this.#request = request;
  }

  get software(): string | undefined {
    return this.#means.common.software;
  }
  get serverName(): string | undefined {
    return this.#means.common.serverName;
  }
  get serverPort(): string | number | undefined {
    return this.#means.common.serverPort;
  }
  get multiprocess(): boolean | undefined {
    return this.#means.common.multiprocess;
  }
  get urlScheme(): "http" | "https" {
    return this.#scheme ??= this.#askScheme();
  }

  #askScheme(): "http" | "https" {
    const { common, isTrusted, secure, requestHeaders } = this.#means;
    const told = isTrusted(this.#peer.remoteAddr) ? forwardedScheme((name) => requestHeaders.get(this.#request, name), secure) : null;
    // Where they contradict each other, nobody knows what the client used.
    return told === null || told === "contradictory" ? common.urlScheme! : told;
  }
}

/** And the client's address. Of its port nobody has said anything. */
class ForwardedClient extends Forwarded {
  readonly #trusted: Trusted;
  readonly #peer: ServerInfo;
  readonly #request: Request;
  #address: string | null | undefined;

  constructor(means: Means, peer: ServerInfo, request: Request) {
    super(means, peer, request);
    this.#trusted = means.trusted;
    this.#peer = peer;
    this.#request = request;
  }

  get remoteAddr(): string | undefined {
    return this.#told() ?? this.#peer.remoteAddr;
  }

  get remotePort(): string | number | undefined {
    return this.#told() === null ? this.#peer.remotePort : "";
  }

  #told(): string | null {
    if (this.#address === undefined) this.#address = forwardedClient(this.#request.headers, this.#peer.remoteAddr, this.#trusted);
    return this.#address;
  }
}

/** The client's address, as a trusted peer tells it; null if it says nothing that is an address, or is not trusted. */
export function forwardedClient(headers: Headers, peer: string | undefined, trusted: Trusted): string | null {
  const told = isTrusted(trusted, peer) ? headers.get("x-forwarded-for") : null;
  // That everybody may be a proxy does not say who is one: then it is the peer alone.
  const proxies = { ...trusted, everyone: false };
  let client: string | null = null;
  for (const hop of told?.split(",").reverse() ?? []) {
    const address = withoutPort(hop.trim());
    if (!isAddress(address)) break;
    client = plainAddress(address);
    if (!isTrusted(proxies, client)) break;
  }
  return client;
}

/** `192.0.2.1:80` and `[2001:db8::1]:80` are written by some. */
function withoutPort(hop: string): string {
  return /^\[([^\]]*)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop;
}

/** Null where nothing is said. Where the headers contradict each other, nobody knows what the client used, and none is believed. */
export function forwardedScheme(header: (name: string) => string | null, secure: readonly (readonly [string, string])[]): "http" | "https" | "contradictory" | null {
  let scheme: "http" | "https" | null = null;
  for (const [name, meaning] of secure) {
    const value = header(name);
    if (value === null) continue;
    const told = value === meaning ? "https" : "http";
    if (scheme !== null && scheme !== told) return "contradictory";
    scheme = told;
  }
  return scheme;
}
