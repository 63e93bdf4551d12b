/** A request as SCGI's variables for a Python process, and its body as it goes there. */
import { Buffer } from "node:buffer";
import { pathToBytes } from "../core/gateway/path.ts";
import type { Environ } from "../core/gateway/types.ts";
import type { PythonConnection } from "./python_connection.ts";

/** How the body goes: not at all, as so many bytes as CONTENT_LENGTH says, or in netstrings. */
type Way = "none" | "counted" | "frames";

export interface PythonRequest {
  readonly head: Uint8Array;
  readonly way: Way;
}

/** Null for a value with NUL, which SCGI cannot carry. HTTP_PROXY stays away: what runs as CGI would take it for its own proxy. */
export function pythonRequest(environ: Environ): PythonRequest | null {
  const way = wayOf(environ);
  let text = `CONTENT_LENGTH\0${environ.CONTENT_LENGTH ?? "0"}\0SCGI\x001\0TSGI_BODY\0${way}\0TSGI_URL_SCHEME\0${environ["tsgi.url_scheme"]}\0TSGI_MULTIPROCESS\0${environ["tsgi.multiprocess"] ? "1" : ""}\0`;
  for (const key of Object.keys(environ)) {
    // Not even read: tsgi.signal is made when it is, and costs more than a small answer.
    if (key.includes(".") || key === "CONTENT_LENGTH" || key === "HTTP_PROXY") continue;
    const value = environ[key];
    if (typeof value !== "string") continue;
    if (value.includes("\0")) return null;
    text += `${key}\0${key.startsWith("HTTP_") || !BEYOND_ASCII.test(value) ? value : latin1(value)}\0`;
  }
  return { head: Buffer.from(`${text.length}:${text},`, "latin1"), way };
}

/** Sends the body at the pace of its reader. Ends early when `isOver`, since nobody will read the rest. */
export async function sendBody(environ: Environ, way: Way, { connection, isOver, waits }: {
  readonly connection: PythonConnection;
  readonly isOver: () => boolean;
  /** Told whether it is the client that is waited for. */
  readonly waits: (client: boolean) => void;
}): Promise<void> {
  if (way === "none" || environ.CONTENT_LENGTH === "0") return;
  waits(true);
  for await (const chunk of environ["tsgi.input"]) {
    waits(false);
    if (isOver()) return;
    if (chunk.length > 0) {
      const taken = connection.write(way === "frames" ? netstring(chunk) : chunk);
      if (taken !== null) await taken;
    }
    if (isOver()) return;
    waits(true);
  }
  waits(false);
  if (way === "frames" && !isOver()) await connection.write(netstring(new Uint8Array(0)));
}

const BEYOND_ASCII = /[^\x00-\x7f]/;
/** They have no body unless they say so. */
const BARE = /^(?:GET|HEAD|OPTIONS)$/;

function wayOf(environ: Environ): Way {
  if (environ.CONTENT_LENGTH !== undefined) return "counted";
  return environ.HTTP_TRANSFER_ENCODING === undefined && BARE.test(environ.REQUEST_METHOD) ? "none" : "frames";
}

/** UTF-8 as PEP 3333 wants it, a character for each byte. */
function latin1(value: string): string {
  return Buffer.from(pathToBytes(value)).toString("latin1");
}

function netstring(chunk: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${chunk.length}:`), chunk, COMMA]);
}

const COMMA = Buffer.from(",");
