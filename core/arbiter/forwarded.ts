/**
 * What a trusted proxy says of its client: the scheme it used and, with proxy-headers, its address. The headers are gunicorn's (`secure_scheme_headers`); from anybody else they
 * are ordinary headers. gunicorn answers 400 where they contradict each other; to look for that would cost every request a fifth of its time,
 * so here they are looked at when the application asks for the scheme, and then none of them is believed; with strict-headers, it is 400.
 *
 * Of X-Forwarded-For, the last address counts that is no trusted proxy: all before it may be the client's own text. `proxyFix` does without
 * addresses of proxies, and is told how many there are.
 */
import { layerServerInfo, plainAddress, recogniseServer } from "../gateway/server_info.ts";
import type { ServerInfo } from "../gateway/types.ts";
import { isAddress, isTrusted, type Trusted } from "./networks.ts";

/** Each header with the value that means https; any other value means http. */
export type SecureHeaders = Readonly<Record<string, string>>;

export interface ForwardedOptions {
  readonly trusted: Trusted;
  readonly secureHeaders: SecureHeaders;
  /** Whether X-Forwarded-For is believed. */
  readonly addresses: boolean;
}

/** Says of each request what `common` says, and what a trusted proxy tells, worked out when it is asked for. */
export function forwardedServer(common: ServerInfo, { trusted, secureHeaders, addresses }: ForwardedOptions): (request: Request, argument: unknown, context: unknown) => ServerInfo {
  const secure = Object.entries(secureHeaders);
  return (request, argument, context) => {
    const peer = recogniseServer(request, argument, context);
    const scheme = () => believed(forwardedScheme(request.headers, secure));
    const told = addresses
      ? new ForwardedClient(common, peer, scheme, trusted, () => forwardedClient(request.headers, peer.remoteAddr, trusted))
      : new Forwarded(common, peer, scheme, trusted);
    return layerServerInfo(told as ServerInfo, peer);
  };
}

/** A class, since an object with a getter of its own costs more than all that is asked of it. */
class Forwarded {
  readonly software: string | undefined;
  readonly serverName: string | undefined;
  readonly serverPort: string | number | undefined;
  readonly multiprocess: boolean | undefined;
  readonly #scheme: "http" | "https";
  readonly #peer: ServerInfo;
  readonly #told: () => "http" | "https" | null;
  readonly #trusted: Trusted;

  constructor(common: ServerInfo, peer: ServerInfo, told: () => "http" | "https" | null, trusted: Trusted) {
    this.software = common.software;
    this.serverName = common.serverName;
    this.serverPort = common.serverPort;
    this.multiprocess = common.multiprocess;
    this.#scheme = common.urlScheme!;
    this.#peer = peer;
    this.#told = told;
    this.#trusted = trusted;
  }

  get urlScheme(): "http" | "https" {
    return isTrusted(this.#trusted, this.#peer.remoteAddr) ? this.#told() ?? this.#scheme : this.#scheme;
  }
}

/** And the client's address. Of its port nobody has said anything. */
class ForwardedClient extends Forwarded {
  readonly #peer: ServerInfo;
  readonly #client: () => string | null;
  #address: string | null | undefined;

  constructor(common: ServerInfo, peer: ServerInfo, told: () => "http" | "https" | null, trusted: Trusted, client: () => string | null) {
    super(common, peer, told, trusted);
    this.#peer = peer;
    this.#client = client;
  }

  get remoteAddr(): string | undefined {
    return this.#told() ?? this.#peer.remoteAddr;
  }

  get remotePort(): string | number | undefined {
    return this.#told() === null ? this.#peer.remotePort : "";
  }

  #told(): string | null {
    if (this.#address === undefined) this.#address = this.#client();
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
export function forwardedScheme(headers: Headers, secure: readonly (readonly [string, string])[]): "http" | "https" | "contradictory" | null {
  const schemes = new Set<"http" | "https">();
  for (const [name, meaning] of secure) {
    const value = headers.get(name);
    if (value !== null) schemes.add(value === meaning ? "https" : "http");
  }
  return schemes.size > 1 ? "contradictory" : [...schemes][0] ?? null;
}

function believed(scheme: ReturnType<typeof forwardedScheme>): "http" | "https" | null {
  return scheme === "contradictory" ? null : scheme;
}
