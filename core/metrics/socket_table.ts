/** What the kernel tells of listening sockets and their connections, and what of it is an address's. */
import type { Address } from "../arbiter/listener.ts";

/** A socket, by the address it is bound to: of TCP as a number, in the form that URLs have. */
export type SocketRow = {
  readonly address: Address;
} & (
  /** `queued` are the connections that nobody has accepted yet; of a unix socket each of them is a row. */
  | { readonly state: "listening"; readonly queued: number }
  | { readonly state: "waiting" }
  | { readonly state: "accepted" }
);

/** Those of the addresses that were asked for, and maybe more; null where the system does not tell. */
export interface SocketTable {
  readonly tcp: readonly SocketRow[] | null;
  readonly unix: readonly SocketRow[] | null;
}

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

export function queueOf(address: Address, table: SocketTable): QueueStats | null {
  const rows = address.kind === "fd" ? null : table[address.kind];
  if (rows === null) return null;
  const isOurs = matcher(address);
  const queues: number[] = [];
  let waiting = 0;
  let connections = 0;
  for (const row of rows) {
    if (!isOurs(row.address)) continue;
    if (row.state === "listening") queues.push(row.queued);
    else if (row.state === "waiting") waiting++;
    else connections++;
  }
  const queued = queues.reduce((a, b) => a + b, waiting);
  return { queued, longest: Math.max(waiting, ...queues), sockets: queues.length, connections };
}

/** The families that a host's sockets may have. Of a name it is known to who looks it up only. */
export function familiesOf(host: string): readonly ("v4" | "v6")[] {
  if (host.includes(":")) return ["v6"];
  return host === "" || /^\d+\.\d+\.\d+\.\d+$/.test(host) ? ["v4"] : ["v4", "v6"];
}

function matcher(address: Address): (other: Address) => boolean {
  if (address.kind !== "tcp") return (other) => other.kind === "unix" && address.kind === "unix" && other.path === address.path;
  const families = familiesOf(address.host);
  const host = families.length > 1 ? "" : numberOf(address.host);
  const isAny = host === "" || host === "0.0.0.0" || host === "::";
  return (other) => other.kind === "tcp" && other.port === address.port && (isAny ? families.includes(familiesOf(other.host)[0]!) : other.host === host);
}

/** An IPv6 number can be written in many ways, and with its zone. */
function numberOf(host: string): string {
  return host.includes(":") ? new URL(`http://[${host.split("%")[0]}]`).hostname.slice(1, -1) : host;
}
