/**
 * What a trusted proxy says of the scheme its client used. The headers are gunicorn's (`secure_scheme_headers`); from anybody else they
 * are ordinary headers. REMOTE_ADDR is never rewritten: that is for `proxyFix`, which is told how many proxies there are.
 */
import { layerServerInfo, recogniseServer } from "../gateway/server_info.ts";
import type { App, Environ, ServerInfo } from "../gateway/types.ts";
import { isTrusted, type Trusted } from "./networks.ts";

/** Each header with the value that means https; any other value means http. */
const SECURE = [["x-forwarded-proto", "https"], ["x-forwarded-protocol", "ssl"], ["x-forwarded-ssl", "on"]] as const;

/** Says of each request what `common` says, and the scheme that a trusted proxy tells, worked out when it is asked for. */
export function forwardedServer(common: ServerInfo, trusted: Trusted): (request: Request, argument: unknown, context: unknown) => ServerInfo {
  return (request, argument, context) => {
    const peer = recogniseServer(request, argument, context);
    const info: ServerInfo = {
      ...common,
      get urlScheme() {
        return isTrusted(trusted, peer.remoteAddr) ? forwardedScheme(request.headers) ?? common.urlScheme! : common.urlScheme!;
      },
    };
    return layerServerInfo(info, peer);
  };
}

function forwardedScheme(headers: Headers): "http" | "https" | null {
  for (const [name, secure] of SECURE) {
    const value = headers.get(name);
    if (value !== null) return value === secure ? "https" : "http";
  }
  return null;
}

/** Answers 400 where a trusted proxy contradicts itself, as gunicorn does: nobody knows then what the client used. */
export function refuseContradictions(app: App, trusted: Trusted): App {
  return (environ, startResponse) => {
    if (!isContradictory(environ) || !isTrusted(trusted, environ.REMOTE_ADDR)) return app(environ, startResponse);
    startResponse("400 Bad Request", [["Content-Type", "text/plain; charset=utf-8"]]);
    return ["Contradictory scheme headers"];
  };
}

function isContradictory(environ: Environ): boolean {
  const { HTTP_X_FORWARDED_PROTOCOL: protocol, HTTP_X_FORWARDED_SSL: ssl } = environ;
  if (protocol === undefined && ssl === undefined) return false; // The usual case: one header cannot contradict itself.
  const values = [environ.HTTP_X_FORWARDED_PROTO, protocol, ssl];
  const schemes = values.flatMap((value, i) => (value === undefined ? [] : [value === SECURE[i]![1]]));
  return new Set(schemes).size > 1;
}
