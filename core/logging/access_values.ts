/** What the atoms of the access log read: from environ where there is one, else from the request. */
import type { AccessEnd, AccessExchange } from "./access.ts";
import { requestIdentity } from "../tracing/request_identity.ts";
import { accessLogTime } from "./time.ts";

export type Value = string | number | null | undefined;
export type Read = (exchange: AccessExchange) => Value;
export type ReadEnd = (end: AccessEnd) => Value;

/** Foreign text that stands alone in the usual formats. */
export const WORDS: Readonly<Record<string, Read>> = { h: remoteAddr, u: user, m: method, H: protocol, request_id: requestId, trace_id: traceId, span_id: spanId };
/** Foreign text that stands between quotes, or at the line's end. */
export const TEXTS: Readonly<Record<string, Read>> = { U: path, q: query, f: referer, a: userAgent };
/** What only the end tells: our own text, which needs no escaping. */
export const ENDS: Readonly<Record<string, ReadEnd>> = {
  t: (end) => accessLogTime(end.time),
  B: (end) => end.bytes,
  b: (end) => end.bytes,
  T: (end) => Math.floor(micros(end) / 1e6),
  M: (end) => Math.floor(micros(end) / 1e3),
  D: micros,
  L: (end) => (micros(end) / 1e6).toFixed(6),
};
export const NAMED: Readonly<Record<string, (exchange: AccessExchange, name: string) => Value>> = {
  i: (exchange, name) => exchange.requestHeader(name),
  o: (exchange, name) => exchange.responseHeader(name),
  e: environValue,
};

export function remoteAddr(exchange: AccessExchange): Value {
  return told(exchange, variables(exchange).REMOTE_ADDR) ?? exchange.remoteAddr;
}

export function method(exchange: AccessExchange): Value {
  return told(exchange, variables(exchange).REQUEST_METHOD) ?? exchange.request.method;
}

/** As of request_identity.ts: missing where requests are given none. */
export function requestId({ request }: AccessExchange): Value {
  return requestIdentity(request)?.id;
}

export function traceId({ request }: AccessExchange): Value {
  return requestIdentity(request)?.trace.traceId;
}

export function spanId({ request }: AccessExchange): Value {
  return requestIdentity(request)?.trace.spanId;
}

const NONE: Readonly<Record<string, unknown>> = {};

/** Those that can be read without the Proxy, or all of them. */
function variables({ environ, own }: AccessExchange): Readonly<Record<string, unknown>> {
  return own ?? environ ?? NONE;
}

/** What environ says by `value`; undefined where the request says the same, since the application has not seen that one. */
function told({ environ, own }: AccessExchange, value: unknown): string | null | undefined {
  if (typeof value === "string") return value;
  return value === undefined && (own || environ === undefined) ? undefined : null;
}

/** HTTP/1.1 where the application says nothing else: no such runtime tells (SPEC E-14). */
export function protocol(exchange: AccessExchange): Value {
  const protocol = told(exchange, variables(exchange).SERVER_PROTOCOL);
  return protocol === undefined ? "HTTP/1.1" : protocol;
}

/** One that REQUEST_URI is equal to. */
const PLAIN_URI = /^\/[\x21\x22\x24-\x7e]*$/;

/** The path and query as received, so far as the runtime shows it (SPEC E-17). */
export function target(exchange: AccessExchange): Value {
  const { environ, request, own } = exchange;
  if (own && own.RAW_URI === undefined && own.REQUEST_URI === undefined) {
    const uri = request.url.slice(exchange.pathStart);
    if (uri === "/" || PLAIN_URI.test(uri)) return uri;
  }
  return environ === undefined ? urlTarget(request.url) : textOf(environ.RAW_URI) ?? textOf(environ.REQUEST_URI);
}

export function path({ environ, request }: AccessExchange): Value {
  if (environ !== undefined) return textOf(environ.PATH_INFO);
  const raw = urlTarget(request.url).split("?", 1)[0]!;
  try {
    return decodeURIComponent(raw);
  } catch {
    // Not UTF-8, or a percent sign alone: undecoded it loses nothing.
    return raw;
  }
}

export function query({ environ, request }: AccessExchange): Value {
  if (environ !== undefined) return textOf(environ.QUERY_STRING);
  const raw = urlTarget(request.url);
  const mark = raw.indexOf("?");
  return mark < 0 ? "" : raw.slice(mark + 1);
}

/** What follows the authority of a URL, by slicing: `new URL` would normalise what the runtime has left as it came. */
function urlTarget(url: string): string {
  const authority = url.indexOf("//") + 2;
  const start = url.slice(authority).search(/[/?#]/);
  if (start < 0) return "/";
  const rest = url.slice(authority + start).split("#", 1)[0]!;
  return rest.startsWith("/") ? rest : `/${rest}`;
}

export function referer(exchange: AccessExchange): Value {
  return header(exchange, "referer", variables(exchange).HTTP_REFERER);
}

export function userAgent(exchange: AccessExchange): Value {
  return header(exchange, "user-agent", variables(exchange).HTTP_USER_AGENT);
}

function header(exchange: AccessExchange, name: string, value: unknown): Value {
  const text = told(exchange, value);
  return text === undefined ? exchange.requestHeader(name) : text;
}

/** gunicorn lowers the names of environ, so both spellings are understood. Only text, numbers and booleans are written. */
function environValue({ environ }: AccessExchange, name: string): Value {
  if (environ === undefined) return null;
  const value = environ[name] ?? environ[name.toUpperCase()];
  return typeof value === "number" || typeof value === "boolean" ? String(value) : textOf(value);
}

const LONGEST_CREDENTIALS = 1024;

/** The user of Basic authentication. Credentials without a colon are not written: they may be a secret in the wrong place. */
export function user(exchange: AccessExchange): Value {
  const authorization = header(exchange, "authorization", variables(exchange).HTTP_AUTHORIZATION);
  if (typeof authorization !== "string" || authorization.length > LONGEST_CREDENTIALS) return null;
  const credentials = /^basic +([A-Za-z0-9+/=]+) *$/i.exec(authorization)?.[1];
  if (credentials === undefined) return null;
  try {
    const bytes = Uint8Array.from(atob(credentials), (character) => character.charCodeAt(0));
    const colon = bytes.indexOf(0x3a);
    return colon > 0 ? new TextDecoder().decode(bytes.subarray(0, colon)) : null;
  } catch {
    // Not base64: nothing that could be called a user.
    return null;
  }
}

/** Whole microseconds; a clock that went back gives 0. */
export function micros({ seconds }: AccessEnd): number {
  return seconds > 0 ? Math.round(seconds * 1e6) : 0;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
