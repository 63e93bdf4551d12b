/** The path codec and the URLs that are made with it, for any bytes. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { createEnviron } from "../../../core/gateway/environ.ts";
import { bytesToPath, decodePath, encodePath, pathToBytes } from "../../../core/gateway/path.ts";
import { requestUri } from "../../../core/gateway/uri.ts";
import { property } from "../property.ts";

const bytes = fc.uint8Array({ maxLength: 40 });
/** Bytes most of which belong to UTF-8 sequences, whole or torn. */
const torn = fc.array(fc.oneof(fc.string({ unit: "binary", maxLength: 3 }).map((text) => [...Buffer.from(text)]), bytes.map((some) => [...some].slice(0, 2))), { maxLength: 12 })
  .map((parts) => Uint8Array.from(parts.flat()));
const anyBytes = fc.oneof(bytes, torn);
/** Any text, lone surrogates too. */
const text = fc.oneof(fc.string({ unit: "binary" }), fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 }).map((units) => String.fromCharCode(...units)));

property("bytesToPath() loses no byte", anyBytes, (path) => {
  assert.deepEqual([...pathToBytes(bytesToPath(path))], [...path]);
});

property("bytesToPath() reads as Python's surrogateescape does", anyBytes, (path) => {
  assert.equal(bytesToPath(path), surrogateEscaped(path));
});

property("encodePath() writes visible ASCII without ? and #, which decodePath() turns back", text, (path) => {
  const encoded = encodePath(path);
  assert.match(encoded, /^(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-F]{2})*$/);
  const decoded = decodePath(encoded);
  assert.equal(decoded, bytesToPath(pathToBytes(path)));
  assert.equal(encodePath(decoded), encoded);
});

property("decodePath() takes every spelling of the same bytes for the same path", fc.tuple(anyBytes, fc.array(fc.nat(2), { minLength: 1, maxLength: 7 })), ([path, spellings]) => {
  const spelled = [...path].map((byte, index) => {
    const way = spellings[index % spellings.length];
    const hex = byte.toString(16).padStart(2, "0");
    // What is left as it is must not be, or become, part of an escape.
    if (way === 0 && byte < 0x80 && !/[%0-9A-Fa-f]/.test(String.fromCharCode(byte))) return String.fromCharCode(byte);
    return `%${way === 1 ? hex : hex.toUpperCase()}`;
  }).join("");
  assert.equal(decodePath(spelled), bytesToPath(path));
});

property("decodePath() never throws, and leaves what is no escape", text, (raw) => {
  const decoded = decodePath(raw);
  if (!/%[0-9A-Fa-f]{2}/.test(raw) && raw.isWellFormed()) assert.equal(decoded, raw);
});

property("requestUri() of any request makes a request with the same path and query", fc.record({
  mount: fc.constantFrom("", "/shop", "/a b/ü"),
  path: anyBytes,
  query: fc.string({ unit: fc.constantFrom(..."ab=&%?/+~") }),
}), ({ mount, path, query }) => {
  const url = `http://example.com${encodePath(mount)}/${encodePath(bytesToPath(path))}${query === "" ? "" : `?${query}`}`;
  const environ = createEnviron(requestOf(url), {}, { scriptName: mount });
  assert.equal(environ.PATH_INFO, `/${bytesToPath(path)}`);
  const again = createEnviron(requestOf(requestUri(environ)), {}, { scriptName: mount });
  assert.deepEqual([again.SCRIPT_NAME, again.PATH_INFO, again.QUERY_STRING], [environ.SCRIPT_NAME, environ.PATH_INFO, environ.QUERY_STRING]);
});

/** Not a Request, which would resolve `..`. */
function requestOf(url: string) {
  return { url, method: "GET", headers: new Headers({ host: "example.com" }), body: null };
}

/** By trying: at each byte the shortest sequence that a strict decoder takes. */
function surrogateEscaped(path: Uint8Array): string {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let result = "";
  for (let at = 0; at < path.length;) {
    const length = [1, 2, 3, 4].find((n) => at + n <= path.length && isWhole(path.subarray(at, at + n)));
    result += length === undefined ? String.fromCharCode(0xdc00 + path[at]!) : decoder.decode(path.subarray(at, at + length));
    at += length ?? 1;
  }
  return result;

  function isWhole(some: Uint8Array): boolean {
    try {
      return [...decoder.decode(some)].length === 1;
    } catch {
      return false; // That is the answer.
    }
  }
}
