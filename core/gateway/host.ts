import { TsgiError } from "./error.ts";
import { isPlainAuthority } from "./target.ts";
import type { Environ } from "./types.ts";

/**
 * The host that the client asked for, without the scheme's own port: HTTP_HOST, else SERVER_NAME and SERVER_PORT (SPEC U-4).
 *
 * The client chooses HTTP_HOST. Give `trustedHosts` wherever the answer gets into a link: exact names, or `.example.com` for that name
 * and all below it. `X-Forwarded-Host` is not read; `proxyFix` does that, where a proxy is known to be in front.
 *
 * Throws {@linkcode TsgiError} `ERR_TSGI_HOST` for a host that no name or address is, or that is not trusted; answer 400.
 *
 * @example
 * ```ts
 * getHost(testEnviron({ HTTP_HOST: "example.org:8080" }), [".example.org"]); // "example.org:8080"
 * ```
 */
export function getHost(environ: Environ, trustedHosts?: readonly string[]): string {
  const written = environ.HTTP_HOST || `${environ.SERVER_NAME}:${environ.SERVER_PORT}`;
  if (!isPlainAuthority(written)) {
    throw new TsgiError("ERR_TSGI_HOST", `Cannot use the host ${quote(written)}: expected a name or an address, with or without a port`);
  }
  const [name, port] = split(written);
  if (trustedHosts !== undefined && !trustedHosts.some((trusted) => isTrusted(name.toLowerCase(), trusted.toLowerCase()))) {
    throw new TsgiError("ERR_TSGI_HOST", `Cannot trust the host ${quote(name)}: expected one of ${trustedHosts.join(", ") || "none"}`);
  }
  const usual = environ["tsgi.url_scheme"] === "https" ? "443" : "80";
  return port === "" || port === usual ? name : `${name}:${port}`;
}

/**
 * The scheme that the variable HTTPS of CGI means: https if it is `on`, `1` or `yes` (SPEC U-5).
 *
 * @example
 * ```ts
 * guessScheme({ HTTPS: "on" }); // "https"
 * ```
 */
export function guessScheme(environ: { HTTPS?: string }): "http" | "https" {
  return ["on", "1", "yes"].includes(environ.HTTPS ?? "") ? "https" : "http";
}

function split(authority: string): [name: string, port: string] {
  const port = /:(\d+)$/.exec(authority);
  return port === null ? [authority, ""] : [authority.slice(0, port.index), port[1] ?? ""];
}

function isTrusted(name: string, trusted: string): boolean {
  return trusted.startsWith(".") ? name === trusted.slice(1) || name.endsWith(trusted) : name === trusted;
}

/** The client wrote it: no control character may get into a log. */
function quote(name: string): string {
  return JSON.stringify(name.slice(0, 100));
}
