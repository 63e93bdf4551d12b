/** The access log of a worker: a line per request, in gunicorn's form or as JSON. */
import { plainAddress } from "../gateway/server_info.ts";
import type { Environ } from "../gateway/types.ts";
import { type AccessEnd, type AccessLine, compileAccessFormat, compileAccessJson } from "../logging/access.ts";
import type { Settings } from "../settings/table.ts";
import type { LogTarget } from "./process.ts";

export interface RequestLog {
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

export interface Seen {
  readonly since: number;
  readonly request: Request;
  readonly environ?: Environ;
  readonly platform: unknown;
  readonly status: number;
  responseHeader(name: string): string | null;
}

export function requestLog(target: LogTarget, settings: Settings, pid: number): RequestLog {
  const compile = settings.logFormat === "json" ? compileAccessJson : compileAccessFormat;
  const line: AccessLine = compile(settings.accessLogformat, { pid });
  const refused = new WeakSet<Request>();
  let isRefusing = false;
  return { begin, refuse };

  function begin(seen: Seen): (bytes: number | null) => void {
    if (isRefusing && refused.has(seen.request)) return nothing;
    const finish = line({
      request: seen.request,
      environ: seen.environ,
      status: seen.status,
      responseHeader: (name) => seen.responseHeader(name),
      get remoteAddr() {
        return peerOf(seen.request, seen.platform);
      },
    });
    return (bytes) => target.write(finish(endOf(bytes, seen.since)));
  }

  function refuse(request: Refused, response: Response, bytes: number): void {
    begin({ ...request, status: response.status, responseHeader: (name) => response.headers.get(name) })(request.request.method === "HEAD" ? 0 : bytes);
    isRefusing = true;
    refused.add(request.request);
  }
}

function nothing(): void {}

function endOf(bytes: number | null, since: number): AccessEnd {
  return { bytes, seconds: (performance.now() - since) / 1000, time: Date.now() };
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
