/** The variables of environ, one function each: how a key's value is made from the request and from what the server knows. */
import { kindOf } from "./error.ts";
import { fileWrapper } from "./file_wrapper.ts";
import type { BodyInput } from "./input.ts";
import { requestIdentity } from "../tracing/request_identity.ts";
import { decodePath, encodePath } from "./path.ts";
import type { HeaderReader } from "./request_headers.ts";
import { isPlainAuthority, isSameAuthority } from "./target.ts";
import type { EarlyHints, ErrorStream, ResponseFinished, ServerInfo } from "./types.ts";

/** What is used of a Request. */
export type RequestLike = Pick<Request, "url" | "method" | "headers" | "body"> & { readonly signal?: AbortSignal };

/** What all requests of a gateway have in common. */
export interface EnvironSettings {
  readonly scriptName: string;
  readonly deployer: Readonly<Record<string, unknown>>;
  readonly underscoreHeaders: "drop" | "refuse" | "allow";
  readonly noHost: () => string | null;
  readonly requestHeaders: HeaderReader;
  readonly sampler: { isEager(): boolean; noteEnumerated(): void };
}

/** One request, as far as environ is made from it. The members may be getters that make their value. */
export interface Scope {
  readonly settings: EnvironSettings;
  readonly request: RequestLike;
  /** Where the path begins in `request.url`. */
  readonly pathStart: number;
  /** The URL is the client's raw text. */
  readonly isRaw: boolean;
  readonly info: ServerInfo;
  /** The request-target as it came, where the server knows it: then it counts, and not `request.url`. */
  readonly target: string | undefined;
  readonly input: BodyInput;
  readonly errors: ErrorStream;
  readonly signal: AbortSignal;
  readonly finishers: ResponseFinished[];
  readonly earlyHints: EarlyHints | undefined;
  readonly isOver: boolean;
}

type Maker = (scope: Scope) => unknown;

const VERSION = Object.freeze([1, 0] as const);
const NOT_VISIBLE = /[^\x21-\x7e]/;
/** A header's name as it can be asked for by a key. Lower-case letters and `-` are in no key. */
const HEADER_KEY = /^HTTP_[!#$%&'*+.^`|~0-9A-Z_]+$/;
/** Names remembered, in both directions. Clients choose them, so the number is bounded. */
const REMEMBERED = 512;

/** Every key but HTTP_*. undefined means absent. */
export const MAKERS: ReadonlyMap<string, Maker> = new Map<string, Maker>([
  ["REQUEST_METHOD", (scope) => scope.request.method],
  ["SCRIPT_NAME", (scope) => scope.settings.scriptName],
  ["PATH_INFO", (scope) => mountedPath(scope) ?? "/"],
  ["QUERY_STRING", queryString],
  ["REQUEST_URI", requestUri],
  ["RAW_URI", (scope) => scope.target || undefined],
  ["SERVER_NAME", (scope) => scope.info.serverName || authorityOf(scope).replace(/:[0-9]*$/, "") || "localhost"],
  ["SERVER_PORT", serverPort],
  ["SERVER_PROTOCOL", (scope) => scope.info.protocol || "HTTP/1.1"],
  ["SERVER_SOFTWARE", (scope) => scope.info.software || undefined],
  ["REMOTE_ADDR", (scope) => scope.info.remoteAddr || undefined],
  ["REMOTE_PORT", (scope) => text(scope.info.remotePort)],
  ["HTTPS", (scope) => urlScheme(scope) === "https" ? "on" : undefined],
  ["CONTENT_TYPE", (scope) => header(scope, "content-type") ?? undefined],
  ["CONTENT_LENGTH", contentLength],
  ["tsgi.version", () => VERSION],
  ["tsgi.url_scheme", urlScheme],
  ["tsgi.input", (scope) => scope.input],
  ["tsgi.errors", (scope) => scope.errors],
  // An application object never runs in two threads: each worker and each isolate has its own.
  ["tsgi.multithread", () => false],
  ["tsgi.multiprocess", (scope) => scope.info.multiprocess ?? false],
  ["tsgi.run_once", (scope) => scope.info.runOnce ?? false],
  ["tsgi.nonblocking", () => true],
  ["tsgi.input_terminated", () => true],
  ["tsgi.signal", (scope) => scope.signal],
  ["tsgi.response_finished", (scope) => scope.finishers],
  ["tsgi.file_wrapper", () => fileWrapper],
  ["tsgi.early_hints", (scope) => scope.earlyHints],
  ["tsgi.request_id", (scope) => requestIdentity(scope.request)?.id],
  ["tsgi.trace", (scope) => requestIdentity(scope.request)?.trace],
  ["tsgi.wait_until", (scope) => scope.info.waitUntil],
]);

/** Those that are made one by one also when all are made: neither from headers nor dear. */
export function plainMakers(): readonly (readonly [key: string, make: Maker])[] {
  return plain ??= [...MAKERS].filter(([key]) => !["CONTENT_TYPE", "CONTENT_LENGTH", "tsgi.signal"].includes(key));
}

let plain: readonly (readonly [key: string, make: Maker])[] | null = null;

/** PATH_INFO, which begins behind SCRIPT_NAME; null if the path is not below it (SPEC E-11, E-12). */
export function mountedPath(scope: Scope): string | null {
  const path = decodePath(rawPath(scope));
  const { scriptName } = scope.settings;
  if (scriptName === "") return path;
  if (!path.startsWith(scriptName)) return null;
  const rest = path.slice(scriptName.length);
  return rest === "" || rest.startsWith("/") ? rest : null;
}

/** The value of one HTTP_* key; undefined if the request has no such header, or none that may be called so. */
export function makeHeader(scope: Scope, key: string): string | undefined {
  if (key === "HTTP_HOST") return host(scope);
  if (scope.settings.underscoreHeaders === "allow") {
    let found: string | undefined;
    eachHeader(scope, (one, value) => {
      if (one === key) found = value;
    });
    return found;
  }
  const name = headerNames.get(key) ?? remember(headerNames, key, HEADER_KEY.test(key) && isMapped(key) ? key.slice(5).replaceAll("_", "-").toLowerCase() : "");
  return name === "" ? undefined : header(scope, name) ?? undefined;
}

/** All keys that headers make, in one pass over them: asking for headers one by one is what costs. */
export function eachHeader(scope: Scope, put: (key: string, value: string) => void): void {
  const allowed = scope.settings.underscoreHeaders === "allow";
  const merged = allowed ? new Map<string, string>() : null;
  let given: string | null = null;
  forEachHeader(scope, (value, name) => {
    if (name === "host") {
      given = value;
      return;
    }
    const { key, hasUnderscore } = headerKey(name);
    if (key === "" || (hasUnderscore && !allowed) || (key === "CONTENT_LENGTH" && !hasLength(scope, value))) return;
    if (merged === null) return put(key, value);
    const before = merged.get(key);
    merged.set(key, before === undefined ? value : `${before}, ${value}`);
  });
  merged?.forEach((value, key) => put(key, value));
  const value = hostOf(scope, given);
  if (value !== undefined) put("HTTP_HOST", value);
}

interface HeaderKey {
  /** Empty for a header that no environ has. */
  readonly key: string;
  readonly hasUnderscore: boolean;
}

const headerNames = new Map<string, string>();
const keysOfNames = new Map<string, HeaderKey>();

function headerKey(name: string): HeaderKey {
  return keysOfNames.get(name) ?? remember(keysOfNames, name, { key: keyOf(name), hasUnderscore: name.includes("_") });
}

function keyOf(name: string): string {
  if (name === "content-type") return "CONTENT_TYPE";
  if (name === "content-length") return "CONTENT_LENGTH";
  const key = `HTTP_${name.toUpperCase().replaceAll("-", "_")}`;
  return isMapped(key) ? key : "";
}

/** CGI has its own names for two headers, and HTTP_PROXY is the httpoxy hole: a child process would use it (SPEC E-15, E-16b). */
function isMapped(key: string): boolean {
  return key !== "HTTP_CONTENT_TYPE" && key !== "HTTP_CONTENT_LENGTH" && key !== "HTTP_PROXY";
}

function remember<T>(map: Map<string, T>, key: string, value: T): T {
  if (map.size >= REMEMBERED) map.clear();
  map.set(key, value);
  return value;
}

/**
 * Of what Deno and Bun deliver, Host is the authority of the URL, which was checked: where the header says something else, the target was
 * in absolute form or Host came twice, and then the authority is what counts (RFC 9112 3.2.2).
 */
function host(scope: Scope): string | undefined {
  return hostOf(scope, header(scope, "host"));
}

function hostOf(scope: Scope, given: string | null): string | undefined {
  const authority = authorityOf(scope);
  if (given === null || given === "") return authority === "" || authority === scope.settings.noHost() ? undefined : authority;
  if (isSameAuthority(given, authority)) return given;
  return scope.isRaw || !isPlainAuthority(given) ? authority : given;
}

/** After the response, what was not read before is gone; Deno throws then, Bun has no headers any more. */
function header(scope: Scope, name: string): string | null {
  const { requestHeaders } = scope.settings;
  if (!scope.isOver) return requestHeaders.get(scope.request, name);
  try {
    return requestHeaders.get(scope.request, name);
  } catch {
    // Absent is what an application that looks too late gets on every runtime.
    return null;
  }
}

function forEachHeader(scope: Scope, see: (value: string, name: string) => void): void {
  const { requestHeaders } = scope.settings;
  if (!scope.isOver) return requestHeaders.each(scope.request, see);
  try {
    requestHeaders.each(scope.request, see);
  } catch {
    // As above.
  }
}

/** The path as it came, without query and fragment. */
function rawPath(scope: Scope): string {
  const { target } = scope;
  if (target) return pathPart(originForm(target), 0) || "/";
  return pathPart(scope.request.url, scope.pathStart) || "/";
}

function pathPart(url: string, start: number): string {
  let end = url.indexOf("?", start);
  if (end < 0) end = url.length;
  const hash = url.indexOf("#", start);
  return url.slice(start, hash < 0 || hash > end ? end : hash);
}

function queryString(scope: Scope): string {
  const exact = scope.target;
  const text = exact ? originForm(exact) : scope.request.url;
  const from = exact ? 0 : scope.pathStart;
  const start = text.indexOf("?", from);
  if (start < 0) return "";
  const hash = text.indexOf("#", from);
  if (hash >= 0 && hash < start) return "";
  return visible(text.slice(start + 1, hash < 0 ? text.length : hash));
}

function requestUri(scope: Scope): string {
  const exact = scope.target;
  const target = exact ? originForm(exact) : scope.request.url.slice(scope.pathStart);
  const hash = target.indexOf("#");
  const uri = visible(hash < 0 ? target : target.slice(0, hash));
  return uri === "" || uri.startsWith("?") ? `/${uri}` : uri;
}

/** What is behind scheme and authority of an absolute-form target; the other forms as they are. */
function originForm(target: string): string {
  const scheme = /^https?:\/\/[^/?#]*/i.exec(target);
  return scheme === null ? target : target.slice(scheme[0].length);
}

/** Percent-encodes what is not visible ASCII, and nothing else. */
function visible(part: string): string {
  return NOT_VISIBLE.test(part) ? part.replace(/[^\x21-\x7e]+/g, encodePath) : part;
}

/** Empty if the URL has none that can be used. */
function authorityOf(scope: Scope): string {
  const { url } = scope.request;
  // http://, https://, and Deno's http+unix://
  return scope.pathStart < 0 ? "" : url.slice(url.indexOf("://") + 3, scope.pathStart);
}

function serverPort(scope: Scope): string {
  const given = text(scope.info.serverPort);
  if (given !== undefined) return given;
  const port = /:([0-9]+)$/.exec(authorityOf(scope))?.[1];
  return port ?? (urlScheme(scope) === "https" ? "443" : "80");
}

function urlScheme(scope: Scope): "http" | "https" {
  return scope.info.urlScheme ?? (scope.request.url.startsWith("https:") ? "https" : "http");
}

/** Runtimes drop the body of a GET and leave the header: a length that nothing follows is not told (SPEC E-15). */
function contentLength(scope: Scope): string | undefined {
  const length = header(scope, "content-length");
  return length !== null && hasLength(scope, length) ? length : undefined;
}

function hasLength(scope: Scope, length: string): boolean {
  return length === "0" || scope.isOver || scope.request.body !== null;
}

function text(value: unknown): string | undefined {
  if (value === undefined || value === "") return undefined;
  if (typeof value === "string" || typeof value === "number") return String(value);
  throw new TypeError(`Cannot use ${kindOf(value)} as a port: expected a number or a string`);
}
