/** The sockets at addresses of ours, as the kernel tells them: over netlink where that is allowed and can be called, else in /proc. */
import type { Address } from "../core/arbiter/listener.ts";
import { familiesOf, type SocketRow, type SocketTable } from "../core/metrics/socket_table.ts";
import { runtime } from "./current.ts";
import { libc, type Libc, SystemError } from "./libc.ts";
import { readNet, tcpRows, unixRows } from "./proc_net.ts";
import { askSockets, type Wanted } from "./sock_diag.ts";

/** Errors that are over some time. After any other the kernel is not asked again: it would say the same. */
const PASSING = new Set(["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS"]);

/** How to read the table. */
export function socketTable(c: Libc | Error = libc): (addresses: readonly Address[]) => SocketTable {
  let isRefused = c instanceof Error;
  return (addresses) => {
    const tcp = addresses.filter((one) => one.kind === "tcp");
    const wanted: Wanted = { families: [...new Set(tcp.flatMap(({ host }) => familiesOf(host)))], ports: [...new Set(tcp.map(({ port }) => port))] };
    return { tcp: ask(wanted) ?? readTcp(wanted), unix: addresses.some(({ kind }) => kind === "unix") ? readUnix() : null };
  };

  function ask(wanted: Wanted): SocketRow[] | null {
    if (isRefused || c instanceof Error) return null;
    try {
      return askSockets(c, wanted);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      isRefused = !PASSING.has(error.code);
      return null;
    }
  }
}

function readTcp({ families, ports }: Wanted): SocketRow[] | null {
  const texts = families.map((family) => readNet(family === "v4" ? "tcp" : "tcp6")).filter((text) => text !== null);
  return texts.length === 0 ? null : texts.flatMap((text) => tcpRows(text, ports));
}

function readUnix(): SocketRow[] | null {
  const text = readNet("unix");
  if (text === null) return null;
  const rows = unixRows(text);
  const { native } = runtime;
  if (native === undefined) return rows;
  return rows.map((row) => (row.address.kind === "unix" ? { ...row, address: { kind: "unix", path: native.unixPath(row.address.path) } } : row));
}
