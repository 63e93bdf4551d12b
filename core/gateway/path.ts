/**
 * The path codec (SPEC E-11, U-1, Appendix B.1): percent-decoding without loss.
 *
 * A path is bytes. Those that are UTF-8 become the text they mean; each other byte x becomes the lone surrogate U+DC00+x, as Python's
 * `surrogateescape` does, so that every path can be turned back into exactly its bytes. `path.isWellFormed()` tells whether all of it
 * was UTF-8.
 *
 * @module
 */
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

const HEX = "0123456789ABCDEF";

const NEEDS_DECODING = /[%\x80-\uffff]/;
const NEEDS_ENCODING = /[^A-Za-z0-9\-._~!$&'()*+,;=:@/]/;

/**
 * Percent-decodes a path once. An escape that is none stays as it is, `+` stays, `%2F` becomes `/`; no dot-segment is removed.
 *
 * @example
 * ```ts
 * decodePath("/caf%C3%A9"); // "/café"
 * decodePath("/%ff"); // "/\udcff"
 * ```
 */
export function decodePath(raw: string): string {
  if (!NEEDS_DECODING.test(raw)) return raw;
  if (raw.isWellFormed()) {
    try {
      return decodeURIComponent(raw);
    } catch {
      // Not UTF-8, or a percent sign alone: the walk below keeps the bytes.
    }
  }
  return bytesToPath(unescape(encodeUtf8(raw)));
}

/**
 * The inverse of {@linkcode decodePath}, up to the spelling of escapes: leaves `A-Za-z0-9-._~!$&'()*+,;=:@/`, writes the rest `%XX`.
 *
 * @example
 * ```ts
 * encodePath("/a b"); // "/a%20b"
 * ```
 */
export function encodePath(path: string): string {
  if (!NEEDS_ENCODING.test(path)) return path;
  let encoded = "";
  for (const byte of pathToBytes(path)) {
    const character = String.fromCharCode(byte);
    encoded += byte > 0x7f || NEEDS_ENCODING.test(character) ? `%${HEX[byte >> 4]}${HEX[byte & 15]}` : character;
  }
  return encoded;
}

/** Bytes as a path: UTF-8 where it is well-formed, U+DC00+byte elsewhere. */
export function bytesToPath(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes);
  } catch {
    // Some byte is not UTF-8; which one, the walk finds out.
  }
  let path = "";
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    path += length === 0 ? String.fromCharCode(0xdc00 + bytes[at]!) : decodeUtf8(bytes.subarray(at, at + length));
    at += length || 1;
  }
  return path;
}

/** The bytes that a path stands for. A lone surrogate that no byte can have made becomes U+FFFD, as everywhere on the Web. */
export function pathToBytes(path: string): Uint8Array {
  if (path.isWellFormed()) return encodeUtf8(path);
  const bytes: number[] = [];
  for (const character of path) {
    const code = character.charCodeAt(0);
    if (character.length === 1 && code >= 0xdc80 && code <= 0xdcff) bytes.push(code - 0xdc00);
    else bytes.push(...encodeUtf8(character));
  }
  return Uint8Array.from(bytes);
}

/** Replaces each `%XX` by its byte, once, from left to right. */
function unescape(raw: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(raw.length);
  let length = 0;
  for (let at = 0; at < raw.length; at++) {
    const high = raw[at] === 0x25 ? hexDigit(raw[at + 1]) : -1;
    const low = high < 0 ? -1 : hexDigit(raw[at + 2]);
    if (low < 0) bytes[length++] = raw[at]!;
    else {
      bytes[length++] = high * 16 + low;
      at += 2;
    }
  }
  return bytes.subarray(0, length);
}

function hexDigit(code: number | undefined): number {
  if (code === undefined) return -1;
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** How many bytes the well-formed UTF-8 sequence at `at` has (Unicode table 3-7); 0 if there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  const second = bytes[at + 1] ?? 0;
  // Overlong forms, surrogates and what lies above U+10FFFF differ from the rest in the second byte only.
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  for (let next = 2; next < length; next++) if (((bytes[at + next] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}
