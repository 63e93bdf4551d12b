/**
 * Closes connections that were idle too long, where the runtime's server never does (Deno): about once a second, the kernel is asked how
 * long each connection of the server has been quiet.
 *
 * The connections are those that our own epoll watches, so that threads of one process do not close each other's, and whose local port
 * is the server's. One is idle when no request is in flight on it, everything written to it was received, and nothing has come or gone
 * for `keepAlive`. A connection that has sent something since the last answer, or has not had an answer yet, gets longer, as in Bun: its
 * request may be on the way. While our own loop is held up, nobody is idle: what was asked meanwhile has not been read yet.
 */
import { watched } from "./connections.ts";
import { type Libc, OPTION, type Registration } from "./libc.ts";
import type { Busy } from "./runtime.ts";
import type { SocketAddress } from "./socket_address.ts";

/** Seconds for a request to be sent, its body not counted. */
const HEAD = 10;
const PERIOD = 1000;
/** Looking takes about 6 µs per connection: with very many, we look less often, for at most one part in so many of the time. */
const SHARE = 50;
/** So late a loop may be that has nothing to catch up with. */
const ON_TIME = 100;
const TCP_ESTABLISHED = 1;

export interface IdleOptions {
  readonly registration: Registration;
  readonly address: SocketAddress;
  readonly descriptor: number;
  /** Seconds. */
  readonly keepAlive: number;
  readonly busy: Busy;
}

export function closeIdle(c: Libc, options: IdleOptions): { stop(): void } {
  let timer = schedule(PERIOD);
  /** How long the loop was held up, in milliseconds, since it was last on time. */
  let behind = 0;
  return { stop: () => clearTimeout(timer) };

  function schedule(wait: number): ReturnType<typeof setTimeout> {
    const due = performance.now() + wait;
    const next = setTimeout(() => {
      const from = performance.now();
      behind = from - due > ON_TIME ? behind + from - due : 0;
      sweep(c, options, behind);
      timer = schedule(Math.max(PERIOD, (performance.now() - from) * SHARE));
    }, wait);
    next.unref?.();
    return next;
  }
}

function sweep(c: Libc, { registration, address, descriptor, keepAlive, busy }: IdleOptions, behind: number): void {
  if (address.family === "unix") return;
  const open = new Set<number>();
  const idle: { readonly fd: number; readonly port: number }[] = [];
  for (const fd of watched(registration.epoll)) {
    if (fd === descriptor || !readInfo(c, fd)) continue;
    const local = c.nameOf(fd);
    if (local === null || local.family === "unix" || local.port !== address.port) continue;
    const peer = c.peerOf(fd);
    if (peer === null || peer.family === "unix") continue;
    open.add(peer.port);
    if (isIdle(keepAlive, behind)) idle.push({ fd, port: peer.port });
  }
  busy.see(open);
  for (const { fd, port } of idle) if (!busy.has(port)) c.shutdown(fd);
}

const info = new Uint8Array(new ArrayBuffer(256));
const view = new DataView(info.buffer);
/** Offsets in struct tcp_info, which only ever grows at its end. */
const AT = { state: 0, unacked: 24, lastSent: 44, lastReceived: 52, notSent: 144, dataSegmentsOut: 156 };

function readInfo(c: Libc, fd: number): boolean {
  return c.read(fd, OPTION.tcpInfo, info) !== null && info[AT.state] === TCP_ESTABLISHED;
}

/** Of the connection that `readInfo` has just read. */
function isIdle(keepAlive: number, behind: number): boolean {
  const at = (offset: number) => view.getUint32(offset, true);
  if (at(AT.unacked) > 0 || at(AT.notSent) > 0) return false;
  const isAnswered = at(AT.dataSegmentsOut) > 0 && at(AT.lastSent) <= at(AT.lastReceived);
  const patience = isAnswered ? keepAlive : Math.max(keepAlive, HEAD);
  return Math.min(at(AT.lastSent), at(AT.lastReceived)) >= patience * 1000 + behind;
}
