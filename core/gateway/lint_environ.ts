import { kindOf } from "./error.ts";
import { quote, refuse } from "./lint_error.ts";
import type { Fault } from "./lint_error.ts";
import { isPlainAuthority } from "./target.ts";
import type { Environ } from "./types.ts";

/** How a check reports what is odd but legal. */
export interface Warn {
  (code: string, seen: string, expected: string, fault: Fault): void;
}

const REQUIRED = [
  "REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "REQUEST_URI",
  "tsgi.version", "tsgi.url_scheme", "tsgi.input", "tsgi.errors", "tsgi.multithread", "tsgi.multiprocess", "tsgi.run_once",
  "tsgi.nonblocking", "tsgi.input_terminated", "tsgi.signal",
];

const FLAGS = ["tsgi.multithread", "tsgi.multiprocess", "tsgi.run_once", "tsgi.nonblocking"];

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"];

/** RFC 9110 5.6.2. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * Checks what the gateway, or a middleware, hands to the application, and throws {@linkcode LintError} at the first fault.
 *
 * Reads `tsgi.input` without touching its `stream`, since taking that locks the input.
 */
export function checkEnviron(given: unknown, fault: Fault, warn: Warn): asserts given is Environ {
  const environ = checkShape(given, fault);
  checkGateway(environ, fault);
  checkStreams(environ, fault);
  checkOptional(environ, fault);
  checkRequest(environ, fault, warn);
  checkServer(environ, fault);
  checkText(environ, fault, warn);
}

function checkShape(given: unknown, fault: Fault): Record<string, unknown> {
  /// ## The environ

  /// The environ MUST be an ordinary object, whose prototype is `Object.prototype` or null: no Map, no Array, no instance of a class.
  if (!isPlain(given)) refuse("environ/type", `an environ that is ${kindOf(given)}`, "a plain object of its own properties", fault);

  /// It MUST be mutable: middleware works by changing it.
  if (!Object.isExtensible(given)) refuse("environ/frozen", "an environ that is frozen or sealed", "one that can be changed", fault);

  /// Its keys MUST be strings.
  const symbols = Object.getOwnPropertySymbols(given);
  if (symbols.length > 0) refuse("environ/key-type", `the keys ${symbols.map(String).join(", ")}`, "string keys only", fault);

  /// It MUST contain `REQUEST_METHOD`, `SCRIPT_NAME`, `PATH_INFO`, `QUERY_STRING`, `SERVER_NAME`, `SERVER_PORT`, `SERVER_PROTOCOL` and
  /// `REQUEST_URI`, and `tsgi.version`, `tsgi.url_scheme`, `tsgi.input`, `tsgi.errors`, `tsgi.multithread`, `tsgi.multiprocess`,
  /// `tsgi.run_once`, `tsgi.nonblocking`, `tsgi.input_terminated` and `tsgi.signal`.
  for (const key of REQUIRED) {
    if (!Object.hasOwn(given, key)) refuse("environ/required", `an environ without ${key}`, "every required key", fault);
  }

  /// The headers Content-Type and Content-Length MUST be `CONTENT_TYPE` and `CONTENT_LENGTH`, never `HTTP_CONTENT_TYPE` and
  /// `HTTP_CONTENT_LENGTH`.
  for (const key of ["HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"]) {
    if (Object.hasOwn(given, key)) refuse("environ/http-content", `the key ${key}`, `${key.slice(5)} instead`, fault);
  }

  /// A key without a dot MUST have a string value: what there is nothing to say about is left out, not undefined, null or invented.
  for (const [key, value] of Object.entries(given).filter(([key]) => !key.includes("."))) {
    if (typeof value !== "string") refuse("environ/cgi-string", `${key} that is ${kindOf(value)}`, "a string, or no such key", fault);
  }
  return given;
}

function checkGateway(environ: Record<string, unknown>, fault: Fault): void {
  /// `tsgi.version` MUST be `[1, 0]`.
  const version = environ["tsgi.version"];
  if (!Array.isArray(version) || version.length !== 2 || version[0] !== 1 || version[1] !== 0) {
    refuse("environ/version", `tsgi.version ${Array.isArray(version) ? `[${version.join(", ")}]` : quote(version)}`, "[1, 0]", fault);
  }

  /// `tsgi.url_scheme` MUST be `http` or `https`.
  const scheme = environ["tsgi.url_scheme"];
  if (scheme !== "http" && scheme !== "https") refuse("environ/url-scheme", `tsgi.url_scheme ${quote(scheme)}`, '"http" or "https"', fault);

  /// `tsgi.multithread`, `tsgi.multiprocess`, `tsgi.run_once` and `tsgi.nonblocking` MUST be booleans.
  for (const key of FLAGS) {
    if (typeof environ[key] !== "boolean") refuse("environ/flag", `${key} that is ${kindOf(environ[key])}`, "a boolean", fault);
  }

  /// `tsgi.input_terminated` MUST be true: reading the input to its end is always safe.
  if (environ["tsgi.input_terminated"] !== true) {
    refuse("environ/input-terminated", `tsgi.input_terminated that is ${kindOf(environ["tsgi.input_terminated"])}`, "true", fault);
  }

  /// `tsgi.signal` MUST be an AbortSignal.
  const signal = environ["tsgi.signal"];
  if (!(signal instanceof AbortSignal)) refuse("environ/signal", `tsgi.signal that is ${kindOf(signal)}`, "an AbortSignal", fault);
}

function checkStreams(environ: Record<string, unknown>, fault: Fault): void {
  /// `tsgi.input` MUST have the methods `read`, `readline`, `readlines` and `lines`, be async iterable, and have a `stream`.
  const input = missing(environ["tsgi.input"], ["read", "readline", "readlines", "lines", Symbol.asyncIterator], "stream");
  if (input !== null) refuse("environ/input-methods", `tsgi.input without ${input}`, "an InputStream", fault);

  /// `tsgi.errors` MUST have the methods `write`, `writelines` and `flush`.
  const errors = missing(environ["tsgi.errors"], ["write", "writelines", "flush"]);
  if (errors !== null) refuse("environ/errors-methods", `tsgi.errors without ${errors}`, "an ErrorStream", fault);
}

function checkOptional(environ: Record<string, unknown>, fault: Fault): void {
  /// `tsgi.early_hints`, `tsgi.file_wrapper` and `tsgi.wait_until`, if present, MUST be functions: their absence says that the platform
  /// cannot do it.
  for (const key of ["tsgi.early_hints", "tsgi.file_wrapper", "tsgi.wait_until"]) {
    if (Object.hasOwn(environ, key) && typeof environ[key] !== "function") {
      refuse("environ/early-hints", `${key} that is ${kindOf(environ[key])}`, "a function, or no such key", fault);
    }
  }

  /// `tsgi.metrics`, if present, MUST have the methods `counter`, `gauge` and `histogram`.
  const metrics = Object.hasOwn(environ, "tsgi.metrics") ? missing(environ["tsgi.metrics"], ["counter", "gauge", "histogram"]) : null;
  if (metrics !== null) refuse("environ/metrics", `tsgi.metrics without ${metrics}`, "all three, or no such key", fault);

  /// `tsgi.response_finished`, if present, MUST be an Array of functions.
  const finished = environ["tsgi.response_finished"];
  const areFunctions = Array.isArray(finished) && finished.every((each) => typeof each === "function");
  if (Object.hasOwn(environ, "tsgi.response_finished") && !areFunctions) {
    refuse("environ/response-finished", `tsgi.response_finished that is ${kindOf(finished)}`, "an Array of functions", fault);
  }
}

function checkRequest(environ: Record<string, unknown>, fault: Fault, warn: Warn): void {
  const method = String(environ.REQUEST_METHOD);
  const script = String(environ.SCRIPT_NAME);
  const path = String(environ.PATH_INFO);
  const target = String(environ.REQUEST_URI);
  const length = environ.CONTENT_LENGTH;

  /// `REQUEST_METHOD` MUST be a token as RFC 9110 defines it.
  if (!TOKEN.test(method)) refuse("environ/method-token", `REQUEST_METHOD ${quote(method)}`, "a token", fault);

  /// It SHOULD be a registered method; others are passed on.
  if (!METHODS.includes(method)) warn("environ/method-unknown", `REQUEST_METHOD ${quote(method)}`, "a method that servers know", fault);

  /// `SCRIPT_NAME`, where the application is mounted, MUST be empty or start with a slash.
  if (script !== "" && !script.startsWith("/")) {
    refuse("environ/script-name-slash", `SCRIPT_NAME ${quote(script)}`, '"" or a path that starts with "/"', fault);
  }

  /// It MUST NOT be a lone slash.
  if (script === "/") refuse("environ/script-name-root", 'SCRIPT_NAME "/"', 'SCRIPT_NAME "" and PATH_INFO "/"', fault);

  /// `PATH_INFO`, the rest of the path, MUST be empty or start with a slash, but for two forms: `*`, with OPTIONS only, and `host:port`,
  /// with CONNECT only.
  const special = path === "*" ? "OPTIONS" : /^[^/]*:\d+$/.test(path) ? "CONNECT" : null;
  if (special !== null && special !== method) {
    refuse("environ/path-form", `PATH_INFO ${quote(path)} with ${method}`, `that form with ${special} only`, fault);
  }
  if (special === null && path !== "" && !path.startsWith("/")) {
    refuse("environ/path-info-slash", `PATH_INFO ${quote(path)}`, '"" or a path that starts with "/"', fault);
  }

  /// `SCRIPT_NAME` and `PATH_INFO` MUST NOT both be empty.
  if (script === "" && path === "") {
    refuse("environ/path-or-script", "SCRIPT_NAME and PATH_INFO both empty", 'PATH_INFO "/" at the root', fault);
  }

  /// `REQUEST_URI`, path and query undecoded, MUST be visible ASCII, start with a slash, or be one of the two forms, and have no fragment.
  const isForm = target === "*" || (method === "CONNECT" && isPlainAuthority(target));
  if (!/^[\x21\x22\x24-\x7e]*$/.test(target) || !(target.startsWith("/") || isForm)) {
    refuse("environ/request-uri", `REQUEST_URI ${quote(target)}`, 'a path that starts with "/", encoded, without a fragment', fault);
  }

  /// `CONTENT_LENGTH`, if present, MUST be digits.
  if (length !== undefined && !/^\d+$/.test(String(length))) {
    refuse("environ/content-length", "a CONTENT_LENGTH that is no number", "digits, or no such key", fault);
  }
}

function checkServer(environ: Record<string, unknown>, fault: Fault): void {
  const { SERVER_NAME, SERVER_PORT, SERVER_PROTOCOL, HTTP_HOST } = environ;

  /// `SERVER_NAME` MUST be a host name or an address, IPv6 in brackets, without a port.
  if (!isPlainAuthority(`${String(SERVER_NAME)}:0`)) {
    refuse("environ/server-name", `SERVER_NAME ${quote(SERVER_NAME)}`, "a host name or an address, IPv6 in brackets", fault);
  }

  /// `SERVER_PORT` MUST be digits.
  if (!/^\d+$/.test(String(SERVER_PORT))) refuse("environ/server-port", `SERVER_PORT ${quote(SERVER_PORT)}`, "digits", fault);

  /// `SERVER_PROTOCOL` MUST be `HTTP/` and a version, like `HTTP/1.1` or `HTTP/2`.
  if (!/^HTTP\/\d(\.\d)?$/.test(String(SERVER_PROTOCOL))) {
    refuse("environ/server-protocol", `SERVER_PROTOCOL ${quote(SERVER_PROTOCOL)}`, "HTTP/1.1, HTTP/2 or the like", fault);
  }

  /// `HTTP_HOST`, if present, MUST be a host with or without a port.
  if (HTTP_HOST !== undefined && HTTP_HOST !== "" && !isPlainAuthority(String(HTTP_HOST))) {
    refuse("environ/http-host", "an HTTP_HOST that no host can have", "host or host:port", fault);
  }
}

function checkText(environ: Record<string, unknown>, fault: Fault, warn: Warn): void {
  for (const [key, value] of Object.entries(environ)) {
    /// `QUERY_STRING`, `REQUEST_URI`, `RAW_URI`, `REQUEST_METHOD`, `CONTENT_LENGTH` and every `SERVER_` variable MUST be visible ASCII;
    /// `SERVER_SOFTWARE` may have spaces.
    if (isAsciiKey(key) && !(key === "SERVER_SOFTWARE" ? /^[\x20-\x7e]*$/ : /^[\x21-\x7e]*$/).test(String(value))) {
      refuse("environ/cgi-ascii", `${key} with other characters than visible ASCII`, "them percent-encoded", fault);
    }

    /// What comes from a header, `HTTP_` variables and `CONTENT_TYPE`, MUST be code points up to U+00FF without control characters but
    /// HTAB.
    if ((key.startsWith("HTTP_") || key === "CONTENT_TYPE") && !/^[\t\x20-\x7e\x80-\xff]*$/.test(String(value))) {
      refuse("environ/cgi-latin1", `${key} with control characters or ones above U+00FF`, "a character for each byte", fault);
    }

    /// Other keys SHOULD contain a dot, after a prefix of their maker's own, or look like environment variables.
    if (!key.includes(".") && !/^[A-Z][A-Z0-9_]*$/.test(key)) {
      warn("environ/extension-name", `the key ${quote(key)}`, "a dot in it, or capitals", fault);
    }
  }
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The first of the members that is not there; null if all are. */
function missing(value: unknown, methods: readonly (string | symbol)[], property?: string): string | null {
  if (typeof value !== "object" || value === null) return `methods: it is ${kindOf(value)}`;
  const found = methods.find((name) => typeof Reflect.get(value, name) !== "function");
  if (found !== undefined) return String(found);
  return property !== undefined && !(property in value) ? property : null;
}

function isAsciiKey(key: string): boolean {
  return ["QUERY_STRING", "REQUEST_URI", "RAW_URI", "REQUEST_METHOD", "CONTENT_LENGTH"].includes(key) || key.startsWith("SERVER_");
}
