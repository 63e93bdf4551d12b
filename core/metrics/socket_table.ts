/** What the kernel tells of listening sockets, in the text of /proc/net/tcp, tcp6 and unix. */
import type { Address } from "../arbiter/listener.ts";

export interface QueueStats {
  /** Connections that nobody has accepted yet, over all sockets of the address. */
  readonly queued: number;
  /** The longest queue of one socket: with slots, the one that is behind. */
  readonly longest: number;
  /** Listening sockets: one, or one for each slot. */
  readonly sockets: number;
  /** Connections that were accepted and are open. */
  readonly connections: number;
}

const LISTEN = "0A";
const ESTABLISHED = "01";
/** A unix connection that nobody has accepted: the kernel gives it a socket when somebody does. */
const CONNECTING = "02";
const CONNECTED = "03";

/** `table` is the text of tcp and tcp6, or of unix. */
export function queueOf(address: Address, table: string): QueueStats {
  if (address.kind === "tcp") return tcpQueue(address, rowsWith(`:${portText(address.port)} `, table));
  const path = address.kind === "unix" ? address.path : "";
  return unixQueue(path, rowsWith(path, table));
}

/** The columns of the lines that have `text` somewhere. Of very many lines few are ours: the others are not taken apart. */
function rowsWith(text: string, table: string): string[][] {
  const rows: string[][] = [];
  if (text === "") return rows;
  for (let at = table.indexOf(text); at >= 0;) {
    const end = table.indexOf("\n", at) < 0 ? table.length : table.indexOf("\n", at);
    rows.push(table.slice(table.lastIndexOf("\n", at) + 1, end).trim().split(/\s+/));
    at = table.indexOf(text, end);
  }
  return rows;
}

function portText(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, "0");
}

// Columns: number, local address, remote address, state, queues to send and to receive, timers (two), retries, user, timeout, inode.
function tcpQueue({ host, port }: { readonly host: string; readonly port: number }, rows: readonly string[][]): QueueStats {
  const end = `:${portText(port)}`;
  const number = hexOf(host);
  // A name, an IPv6 number, or all interfaces: the port says enough.
  const ours = rows.filter(([, local = ""]) => (number === null ? local.endsWith(end) : local === number + end));
  const queues = ours.filter((row) => row[3] === LISTEN).map((row) => parseInt(row[4]?.split(":")[1] ?? "0", 16));
  const connections = ours.filter((row) => row[3] === ESTABLISHED && row[9] !== "0").length;
  return { queued: queues.reduce((a, b) => a + b, 0), longest: Math.max(0, ...queues), sockets: queues.length, connections };
}

// Columns: number, references, protocol, flags (with `accepting`), type, state, inode, path.
function unixQueue(path: string, rows: readonly string[][]): QueueStats {
  const ours = rows.filter((row) => row.slice(7).join(" ") === path);
  const sockets = ours.filter((row) => (parseInt(row[3] ?? "0", 16) & ACCEPTING) !== 0).length;
  const queued = ours.filter((row) => row[5] === CONNECTING).length;
  const connections = ours.filter((row) => row[5] === CONNECTED).length;
  return { queued, longest: queued, sockets, connections };
}

const ACCEPTING = 0x10000;

/** An IPv4 number as the kernel writes it on a little-endian machine; null for anything else, and for 0.0.0.0. */
function hexOf(host: string): string | null {
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(host) || host === "0.0.0.0") return null;
  return host.split(".").reverse().map((n) => Number(n).toString(16).toUpperCase().padStart(2, "0")).join("");
}
