/**
 * The access log: one line per request, in gunicorn's format language, compiled once, or one JSON object.
 *
 * Rules:
 *
 * - Only what the format names is read from the exchange.
 * - Whatever a client sends, a request is one line. Values are escaped for standing between quotes; those that stand alone in the
 *   usual formats (address, user, method, protocol) have no space either, so nobody can shift the fields behind them.
 * - What is missing is `-`; a header that is there and empty is empty, as in gunicorn.
 * - Nothing throws: environ belongs to the application, which may have put anything there.
 */
import type { Environ } from "../gateway/types.ts";
import { type Atom, parseAccessFormat, type Parsed } from "./access_format.ts";
import {
  ENDS,
  method,
  micros,
  NAMED,
  path,
  protocol,
  query,
  type Read,
  referer,
  remoteAddr,
  requestId,
  spanId,
  target,
  TEXTS,
  traceId,
  user,
  userAgent,
  type Value,
  WORDS,
} from "./access_values.ts";
import { escape } from "./escape.ts";
import { jsonText } from "./format.ts";

const COMMON = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s';

/** Formats that have a name: Apache's, of which `combined` is gunicorn's default too. `json` is {@linkcode compileAccessJson}. */
const PRESETS: ReadonlyMap<string, string> = new Map([["common", COMMON], ["combined", `${COMMON} "%(f)s" "%(a)s"`], ["json", ""]]);

/** gunicorn's default format. */
export const DEFAULT_ACCESS_FORMAT = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"';

/**
 * One request when its response begins. Make costly members getters: they are read only for formats that use them.
 *
 * It must be shown before the Response goes to the runtime: afterwards Deno 2.9.6 throws "Request closed" for every member of the
 * request, and Bun 1.4.5 gives an empty url and no headers.
 */
export interface AccessExchange {
  readonly request: Request;
  /** The keys that environ has by now, if the others are as the request has them: null where it has to be asked for each. */
  readonly own?: Readonly<Record<string, unknown>> | null;
  /** Where the path begins in the request's URL; there if `own` is. */
  readonly pathStart?: number;
  /** A TSGI application's, as the application left it. For a Fetch handler absent: then the request answers. */
  readonly environ?: Environ | undefined;
  readonly status: number;
  /** A header of the request; null where there is none. */
  requestHeader(name: string): string | null;
  /** A header of the response; null where there is none. */
  responseHeader(name: string): string | null;
  /** The peer; null for a unix socket. environ's REMOTE_ADDR, which a middleware may have corrected, comes first. */
  readonly remoteAddr: string | null;
}

/** What is known only when the response is over. */
export interface AccessEnd {
  /** Bytes of body sent; null where nobody counted. */
  readonly bytes: number | null;
  /** Seconds from the request's arrival to the end of the response. */
  readonly seconds: number;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** Takes an exchange when its response begins, and gives what writes it as one line, without the line end, when it is over. */
export interface AccessLine {
  (exchange: AccessExchange): (end: AccessEnd) => string;
  /** Both at once, for a response that is over when it begins; cheaper. */
  readonly whole: (exchange: AccessExchange, end: AccessEnd) => string;
  /** Whether `seconds` of the end is looked at. */
  readonly isTimed: boolean;
}

/** What is constant in a worker. */
export interface AccessOrigin {
  readonly pid: number;
  /** Whether requests have an identity, which the JSON form then has fields for. */
  readonly named?: boolean;
}

/**
 * What is wrong with a format, one message for each fault; empty where {@linkcode compileAccessFormat} will accept it.
 */
export function accessFormatProblems(format: string): readonly string[] {
  // One word alone is a slip, not a format: every line would be that word.
  if (/^[\w-]+$/.test(format) && !PRESETS.has(format)) return [`Cannot read access log format: expected ${[...PRESETS.keys()].join(", ")}, or atoms such as %(h)s`];
  return parseAccessFormat(PRESETS.get(format) ?? format).problems;
}

/**
 * Compiles gunicorn's `%(atom)s` format, or the one that `common` and `combined` name. Throws SyntaxError with all that {@linkcode accessFormatProblems} finds.
 *
 * Atoms: `h` peer address, `l` always `-`, `u` Basic user, `t` local time, `r` request line, `m` method, `U` decoded path,
 * `q` query, `H` protocol, `s` status, `B` and `b` bytes of body, `f` referer, `a` user agent, `T` seconds, `M` milliseconds,
 * `D` microseconds, `L` seconds with six decimals, `p` `<pid>`, `{name}i` request header, `{name}o` response header,
 * `{name}e` environ value; and tsgi's own `request_id`, `trace_id`, `span_id`. Durations do not wrap at 24 hours, as gunicorn's do.
 *
 * @example
 * ```ts
 * const line = compileAccessFormat('%(h)s "%(r)s" %(s)s %({x-request-id}i)s', { pid: 18933 });
 * ```
 */
export function compileAccessFormat(format: string, { pid }: AccessOrigin): AccessLine {
  const { pieces, problems } = parseAccessFormat(PRESETS.get(format) ?? format);
  if (problems.length > 0) throw new SyntaxError(problems.join("; "));
  const { parts, rest } = compileParts(pieces, pid);
  const line = (exchange: AccessExchange) => {
    const begun = parts.map(({ before, begin }) => begin && safely(begin, exchange, `${before}-`));
    return (end: AccessEnd) => begun.map((text, index) => text ?? parts[index]!.end!(end)).join("") + rest;
  };
  const whole = (exchange: AccessExchange, end: AccessEnd) => {
    try {
      let text = "";
      for (let index = 0; index < parts.length; index++) {
        const part = parts[index]!;
        text += part.begin === null ? part.end(end) : part.begin(exchange);
      }
      return text + rest;
    } catch {
      // Something of the application's threw: the way that goes on behind it.
      return line(exchange)(end);
    }
  };
  return Object.assign(line, { whole, isTimed: pieces.some((piece) => typeof piece !== "string" && DURATIONS.includes(piece.atom) && piece.name === undefined) });
}

const DURATIONS = ["T", "M", "D", "L"];

const NAMED_GROUPS = { i: "request_headers", o: "response_headers", e: "environ" } as const;
/** In JSON nothing is escaped here: the serialiser does it. */
const JSON_FIELDS: readonly (readonly [string, Read])[] = [
  ["remote_addr", (exchange) => remoteAddr(exchange) || null],
  ["user", user],
  ["method", method],
  ["target", target],
  ["path", path],
  ["query", query],
  ["protocol", protocol],
  ["status", (exchange) => exchange.status],
  ["referer", referer],
  ["user_agent", userAgent],
];

const NAME_FIELDS: typeof JSON_FIELDS = [["request_id", requestId], ["trace_id", traceId], ["span_id", spanId]];

/**
 * The JSON form: an object with the same fields for every request, null for what is missing. The `{name}i`, `{name}o` and
 * `{name}e` atoms of `format` are added as `request_headers`, `response_headers` and `environ`. Throws as
 * {@linkcode compileAccessFormat} does.
 */
export function compileAccessJson(format: string, { pid, named: isNamed = false }: AccessOrigin): AccessLine {
  const { pieces, problems } = parseAccessFormat(PRESETS.get(format) ?? format);
  if (problems.length > 0) throw new SyntaxError(problems.join("; "));
  const named = pieces.filter((piece) => typeof piece !== "string" && piece.name !== undefined) as readonly Required<Atom>[];
  const fields = isNamed ? [...JSON_FIELDS, ...NAME_FIELDS] : JSON_FIELDS;
  const line = (exchange: AccessExchange) => {
    const object: Record<string, unknown> = {};
    for (const [field, read] of fields) object[field] = safely(read, exchange, null);
    for (const { atom, name } of named) {
      const group = NAMED_GROUPS[atom as keyof typeof NAMED_GROUPS];
      object[group] = { ...(object[group] as object | undefined), [name]: safely((one) => NAMED[atom]!(one, name), exchange, null) };
    }
    const begun = jsonText(object).slice(1);
    return (end: AccessEnd) => {
      const ended = { time: new Date(end.time).toISOString(), event: "request", pid, bytes: end.bytes, seconds: micros(end) / 1e6 };
      return `${JSON.stringify(ended).slice(0, -1)},${begun}`;
    };
  };
  return Object.assign(line, { whole: (exchange: AccessExchange, end: AccessEnd) => line(exchange)(end), isTimed: true });
}

/** One atom of a line, with the literal text before it. It is filled when the response begins, or when it is over. */
type Part = {
  readonly before: string;
  readonly begin: (exchange: AccessExchange) => string;
  readonly end: null;
} | {
  readonly before: string;
  readonly begin: null;
  readonly end: (end: AccessEnd) => string;
};

/** `rest` is what stands behind the last atom. */
function compileParts(pieces: Parsed["pieces"], pid: number): { readonly parts: readonly Part[]; readonly rest: string } {
  const parts: Part[] = [];
  let before = "";
  for (const piece of pieces) {
    const text = typeof piece === "string" ? piece : constant(piece, pid);
    if (text !== null) {
      before += text;
      continue;
    }
    parts.push(part(piece as Atom, before));
    before = "";
  }
  return { parts, rest: before };
}

function constant({ atom, name }: Atom, pid: number): string | null {
  if (name !== undefined) return null;
  return atom === "l" ? "-" : atom === "p" ? `<${pid}>` : null;
}

function part({ atom, name }: Atom, before: string): Part {
  const end = name === undefined ? ENDS[atom] : undefined;
  if (end !== undefined) return { before, begin: null, end: remembering(end, (value) => `${before}${value ?? "-"}`) };
  if (atom === "r") return { before, begin: requestLine(before), end: null };
  const [read, write] = reader(atom, name);
  return { before, begin: remembering(read, (value) => before + write(value)), end: null };
}

/** How an atom is read, and how its value becomes text. */
function reader(atom: string, name: string | undefined): readonly [read: Read, write: (value: Value) => string] {
  if (name !== undefined) {
    const read = NAMED[atom]!;
    return [(exchange) => read(exchange, name), quoted];
  }
  if (atom === "s") return [({ status }) => status, String];
  const alone = WORDS[atom];
  return alone !== undefined ? [alone, word] : [TEXTS[atom]!, quoted];
}

function requestLine(before: string): (exchange: AccessExchange) => string {
  const first = remembering(method, (value) => `${before}${word(value)} `);
  const second = remembering(target, word);
  const third = remembering(protocol, (value) => ` ${word(value)}`);
  return (exchange) => first(exchange) + second(exchange) + third(exchange);
}

/** What is written of a value is kept until another comes: requests in turn have much in common, and escaping is dearer than comparing. */
function remembering<From>(read: (from: From) => Value, write: (value: Value) => string): (from: From) => string {
  let last: Value;
  let text = write(last);
  return (from) => {
    const value = read(from);
    if (value !== last) {
      text = write(value);
      last = value;
    }
    return text;
  };
}

function quoted(value: Value): string {
  return value === null || value === undefined ? "-" : escape(String(value), "quoted");
}

function word(value: Value): string {
  return value === null || value === undefined || value === "" ? "-" : escape(String(value), "word");
}

/** Reading environ runs the application's code if it put a getter there: then the value is missing, and the request is logged all the same. */
function safely<T, U>(read: (exchange: AccessExchange) => T, exchange: AccessExchange, missing: U): T | U {
  try {
    return read(exchange);
  } catch {
    return missing;
  }
}
