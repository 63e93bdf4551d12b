/** A bare HTTP client for the contract tests: node:net, one connection at a time, nothing retried or pooled. */
import { connect, type NetConnectOpts, type Socket } from "node:net";
import type { Address } from "../../core/arbiter/listener.ts";

export function target(address: Address): NetConnectOpts {
  if (address.kind === "unix") return { path: address.path };
  if (address.kind === "fd") throw new TypeError("Cannot connect to a descriptor");
  const anyone = { "": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1" } as Record<string, string>;
  return { host: anyone[address.host] ?? address.host, port: address.port };
}

/** The body of one answer on a connection of its own. Rejects when the connection fails, or ends without one. */
export function get(address: Address, path = "/"): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(target(address));
    let text = "";
    socket.on("data", (data) => (text += data.toString()));
    socket.on("error", reject);
    socket.on("close", () => {
      const at = text.indexOf("\r\n\r\n");
      if (at < 0) reject(new Error(`Connection closed after ${JSON.stringify(text)}`));
      else resolve(text.slice(at + 4));
    });
    socket.write(`GET ${path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`);
    // Deno says "Connection: close" but leaves the closing to the client.
    socket.on("data", () => isWhole(text) && socket.end());
  });
}

function isWhole(text: string): boolean {
  const [head = "", body = ""] = text.split("\r\n\r\n", 2);
  const length = /content-length: (\d+)/i.exec(head)?.[1];
  return length !== undefined && body.length >= Number(length);
}

/** Whether somebody accepts connections there at all. */
export function isRefused(address: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(target(address));
    socket.on("connect", () => (socket.destroy(), resolve(false)));
    socket.on("error", () => resolve(true));
  });
}

/** A connection kept open, with what has come and when it was closed. */
export class Connection {
  readonly socket: Socket;
  text = "";
  /** The time on `performance.now()` at which it was closed. */
  readonly closed: Promise<number>;
  constructor(address: Address) {
    this.socket = connect(target(address));
    this.socket.on("error", () => {}); // Seen as closed.
    this.socket.on("data", (data) => (this.text += data.toString()));
    this.closed = new Promise((resolve) => this.socket.on("close", () => resolve(performance.now())));
  }
  ask(path: string): void {
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`);
  }
  /** Waits until `wanted` has come. Rejects when the connection is closed before. */
  async has(wanted: string): Promise<void> {
    while (!this.text.includes(wanted)) {
      if (this.socket.destroyed) throw new Error(`Closed before ${wanted} came; came ${JSON.stringify(this.text)}`);
      await Promise.race([new Promise((resolve) => this.socket.once("data", resolve)), this.closed]);
    }
  }
}

/** `clients` that ask for one thing after another, each on a new connection, until `total` answers or failures have come, or `isOver`. */
export async function load(
  address: Address,
  { clients, total, isOver = () => false }: { readonly clients: number; readonly total: number; readonly isOver?: () => boolean },
): Promise<{ answers: Map<string, number>; failures: string[] }> {
  const answers = new Map<string, number>();
  const failures: string[] = [];
  let left = total;
  await Promise.all(Array.from({ length: clients }, async () => {
    while (left-- > 0 && !isOver()) {
      try {
        const answer = await get(address);
        answers.set(answer, (answers.get(answer) ?? 0) + 1);
      } catch (error) {
        failures.push((error as Error).message);
      }
    }
  }));
  return { answers, failures };
}
