import { getHost } from "./host.ts";
import { encodePath } from "./path.ts";
import type { Environ } from "./types.ts";

/**
 * The URL of the application: where it is mounted (PEP 3333 "URL Reconstruction", SPEC U-2).
 *
 * It believes HTTP_HOST, which the client wrote. Before a link goes into a mail or a redirect, ask `getHost(environ, trusted)`.
 *
 * @example
 * ```ts
 * applicationUri(testEnviron({ SCRIPT_NAME: "/shop", PATH_INFO: "/cart" })); // "http://127.0.0.1/shop"
 * ```
 */
export function applicationUri(environ: Environ): string {
  return `${environ["tsgi.url_scheme"]}://${authority(environ)}${encodePath(environ.SCRIPT_NAME || "/")}`;
}

/**
 * The URL of the request, without its query if `includeQuery` is false. Of HTTP_HOST the same is to be said as above
 * ({@linkcode applicationUri}).
 *
 * @example
 * ```ts
 * requestUri(testEnviron("http://example.com/a%20b?x=1")); // "http://example.com/a%20b?x=1"
 * ```
 */
export function requestUri(environ: Environ, includeQuery = true): string {
  const path = encodePath(environ.PATH_INFO);
  const query = includeQuery && environ.QUERY_STRING !== "" ? `?${environ.QUERY_STRING}` : "";
  // At the root applicationUri already ends with the slash that PATH_INFO begins with; "*" and "host:port" are no part of a URL.
  const rest = !path.startsWith("/") ? "" : environ.SCRIPT_NAME === "" ? path.slice(1) : path;
  return applicationUri(environ) + rest + query;
}

/**
 * The URL of the application with a slash at the end, to which relative paths can be appended. The host is checked, and the default
 * port left out ({@linkcode getHost}, whose errors it throws).
 *
 * @example
 * ```ts
 * rootUrl(testEnviron({ HTTP_HOST: "example.com:80", SCRIPT_NAME: "/shop" })); // "http://example.com/shop/"
 * ```
 */
export function rootUrl(environ: Environ): string {
  // shiftPathInfo may have left a slash at the end.
  const script = environ.SCRIPT_NAME.replace(/\/$/, "");
  return `${environ["tsgi.url_scheme"]}://${getHost(environ)}${encodePath(script)}/`;
}

function authority(environ: Environ): string {
  if (environ.HTTP_HOST) return environ.HTTP_HOST;
  const usual = environ["tsgi.url_scheme"] === "https" ? "443" : "80";
  return environ.SERVER_PORT === usual ? environ.SERVER_NAME : `${environ.SERVER_NAME}:${environ.SERVER_PORT}`;
}
