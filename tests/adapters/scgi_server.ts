/** An SCGI server for the tests: reads requests as the protocol's page tells, and answers with the bytes it is told to. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ScgiRequest {
  /** In order, with values as latin1 text: a character for each byte. */
  readonly headers: ReadonlyMap<string, string>;
  readonly socket: Socket;
  /** Reads the body, of CONTENT_LENGTH bytes. */
  body(): Promise<string>;
}

/** Serves for the length of `use`; on TCP, or on a unix socket. */
export async function withScgi(
  answer: (request: ScgiRequest) => void | Promise<void>,
  use: (address: string) => Promise<void>,
  kind: "tcp" | "unix" = "tcp",
): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    void serve(socket, answer);
  });
  const folder = mkdtempSync(join(tmpdir(), "tsgi-scgi-"));
  const path = join(folder, "socket");
  await new Promise<void>((listening) => kind === "unix" ? server.listen(path, listening) : server.listen(0, "127.0.0.1", listening));
  try {
    await use(kind === "unix" ? `unix:${path}` : `127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((closed) => server.close(closed));
    rmSync(folder, { recursive: true });
  }
}

async function serve(socket: Socket, answer: (request: ScgiRequest) => void | Promise<void>): Promise<void> {
  let received = "";
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  const more = async (): Promise<void> => {
    const { done, value } = await chunks.next();
    if (done) throw new Error("The request ended early");
    received += new TextDecoder("latin1").decode(value);
  };
  while (!received.includes(":")) await more();
  const start = received.indexOf(":") + 1;
  const length = Number(received.slice(0, start - 1));
  while (received.length <= start + length) await more();
  if (received[start + length] !== ",") throw new Error("The netstring does not end with a comma");
  const parts = received.slice(start, start + length).split("\0");
  const headers = new Map<string, string>();
  for (let at = 0; at + 1 < parts.length; at += 2) headers.set(parts[at]!, parts[at + 1]!);
  received = received.slice(start + length + 1);
  const body = async (): Promise<string> => {
    while (received.length < Number(headers.get("CONTENT_LENGTH"))) await more();
    return received;
  };
  await answer({ headers, socket, body });
}
