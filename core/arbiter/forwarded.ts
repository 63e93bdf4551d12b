/**
 * What a trusted proxy says of the scheme its client used. The headers are gunicorn's (`secure_scheme_headers`); from anybody else they
 * are ordinary headers. gunicorn answers 400 where they contradict each other; to look for that would cost every request a fifth of its time,
 * so here they are looked at when the application asks for the scheme, and then none of them is believed; with strict-headers, it is 400. REMOTE_ADDR is never rewritten: that is for `proxyFix`, which is told how many proxies there are.
 */
import { layerServerInfo, recogniseServer } from "../gateway/server_info.ts";
import type { ServerInfo } from "../gateway/types.ts";
import { isTrusted, type Trusted } from "./networks.ts";

/** Each header with the value that means https; any other value means http. */
export type SecureHeaders = Readonly<Record<string, string>>;

/** Says of each request what `common` says, and the scheme that a trusted proxy tells, worked out when it is asked for. */
export function forwardedServer(common: ServerInfo, trusted: Trusted, headers: SecureHeaders): (request: Request, argument: unknown, context: unknown) => ServerInfo {
  const secure = Object.entries(headers);
  return (request, argument, context) => {
    const peer = recogniseServer(request, argument, context);
    return layerServerInfo(new Forwarded(common, peer, () => believed(forwardedScheme(request.headers, secure)), trusted) as ServerInfo, peer);
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
