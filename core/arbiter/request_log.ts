/** The access log of a worker: a line per request, in gunicorn's form or as JSON. */
import type { Making } from "../gateway/environ.ts";
import { getHeader } from "../gateway/header_list.ts";
import type { HeaderReader } from "../gateway/request_headers.ts";
import { plainAddress } from "../gateway/server_info.ts";
import type { Environ, HeaderList } from "../gateway/types.ts";
import { type AccessEnd, type AccessExchange, type AccessLine, compileAccessFormat, compileAccessJson } from "../logging/access.ts";
import type { Settings } from "../settings/table.ts";
import { forwardedClient } from "./forwarded.ts";
import { parseTrusted, type Trusted } from "./networks.ts";
import type { LogTarget } from "./process.ts";

export interface RequestLog {
  /** Whether lines say how long a request took: else nobody need look at a clock. */
  readonly isTimed: boolean;
  /** Writes the line of a response that is over. */
  write(seen: Seen, bytes: number | null): void;
  /**
   * Takes what the line says of the request, which is gone once the Response is out of hand; the result writes the line when the response
   * is over. `since` is when the request came, on the clock of `performance.now()`.
   */
  begin(seen: Seen): (bytes: number | null) => void;
  /** Writes the line of a request that `response` answers in the application's place: whatever that may say later is not logged. */
  refuse(refused: Refused, response: Response, bytes: number): void;
}

/** A request that the application does not answer. */
export interface Refused {
  readonly since: number;
  readonly request: Request;
  readonly platform: unknown;
}

/** The gateway's Exchange is one. */
export interface Seen {
  readonly since: number;
  readonly request: Request;
  readonly environ?: Environ;
  readonly making?: Making | null;
  readonly pathStart?: number;
  readonly platform: unknown;
  readonly statusCode: number;
  /** Of the response; null if there is none. */
  readonly headers: HeaderList | Headers | null;
}

export interface RequestLogOptions {
  readonly target: LogTarget;
  readonly settings: Settings;
  readonly pid: number;
  readonly requestHeaders: HeaderReader;
}

export function requestLog({ target, settings, pid, requestHeaders }: RequestLogOptions): RequestLog {
  const compile = settings.logFormat === "json" || settings.accessLogformat === "json" ? compileAccessJson : compileAccessFormat;
  const line: AccessLine = compile(settings.accessLogformat, { pid, named: settings.requestId });
  const means: Means = { requestHeaders, trusted: settings.proxyHeaders ? parseTrusted(settings.forwardedAllowIps) : null };
  const refused = new WeakSet<Request>();
  let isRefusing = false;
  return { isTimed: line.isTimed, write, begin, refuse };

  function write(seen: Seen, bytes: number | null): void {
    if (isRefusing && refused.has(seen.request)) return;
    target.write(line.whole(new Shown(seen, means), endOf(bytes, seen.since)));
  }

  function begin(seen: Seen): (bytes: number | null) => void {
    if (isRefusing && refused.has(seen.request)) return nothing;
    const finish = line(new Shown(seen, means));
    const { since } = seen;
    return (bytes) => target.write(finish(endOf(bytes, since)));
  }

  function endOf(bytes: number | null, since: number): AccessEnd {
    return { bytes, seconds: line.isTimed ? (performance.now() - since) / 1000 : 0, time: Date.now() };
  }

  function refuse(request: Refused, response: Response, bytes: number): void {
    write({ ...request, statusCode: response.status, headers: response.headers }, request.request.method === "HEAD" ? 0 : bytes);
    isRefusing = true;
    refused.add(request.request);
  }
}

function nothing(): void {}

/** What all requests are read with. */
interface Means {
  readonly requestHeaders: HeaderReader;
  /** Null where X-Forwarded-For is not believed. */
  readonly trusted: Trusted | null;
}

/** A class, since an object with a getter of its own costs more than all that is read of it. */
class Shown implements AccessExchange {
  readonly request: Request;
  readonly environ: Environ | undefined;
  readonly own: Making["own"] | null;
  readonly status: number;
  readonly #seen: Seen;
  readonly #means: Means;

  constructor(seen: Seen, means: Means) {
    const { making } = seen;
    this.request = seen.request;
    this.environ = seen.environ;
    this.own = making && making.isSimple ? making.own : null;
    this.status = seen.statusCode;
    this.#seen = seen;
    this.#means = means;
  }

  get pathStart(): number {
    return this.#seen.pathStart!;
  }

  get remoteAddr(): string | null {
    const peer = peerOf(this.request, this.#seen.platform);
    const { trusted } = this.#means;
    return trusted === null ? peer : forwardedClient(this.request.headers, peer ?? undefined, trusted) ?? peer;
  }

  requestHeader(name: string): string | null {
    return this.#means.requestHeaders.get(this.request, name);
  }

  responseHeader(name: string): string | null {
    const { headers } = this.#seen;
    if (headers === null) return null;
    return headers instanceof Headers ? headers.get(name) : getHeader(headers, name) ?? null;
  }
}

/** As Deno's info and Bun's server tell it; null for a unix socket. */
export function peerOf(request: Request, platform: unknown): string | null {
  const { remoteAddr, requestIP } = platform as {
    readonly remoteAddr?: { readonly hostname?: string };
    requestIP?(request: Request): { readonly address: string } | null;
  };
  const address = remoteAddr ? remoteAddr.hostname : requestIP?.call(platform, request)?.address;
  return address === undefined || address === "" ? null : plainAddress(address);
}
