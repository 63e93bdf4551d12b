import { kindOf } from "./error.ts";
import { getHeader, getHeaders, hasHeader } from "./header_list.ts";
import { isHopByHop } from "./hop_by_hop.ts";
import { TOKEN } from "./lint_environ.ts";
import type { Warn } from "./lint_environ.ts";
import { quote, refuse } from "./lint_error.ts";
import type { LintExchange, Started } from "./lint_exchange.ts";
import type { HeaderList } from "./types.ts";

/** What a 304 says without a body of its own; it may name the place and the lifetime of the stored one. */
const NOT_FOR_304 = ["allow", "content-encoding", "content-language", "content-md5", "content-range", "last-modified"];

/** Checks one call of startResponse, and throws {@linkcode LintError} while the application is on the stack. */
export function checkStart(args: readonly unknown[], exchange: LintExchange): Started {
  checkCall(args, exchange);
  const [status, headers] = args;
  const code = checkStatus(status);
  checkHeaderList(headers);
  checkMutable(headers);
  for (const header of headers) checkHeader(header, exchange.warn);
  checkMeaning(code, headers, exchange.warn);
  const length = getHeader(headers, "content-length") ?? "";
  return { code, hasType: hasHeader(headers, "content-type"), length: /^\d+$/.test(length) ? Number(length) : null };
}

function checkCall(args: readonly unknown[], exchange: LintExchange): void {
  const [, , excInfo] = args;
  const isRepeated = exchange.called;
  exchange.called = true;
  /// ## startResponse

  /// startResponse MUST be called with a status and headers, and excInfo or nothing.
  if (args.length < 2 || args.length > 3) refuse("start/args", `startResponse with ${args.length} arguments`, "2 or 3", "application");

  /// It MUST NOT be called a second time without excInfo, even if the first call threw.
  if (isRepeated && (excInfo === undefined || excInfo === null)) {
    refuse("start/twice", "startResponse called again without excInfo", "the thrown value as the third argument", "application");
  }

  /// excInfo, what was thrown, SHOULD be an Error: it carries its stack.
  if (excInfo !== undefined && excInfo !== null && !(excInfo instanceof Error)) {
    exchange.warn("exc-info/type", `excInfo that is ${kindOf(excInfo)}`, "an Error", "application");
  }
}

function checkStatus(status: unknown): number {
  /// The status MUST be a string.
  if (typeof status !== "string") refuse("status/type", `a status that is ${kindOf(status)}`, 'a string like "200 OK"', "application");

  /// It MUST be three digits from 200 to 599, a space and a reason, which may be empty, up to U+00FF and without control characters.
  if (!/^[2-5]\d\d [\x20-\x7e\x80-\xff]*$/.test(status)) {
    refuse("status/format", `the status ${quote(status)}`, 'a code from 200 to 599, a space and a reason, like "200 OK"', "application");
  }
  return Number(status.slice(0, 3));
}

/** The list as such; also that of early hints. */
export function checkHeaderList(headers: unknown): asserts headers is HeaderList {
  /// The headers MUST be an Array.
  if (!Array.isArray(headers)) refuse("headers/type", `headers that are ${kindOf(headers)}`, "an Array of [name, value]", "application");
}

function checkMutable(headers: HeaderList): void {
  /// They MUST NOT be frozen: middleware edits them.
  if (Object.isFrozen(headers)) refuse("headers/frozen", "a frozen header list", "one that middleware can edit", "application");
}

/** One header; also of early hints. Its value is never quoted: it may be a secret. */
export function checkHeader(header: unknown, warn: Warn): void {
  /// Each header MUST be a pair of strings.
  if (!Array.isArray(header) || header.length !== 2 || typeof header[0] !== "string" || typeof header[1] !== "string") {
    const parts = Array.isArray(header) ? ` of ${header.map(kindOf).join(", ") || "nothing"}` : "";
    refuse("header/string", `a header that is ${kindOf(header)}${parts}`, "[name, value], both strings", "application");
  }
  const [name, value] = header as [string, string];
  const named = `header ${quote(name)}`;

  /// There MUST NOT be a header `Status`: the status has its own argument.
  if (name.toLowerCase() === "status") refuse("header/status", `a ${named}`, "the status as the first argument", "application");

  /// Its name MUST be a token as RFC 9110 defines it.
  if (!TOKEN.test(name)) refuse("header/name", `a ${named}`, "a name of letters, digits and hyphens", "application");

  /// Its name SHOULD start with a letter, consist of letters, digits, `-` and `_`, and not end in `-` or `_`.
  if (!/^[A-Za-z](?:[A-Za-z0-9_-]*[A-Za-z0-9])?$/.test(name)) {
    warn("header/name-portable", `a ${named}`, "a letter first, then letters, digits, - and _, the last no mark", "application");
  }

  /// Its value MUST be code points up to U+00FF without control characters but HTAB: a single other one kills the process on some
  /// runtimes.
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
    refuse("header/value", `a ${named} with control characters or ones above U+00FF in its value`, "neither", "application");
  }

  /// Its value SHOULD NOT contain HTAB.
  if (value.includes("\t")) warn("header/value-tab", `a ${named} with a tab in its value`, "a space", "application");

  /// Its value SHOULD be ASCII: runtimes send different bytes for the rest.
  if (/[\x80-\xff]/.test(value)) warn("header/non-ascii", `a ${named} with a value that is not ASCII`, "ASCII", "application");

  /// Headers of the connection MUST be left to the server; `Transfer-Encoding: chunked` is dropped, and better left out.
  if (name.toLowerCase() === "transfer-encoding" && value.trim().toLowerCase() === "chunked") {
    warn("header/hop-by-hop", `a ${named} that says chunked`, "none: the server frames the body", "application");
  } else if (isHopByHop(name)) {
    refuse("header/hop-by-hop", `a ${named}`, "none: it belongs to the connection, and so to the server", "application");
  }
}

function checkMeaning(code: number, headers: HeaderList, warn: Warn): void {
  /// A 204 and a 304 MUST NOT have a Content-Type.
  if ((code === 204 || code === 304) && hasHeader(headers, "content-type")) {
    refuse("content-type/forbidden", `a ${code} with a Content-Type`, "none, for there is no body", "application");
  }

  /// A 204 MUST NOT have a Content-Length, and a 304 SHOULD NOT.
  if (code === 204 && hasHeader(headers, "content-length")) {
    refuse("content-length/forbidden", "a 204 with a Content-Length", "none, for there is no body", "application");
  }
  if (code === 304 && hasHeader(headers, "content-length")) {
    warn("content-length/forbidden", "a 304 with a Content-Length", "none, for there is no body", "application");
  }

  /// A 304 SHOULD NOT have other headers that describe a body, except Expires and Content-Location.
  for (const name of NOT_FOR_304) {
    if (code === 304 && hasHeader(headers, name)) {
      warn("not-modified/entity-header", `a 304 with ${name}`, "only Expires and Content-Location of its kind", "application");
    }
  }

  for (const etag of getHeaders(headers, "etag")) {
    /// An ETag SHOULD write its weakness `W/`, in upper case.
    if (etag.startsWith("w/")) warn("etag/weak-case", "an ETag that begins with w/", "W/", "application");

    /// An ETag SHOULD be in quotes.
    if (!/^(?:w\/)?"[^"]*"$/i.test(etag)) warn("etag/unquoted", "an ETag without quotes", "quotes around it: quoteEtag()", "application");
  }
}
