/**
 * What startResponse is given, checked and copied (SPEC S-2 to S-9): the status line and the headers of a response.
 *
 * A header value with a control character is not a matter of taste: one such byte ends the whole process on Deno 2.9, since
 * `new Headers()` lets it through. `new Headers()` also trims a trailing CRLF in silence, so trying it is no check.
 *
 * Most applications give the same status and headers again and again. The last head that was accepted is kept, and a list equal to it
 * is that head: no check, no copy, and the headers of the Response are not built anew.
 */
import { kindOf, TsgiError } from "./error.ts";
import { isHopByHop } from "./hop_by_hop.ts";
import type { HeaderList, HeaderTuple, Status } from "./types.ts";

const STATUS = /^[2-5][0-9]{2} [^\x00-\x1f\x7f]*$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FORBIDDEN_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/;
const ABOVE_LATIN1 = /[^\x00-\xff]/;
/** Status lines and header names remembered as good. Applications can let clients choose them, so the number is bounded. */
const REMEMBERED = 512;

type HeaderKind = "plain" | "content-type" | "content-length" | "transfer-encoding";
interface KnownName {
  readonly lower: string;
  readonly kind: HeaderKind;
}

const knownNames = new Map<string, KnownName>();
const knownStatuses = new Set<string>();

/** A status and headers in force. Immutable, and shared by all requests that were answered with the same. */
export class Head {
  readonly status: Status;
  readonly code: number;
  /** Names and values in turn. */
  readonly fields: readonly string[];
  /** As declared by the application; -1 if it did not. */
  readonly contentLength: number;
  readonly hasContentType: boolean;
  /** Names that an object cannot hold: given twice, or of a meaning of their own. */
  readonly needsPairs: boolean;
  /** 204, 205 and 304 have no body, whatever the application yields (SPEC B-14). */
  readonly isBodyless: boolean;
  #whole: ResponseInit | null = null;
  #template: ResponseInit | null = null;

  constructor(status: Status, fields: readonly string[], contentLength: number, hasContentType: boolean, needsPairs: boolean) {
    this.status = status;
    this.code = Number(status.slice(0, 3));
    this.fields = fields;
    this.contentLength = contentLength;
    this.hasContentType = hasContentType;
    this.needsPairs = needsPairs;
    this.isBodyless = this.code === 204 || this.code === 205 || this.code === 304;
  }

  get headers(): HeaderList {
    const headers: HeaderList = [];
    for (let at = 0; at < this.fields.length; at += 2) headers.push([this.fields[at]!, this.fields[at + 1]!]);
    return headers;
  }

  /** For a body whose length the runtime sees and writes itself. Built once, since Response reads it and keeps nothing of it. */
  get frameless(): ResponseInit {
    return this.#whole ??= this.init(-1, false);
  }

  /** The same as a Response: Bun copies one in half the time that it needs for a record, and Deno needs twice as long. */
  get template(): ResponseInit {
    return this.#template ??= new Response(null, this.frameless);
  }

  /** Content-Length is `length` whatever was declared, or absent for -1. */
  init(length: number, withReason: boolean): ResponseInit {
    const headers = this.needsPairs ? this.#pairs(length) : this.#record(length);
    if (withReason) return { status: this.code, statusText: this.status.slice(4), headers };
    return this.code === 200 ? { headers } : { status: this.code, headers };
  }

  #record(length: number): Record<string, string> {
    const record: Record<string, string> = {};
    for (let at = 0; at < this.fields.length; at += 2) {
      if (this.contentLength < 0 || !isContentLength(this.fields[at]!)) record[this.fields[at]!] = this.fields[at + 1]!;
    }
    if (length >= 0) record["Content-Length"] = String(length);
    return record;
  }

  #pairs(length: number): HeaderTuple[] {
    const pairs = this.headers.filter(([name]) => this.contentLength < 0 || !isContentLength(name));
    if (length >= 0) pairs.push(["Content-Length", String(length)]);
    return pairs;
  }
}

/** Checks what startResponse is given, for one gateway. */
export class Heads {
  /** The gateway's own headers: appended unless the application set the same name. */
  readonly #own: HeaderList;
  #last: Head | null = null;
  /** How many fields of it the application gave; -1 if its list cannot be recognised, because some were dropped. */
  #given = -1;

  constructor(own: HeaderList = []) {
    checkHeaders(own);
    this.#own = own.map(([name, value]) => [name, value]);
  }

  /** Throws {@linkcode TsgiError} for the first thing that is not valid. */
  take(status: unknown, headers: unknown): Head {
    const last = this.#last;
    if (last !== null && status === last.status && isSame(headers, last.fields, this.#given)) return last;
    const line = checkStatus(status);
    return this.#last = this.#make(line, checkHeaders(headers));
  }

  #make(status: Status, headers: readonly HeaderTuple[]): Head {
    const fields: string[] = [];
    const names: string[] = [];
    let length = -1;
    let hasType = false;
    for (const [name, value] of headers) {
      const { kind, lower } = known(name);
      if (kind === "transfer-encoding") continue;
      if (kind === "content-length") {
        if (length >= 0) continue;
        length = Number(value);
      }
      if (kind === "content-type") hasType = true;
      fields.push(name, value);
      names.push(lower);
    }
    this.#given = fields.length === headers.length * 2 ? fields.length : -1;
    for (const [name, value] of this.#own) {
      if (names.includes(name.toLowerCase())) continue;
      fields.push(name, value);
      names.push(name.toLowerCase());
    }
    const needsPairs = new Set(names).size !== names.length || names.includes("__proto__");
    return new Head(status, fields, length, hasType, needsPairs);
  }
}

/** Checks a list of headers by the rules of startResponse; also for early hints (SPEC X-4). */
export function checkHeaders(headers: unknown): readonly HeaderTuple[] {
  if (!Array.isArray(headers)) throw new TsgiError("ERR_TSGI_HEADERS", `Cannot use headers: expected an array of [name, value], got ${kindOf(headers)}`);
  let length: string | null = null;
  for (const header of headers as readonly unknown[]) {
    if (!isTuple(header)) {
      throw new TsgiError("ERR_TSGI_HEADERS", `Cannot use a header: expected [name, value], two strings, got ${describeTuple(header)}`);
    }
    const [name, value] = header;
    const { kind } = known(name);
    if (FORBIDDEN_IN_VALUE.test(value)) throw badValue(name, value);
    if (kind === "transfer-encoding" && value.toLowerCase() !== "chunked") throw hopByHop(name);
    if (kind !== "content-length") continue;
    if (!/^[0-9]{1,15}$/.test(value) || (length !== null && Number(length) !== Number(value))) {
      throw new TsgiError("ERR_TSGI_CONTENT_LENGTH", "Cannot use the header Content-Length: expected one number of bytes, digits only");
    }
    length = value;
  }
  return headers as readonly HeaderTuple[];
}

function checkStatus(status: unknown): Status {
  if (typeof status === "string" && knownStatuses.has(status)) return status as Status;
  if (typeof status !== "string" || !STATUS.test(status) || ABOVE_LATIN1.test(status)) {
    const got = typeof status === "string" ? JSON.stringify(status.slice(0, 60)) : kindOf(status);
    throw new TsgiError("ERR_TSGI_STATUS", `Cannot use the status ${got}: expected "200 OK", three digits from 200 to 599, a space and a reason`);
  }
  if (knownStatuses.size >= REMEMBERED) knownStatuses.clear();
  knownStatuses.add(status);
  return status as Status;
}

/** Checks a name, once. */
function known(name: string): KnownName {
  const found = knownNames.get(name);
  if (found !== undefined) return found;
  const lower = name.toLowerCase();
  if (!TOKEN.test(name)) {
    throw new TsgiError("ERR_TSGI_HEADER_NAME", `Cannot use the header name ${JSON.stringify(name.slice(0, 60))}: expected a token, letters, digits and -`);
  }
  if (lower === "status") throw new TsgiError("ERR_TSGI_HEADER_NAME", "Cannot use a header named Status: give the status as the first argument");
  if (isHopByHop(lower) && lower !== "transfer-encoding") throw hopByHop(name);
  if (knownNames.size >= REMEMBERED) knownNames.clear();
  const kind = lower === "content-type" || lower === "content-length" || lower === "transfer-encoding" ? lower : "plain";
  const made: KnownName = { lower, kind };
  knownNames.set(name, made);
  return made;
}

/** Whether the first `given` of `fields` are these headers, which then need no second check. */
function isSame(headers: unknown, fields: readonly string[], given: number): boolean {
  if (!Array.isArray(headers) || headers.length * 2 !== given) return false;
  for (let at = 0; at < given; at += 2) {
    const header = headers[at >> 1] as unknown;
    if (!Array.isArray(header) || header.length !== 2 || header[0] !== fields[at] || header[1] !== fields[at + 1]) return false;
  }
  return true;
}

function isTuple(header: unknown): header is HeaderTuple {
  return Array.isArray(header) && header.length === 2 && typeof header[0] === "string" && typeof header[1] === "string";
}

function describeTuple(header: unknown): string {
  return Array.isArray(header) ? `an array of ${header.map(kindOf).join(", ") || "nothing"}` : kindOf(header);
}

function isContentLength(name: string): boolean {
  return name.length === 14 && name.toLowerCase() === "content-length";
}

function badValue(name: string, value: string): TsgiError {
  const why = ABOVE_LATIN1.test(value) ? "a character above U+00FF" : "a control character";
  return new TsgiError("ERR_TSGI_HEADER_VALUE", `Cannot use the value of the header ${name}: it contains ${why}, encode or remove it`);
}

function hopByHop(name: string): TsgiError {
  return new TsgiError("ERR_TSGI_HOP_BY_HOP", `Cannot set the header ${name}: it belongs to the connection, which is the server's`);
}
