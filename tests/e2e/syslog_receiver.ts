/** Receivers of syslog messages, for the tests: node has no unix datagrams. */
import { rmSync } from "node:fs";
import { createServer, type Server as NetServer, type Socket } from "node:net";
import { bytes, FAMILY, requireLibc } from "../../runtimes/libc.ts";
import { runtime } from "../../runtimes/current.ts";
import type { SocketAddress } from "../../runtimes/socket_address.ts";

const MSG_DONTWAIT = 0x40;
/** SO_RCVBUF: the kernel gives as much of it as it may. */
const RECEIVE_BUFFER = [1, 8] as const;

export interface Receiver {
  /** For UDP and TCP. */
  readonly port: number;
  /** What came so far, a message each. */
  messages(): string[];
  close(): void;
}

/** Takes datagrams, over UDP or at the path of a unix socket. */
export function datagrams(at: { readonly port: number } | { readonly path: string }): Receiver {
  const libc = requireLibc();
  const c = runtime.ffi.open(["libc.so.6", "libc.musl-x86_64.so.1", "libc.so"], { recv: { parameters: ["i32", "buffer", "u64", "i32"], result: "i64" } });
  const to: SocketAddress = "path" in at ? { family: "unix", path: at.path } : { family: "v4", host: "127.0.0.1", port: at.port };
  const socket = libc.socket(FAMILY[to.family], "dgram");
  libc.set(socket, RECEIVE_BUFFER, 4 << 20);
  libc.bind(socket, to);
  const bound = libc.nameOf(socket);
  const buffer = bytes(100_000);
  const messages: string[] = [];
  // The kernel keeps ten datagrams for a unix socket.
  const timer = setInterval(drain, 5);
  return {
    port: bound !== null && bound.family !== "unix" ? bound.port : 0,
    messages: () => {
      drain();
      return messages;
    },
    close: () => {
      clearInterval(timer);
      libc.close(socket);
      if ("path" in at) rmSync(at.path, { force: true });
    },
  };

  function drain(): void {
    for (let length = take(); length > 0; length = take()) messages.push(new TextDecoder("utf-8", { fatal: true }).decode(buffer.subarray(0, length)));
  }

  function take(): number {
    return Number(c.recv(socket, buffer, BigInt(buffer.length), MSG_DONTWAIT));
  }
}

/** Takes a stream of lines. */
export async function lines(at: { readonly port: number } | { readonly path: string }): Promise<Receiver> {
  let text = "";
  const sockets = new Set<Socket>();
  const server: NetServer = createServer((socket) => {
    sockets.add(socket);
    socket.setEncoding("utf8").on("data", (more: string) => (text += more));
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => "path" in at ? server.listen(at.path, resolve) : server.listen(at.port, "127.0.0.1", resolve));
  return {
    port: "path" in at ? 0 : (server.address() as { port: number }).port,
    messages: () => text.split("\n").slice(0, -1),
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Resolves with what came when it is enough. */
export async function received(receiver: Receiver, enough: (messages: string[]) => boolean): Promise<string[]> {
  const end = performance.now() + 20_000;
  while (!enough(receiver.messages())) {
    if (performance.now() > end) throw new Error(`Waited in vain, there is only:\n${receiver.messages().slice(-5).map((message) => message.slice(0, 200)).join("\n")}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return receiver.messages();
}
