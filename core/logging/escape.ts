/**
 * Foreign text inside one log line. What a client or an application sends must never end the line, forge another, steer the
 * terminal that shows it, or change the order in which it is read.
 *
 * Escaped, everywhere: control characters (C0, DEL, C1), the line separators U+2028 and U+2029, bidirectional controls, and
 * surrogates without their other half. `\xHH` below U+0100, `\uHHHH` above. What is escaped besides depends on the place.
 */

/** The longest value that is written whole, in UTF-16 code units; the rest becomes `[+N]`. */
export const FIELD_LIMIT = 4096;

/**
 * Where the text will stand: `text` is free text at the end of a line, `quoted` stands between double quotes, and a `word` is
 * separated from its neighbours by spaces.
 */
export type Place = "text" | "quoted" | "word";

const UNSAFE: Readonly<Record<Place, RegExp>> = {
  text: /[\p{Cc}\p{Cs}\p{Bidi_Control}\u2028\u2029]/u,
  quoted: /["\\\p{Cc}\p{Cs}\p{Bidi_Control}\u2028\u2029]/u,
  word: /[ "\\\p{Cc}\p{Cs}\p{Bidi_Control}\u2028\u2029]/u,
};
/** Nearly everything, and seen without the tables of Unicode, which take V8 ten times as long. */
const PLAIN: Readonly<Record<Place, RegExp>> = {
  text: /^[\x20-\x7e]*$/,
  quoted: /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/,
  word: /^[\x21\x23-\x5b\x5d-\x7e]*$/,
};
const EVERY_UNSAFE: Readonly<Record<Place, RegExp>> = {
  text: new RegExp(UNSAFE.text, "gu"),
  quoted: new RegExp(UNSAFE.quoted, "gu"),
  word: new RegExp(UNSAFE.word, "gu"),
};

/**
 * Makes any string safe at `place` of a log line, cut at `limit`.
 *
 * @example
 * ```ts
 * escape('curl"\x1b[31m', "quoted"); // curl\x22\x1b[31m
 * ```
 */
export function escape(value: string, place: Place, limit = FIELD_LIMIT): string {
  if (isPlain(value, place, limit)) return value;
  if (value.length > limit) return escape(cut(value, limit), place, Infinity);
  return UNSAFE[place].test(value) ? value.replace(EVERY_UNSAFE[place], escaped) : value;
}

function isPlain(value: string, place: Place, limit: number): boolean {
  return value.length <= limit && PLAIN[place].test(value);
}

/** Cuts a long value, never between the halves of one character, and says how much is missing. */
export function cut(value: string, limit = FIELD_LIMIT): string {
  if (value.length <= limit) return value;
  const head = value.slice(0, limit).replace(/[\ud800-\udbff]$/, "");
  return `${head}[+${value.length - head.length}]`;
}

// JSON.stringify escapes C0 and lone surrogates itself, and these can stand only inside its strings.
const UNSAFE_IN_JSON = /[\x7f-\x9f\p{Bidi_Control}\u2028\u2029]/u;
const EVERY_UNSAFE_IN_JSON = new RegExp(UNSAFE_IN_JSON, "gu");

/** Escapes in serialised JSON what JSON.stringify leaves: the value that it stands for stays the same. */
export function escapeJson(json: string): string {
  return UNSAFE_IN_JSON.test(json) ? json.replace(EVERY_UNSAFE_IN_JSON, escapedLong) : json;
}

function escaped(character: string): string {
  const code = character.charCodeAt(0);
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : escapedLong(character);
}

function escapedLong(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
