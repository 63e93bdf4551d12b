/**
 * SCGI, the client's side: {@linkcode wrapScgi} makes an application of a server in any language that speaks it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect } from "node:net";
import type { Socket } from "node:net";
import type { Address } from "../core/arbiter/listener.ts";
import type { App } from "../core/gateway/types.ts";
import { parseAddress, showAddress } from "../core/settings/address.ts";
import { converse, refuse, write } from "./cgi_exchange.ts";
import type { Peer } from "./cgi_exchange.ts";
import { cgiRequest } from "./cgi_request.ts";
import type { CgiRequest } from "./cgi_request.ts";

export interface WrapScgiOptions {
  /** Variables for the server besides the request, such as DOCUMENT_ROOT. What comes from the request wins. */
  readonly env?: Readonly<Record<string, string>>;
  /** Bytes of a request body without Content-Length that are kept in memory to count them: 1 MiB, unless given. */
  readonly maxBuffered?: number;
}

/**
 * Makes an application of an SCGI server at an address as `--bind` takes it, `127.0.0.1:4000` or `unix:/run/app.sock`: a connection for
 * each request (https://python.ca/scgi/protocol.txt).
 *
 * A server that cannot be reached makes a 502, as does an answer that is none (no headers, a Status that is none, or a status line of
 * HTTP); both are told on `tsgi.errors`. A connection that breaks while it answers breaks the response off. When the client goes, the
 * connection is closed. There is no limit of time: put `timeout` around it.
 *
 * Every byte of the path reaches the server, except NUL: that is answered 400. HTTP_PROXY is never sent.
 *
 * Throws SyntaxError for an address that is none, and for NUL in `env`.
 *
 * @example
 * ```ts
 * const application = dispatcher(root, { "/reports": wrapScgi("unix:/run/reports.sock") });
 * ```
 */
export function wrapScgi(address: string, options: WrapScgiOptions = {}): App {
  const target = targetOf(address);
  const { env = {}, maxBuffered = 1_048_576 } = options;
  if (Object.entries(env).flat().some((text) => text.includes("\0"))) throw new SyntaxError("Cannot send env to an SCGI server: a name or a value in it contains NUL");
  return async (environ, startResponse) => {
    const request = await cgiRequest(environ, maxBuffered);
    if (typeof request === "string") return refuse(startResponse, request);
    const name = `the SCGI server ${showAddress(target)}`;
    let socket: Socket;
    try {
      socket = await open(target, environ["tsgi.signal"]);
      await write(socket, headersOf(request, env));
    } catch (error) {
      if (environ["tsgi.signal"].aborted) throw environ["tsgi.signal"].reason;
      environ["tsgi.errors"].write(`Cannot reach ${name}: ${(error as Error).message}\n`);
      return refuse(startResponse, "502 Bad Gateway");
    }
    return converse(new SocketPeer(name, socket), request.body, { environ, startResponse });
  };
}

type Target = Exclude<Address, { readonly kind: "fd" }>;

function targetOf(address: string): Target {
  const reading = parseAddress(address);
  const expected = reading.ok ? "an address that can be connected to, such as 127.0.0.1:4000 or unix:/run/app.sock" : reading.expected;
  if (!reading.ok || reading.value.kind === "fd") throw new SyntaxError(`Cannot use the SCGI address ${JSON.stringify(address)}: expected ${expected}`);
  return reading.value;
}

async function open(target: Target, signal: AbortSignal): Promise<Socket> {
  const socket = target.kind === "unix" ? connect({ path: target.path }) : connect({ host: target.host, port: target.port });
  try {
    await once(socket, "connect", { signal });
  } catch (error) {
    socket.destroy();
    throw error;
  }
  socket.on("error", () => {}); // Told by write() and by reading.
  return socket;
}

/** A netstring of names and values; CONTENT_LENGTH has to be the first. */
function headersOf({ variables }: CgiRequest, env: Readonly<Record<string, string>>): Buffer {
  const encoder = new TextEncoder();
  const pairs = new Map<string, Uint8Array>([["CONTENT_LENGTH", variables.get("CONTENT_LENGTH")!]]);
  for (const [name, value] of Object.entries(env)) if (name !== "HTTP_PROXY") pairs.set(name, encoder.encode(value));
  for (const [name, value] of variables) pairs.set(name, value);
  pairs.set("SCGI", encoder.encode("1"));
  const zero = new Uint8Array(1);
  const block = Buffer.concat([...pairs].flatMap(([name, value]) => [encoder.encode(name), zero, value, zero]));
  return Buffer.concat([encoder.encode(`${block.length}:`), block, encoder.encode(",")]);
}

class SocketPeer implements Peer {
  readonly name: string;
  readonly #socket: Socket;

  constructor(name: string, socket: Socket) {
    this.name = name;
    this.#socket = socket;
  }

  get input(): Socket {
    return this.#socket;
  }

  get output(): Socket {
    return this.#socket;
  }

  /** The connection stays open: some servers take a half-closed one for a client that has gone. */
  written(): void {}

  /** Nothing but the end of the connection says that an answer is whole. */
  ended(): Promise<null> {
    return Promise.resolve(null);
  }

  close(): void {
    this.#socket.destroy();
  }
}
