/** The kernel's sockets as text: /proc/net/tcp, tcp6 and unix. With very many connections it takes the kernel long to write. */
import { readFileSync } from "node:fs";
import type { SocketRow } from "../core/metrics/socket_table.ts";
import { hostOf } from "./socket_address.ts";

const LISTEN = "0A";
const ESTABLISHED = "01";
/** A unix connection that nobody has accepted: the kernel gives it a socket when somebody does. */
const CONNECTING = "02";
const CONNECTED = "03";
const ACCEPTING = 0x10000;

/** A line of /proc/net/unix. */
export interface UnixLine {
  readonly flags: number;
  readonly type: string;
  readonly state: string;
  readonly inode: string;
  /** Empty where it has none. */
  readonly path: string;
}

/** Null where the kernel shows no such file: it has no such family, or is not Linux. */
export function readNet(name: "tcp" | "tcp6" | "unix"): string | null {
  try {
    return readFileSync(`/proc/net/${name}`, "utf8");
  } catch {
    return null;
  }
}

/** `text` is that of tcp or tcp6. Of very many lines few are ours: those of other ports are not taken apart. */
export function tcpRows(text: string, ports: readonly number[]): SocketRow[] {
  return ports.flatMap((port) => {
    const end = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
    return linesWith(`${end} `, text).flatMap((columns) => (columns[1]?.endsWith(end) ? tcpRow(columns, port) : []));
  });
}

// Columns: number, local address, remote address, state, queues to send and to receive, timers (two), retries, user, timeout, inode.
function tcpRow([, local = "", , state, queues = "", , , , , inode]: readonly string[], port: number): SocketRow[] {
  // What nobody has accepted has no inode, and is in the queue of its listener.
  if (state !== LISTEN && (state !== ESTABLISHED || inode === "0")) return [];
  const address = { kind: "tcp", host: hostOf(addressBytes(local.slice(0, -5))), port } as const;
  return [state === LISTEN ? { address, state: "listening", queued: parseInt(queues.split(":")[1] ?? "0", 16) } : { address, state: "accepted" }];
}

export function unixRows(text: string): SocketRow[] {
  return unixLines(text).flatMap(({ flags, state, path }): SocketRow[] => {
    const address = { kind: "unix", path } as const;
    if (path === "") return [];
    if ((flags & ACCEPTING) !== 0) return [{ address, state: "listening", queued: 0 }];
    return state === CONNECTING ? [{ address, state: "waiting" }] : state === CONNECTED ? [{ address, state: "accepted" }] : [];
  });
}

// Columns: number, references, protocol, flags, type, state, inode, path.
export function unixLines(text: string): UnixLine[] {
  return text.split("\n").slice(1).filter((line) => line !== "").map((line) => {
    const [, , , flags = "", type = "", state = "", inode = "", ...path] = line.trim().split(/\s+/);
    return { flags: parseInt(flags, 16), type, state, inode, path: path.join(" ") };
  });
}

/** The columns of the lines that have `part` somewhere. */
function linesWith(part: string, text: string): string[][] {
  const lines: string[][] = [];
  for (let at = text.indexOf(part); at >= 0;) {
    const end = text.indexOf("\n", at) < 0 ? text.length : text.indexOf("\n", at);
    lines.push(text.slice(text.lastIndexOf("\n", at) + 1, end).trim().split(/\s+/));
    at = text.indexOf(part, end);
  }
  return lines;
}

/** Words of 32 bits, each of which a little-endian machine writes from its end. */
function addressBytes(text: string): Uint8Array {
  const bytes = Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  for (let at = 0; at < bytes.length; at += 4) bytes.subarray(at, at + 4).reverse();
  return bytes;
}
