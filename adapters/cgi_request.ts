/** A request as CGI variables and a body of known length: what a program gets in its environment, and an SCGI server in its headers. */
import { pathToBytes } from "../core/gateway/path.ts";
import type { Environ } from "../core/gateway/types.ts";
import { VERSION } from "../core/version.ts";

/** What goes to the other side. */
export interface CgiRequest {
  /** Names without `=` and NUL, values without NUL; CONTENT_LENGTH among them. */
  readonly variables: ReadonlyMap<string, Uint8Array>;
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * Makes it of an environ, or gives the status to answer with instead: 400 for a value with NUL, which neither protocol can carry, and 411
 * for a body of unknown length that is longer than `maxBuffered` bytes, since both want its length first.
 *
 * HTTP_PROXY is left out: a program would take it for its own proxy. So is Authorization where REMOTE_USER says that it was checked
 * already (RFC 3875 4.1.18).
 */
export async function cgiRequest(environ: Environ, maxBuffered: number): Promise<CgiRequest | "400 Bad Request" | "411 Length Required"> {
  const variables = new Map([["GATEWAY_INTERFACE", encode("CGI/1.1")], ["SERVER_SOFTWARE", encode(`tsgi/${VERSION}`)]]);
  for (const [key, value] of Object.entries(environ)) {
    if (typeof value !== "string" || !/^[^.=\0]+$/.test(key) || isPrivate(key, environ)) continue;
    if (value.includes("\0")) return "400 Bad Request";
    variables.set(key, key.startsWith("HTTP_") || key === "CONTENT_TYPE" ? latin1(value) : pathToBytes(value));
  }
  const input = environ["tsgi.input"];
  if (environ.CONTENT_LENGTH !== undefined) return { variables, body: input };
  const whole = await input.read(maxBuffered + 1);
  if (whole.length > maxBuffered) return "411 Length Required";
  variables.set("CONTENT_LENGTH", encode(String(whole.length)));
  return { variables, body: (async function* () {
    if (whole.length > 0) yield whole;
  })() };
}

function isPrivate(key: string, environ: Environ): boolean {
  return key === "HTTP_PROXY" || (key === "HTTP_AUTHORIZATION" && environ.REMOTE_USER !== undefined);
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A header's characters are its bytes (SPEC E-3). */
function latin1(value: string): Uint8Array {
  return Uint8Array.from(value, (character) => character.charCodeAt(0));
}
