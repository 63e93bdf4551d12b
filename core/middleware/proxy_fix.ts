import { decodePath } from "../gateway/path.ts";
import { isPlainAuthority } from "../gateway/target.ts";
import type { Environ, Middleware } from "../gateway/types.ts";

/** How many proxies in front set each X-Forwarded header: so many values from the right are trusted. 0 ignores the header. */
export interface ProxyFixOptions {
  /** X-Forwarded-For to REMOTE_ADDR; 1 unless given. */
  readonly xFor?: number;
  /** X-Forwarded-Proto to `tsgi.url_scheme` and HTTPS; 1 unless given. */
  readonly xProto?: number;
  /** X-Forwarded-Host to HTTP_HOST, SERVER_NAME and SERVER_PORT. */
  readonly xHost?: number;
  /** X-Forwarded-Port to SERVER_PORT and the port of HTTP_HOST. */
  readonly xPort?: number;
  /** X-Forwarded-Prefix to SCRIPT_NAME. */
  readonly xPrefix?: number;
}

/** `environ["tsgi.proxy_fix.orig"]`: what the server itself said. */
export interface ProxyFixOriginal extends Pick<Environ, "REMOTE_ADDR" | "tsgi.url_scheme" | "SERVER_NAME" | "SERVER_PORT" | "SCRIPT_NAME"> {
  HTTP_HOST?: string;
}

/**
 * Corrects environ by the X-Forwarded headers of the proxies in front.
 *
 * Use it only behind a proxy that sets every header named here, and with exactly as many values as there are proxies: whatever nobody
 * in front overwrites, a client can forge. A value that is missing, empty or cannot be what it should is ignored. The originals are in
 * `tsgi.proxy_fix.orig`.
 *
 * @example
 * ```ts
 * const application = proxyFix({ xFor: 1, xProto: 1, xHost: 1 })(shop);
 * ```
 */
export function proxyFix(options: ProxyFixOptions = {}): Middleware {
  const { xFor = 1, xProto = 1, xHost = 0, xPort = 0, xPrefix = 0 } = options;
  for (const [name, count] of Object.entries({ xFor, xProto, xHost, xPort, xPrefix })) {
    if (!Number.isInteger(count) || count < 0) throw new RangeError(`Cannot use ${name}: expected a number of proxies, got ${String(count)}`);
  }
  return (app) => (environ, startResponse) => {
    environ["tsgi.proxy_fix.orig"] = original(environ);
    fixAddress(environ, trusted(environ.HTTP_X_FORWARDED_FOR, xFor));
    fixScheme(environ, trusted(environ.HTTP_X_FORWARDED_PROTO, xProto));
    fixHost(environ, trusted(environ.HTTP_X_FORWARDED_HOST, xHost));
    fixPort(environ, trusted(environ.HTTP_X_FORWARDED_PORT, xPort));
    fixPrefix(environ, trusted(environ.HTTP_X_FORWARDED_PREFIX, xPrefix));
    return app(environ, startResponse);
  };
}

function original(environ: Environ): ProxyFixOriginal {
  const { REMOTE_ADDR, HTTP_HOST, SERVER_NAME, SERVER_PORT, SCRIPT_NAME } = environ;
  return {
    ...(REMOTE_ADDR === undefined ? {} : { REMOTE_ADDR }),
    ...(HTTP_HOST === undefined ? {} : { HTTP_HOST }),
    "tsgi.url_scheme": environ["tsgi.url_scheme"],
    SERVER_NAME,
    SERVER_PORT,
    SCRIPT_NAME,
  };
}

/** The value that the outermost of `count` proxies has added; "" if there is none. */
function trusted(header: string | undefined, count: number): string {
  return count === 0 ? "" : header?.split(",").at(-count)?.trim() ?? "";
}

function fixAddress(environ: Environ, address: string): void {
  if (address !== "") environ.REMOTE_ADDR = address;
}

function fixScheme(environ: Environ, proto: string): void {
  const scheme = proto.toLowerCase();
  if (scheme !== "http" && scheme !== "https") return;
  environ["tsgi.url_scheme"] = scheme;
  if (scheme === "https") environ.HTTPS = "on";
  else delete environ.HTTPS;
}

function fixHost(environ: Environ, host: string): void {
  if (!isPlainAuthority(host)) return;
  const { name, port } = split(host);
  environ.HTTP_HOST = host;
  environ.SERVER_NAME = name;
  if (port !== "") environ.SERVER_PORT = port;
}

function fixPort(environ: Environ, port: string): void {
  if (!/^\d{1,5}$/.test(port)) return;
  if (environ.HTTP_HOST) environ.HTTP_HOST = `${split(environ.HTTP_HOST).name}:${port}`;
  environ.SERVER_PORT = port;
}

/** The header is part of a URL and so percent-encoded; SCRIPT_NAME is not. A lone slash means no prefix. */
function fixPrefix(environ: Environ, prefix: string): void {
  if (!prefix.startsWith("/")) return;
  environ.SCRIPT_NAME = decodePath(prefix.replace(/\/+$/, ""));
  // At the root the path is never empty.
  if (environ.SCRIPT_NAME === "" && environ.PATH_INFO === "") environ.PATH_INFO = "/";
}

/** The colons of an IPv6 address stand in brackets. */
function split(authority: string): { name: string; port: string } {
  const found = /^(.*):(\d*)$/.exec(authority);
  return found === null ? { name: authority, port: "" } : { name: found[1]!, port: found[2]! };
}
