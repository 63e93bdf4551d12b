/**
 * Closes connections whose clients are idle or slow, where the runtime's server does not: about once a second, the kernel is asked what has
 * come and gone on each connection of this thread's servers. A connection without a request in flight is
 *
 * - idle, when the last thing on it was an answer of ours, all of which was received. It gets `keepAlive`, counted from that.
 * - asking, when it has not had an answer, or the client has sent something since. It gets `headTimeout` for the head of its request, however
 *   often a byte comes, counted from when it was first seen so. Who has sent more than any head may have is sending the body of a request
 *   that was answered already, and is left alone.
 *
 * The connections are those that our own epoll watches, so that threads of one process do not close each other's, and whose local port is a
 * server's. Several servers of a thread may have one port (a slot that is covered, another host): all of them are asked who is busy.
 */
import { watched } from "./connections.ts";
import { type Libc, OPTION } from "./libc.ts";
import type { SlowClients } from "./runtime.ts";

const PERIOD = 1000;
/** Looking takes about 6 µs per connection: with very many, we look less often, for at most one part in so many of the time. */
const SHARE = 50;
/** So late a loop may be that has nothing to catch up with. Else what came meanwhile has not been read, and for that no client is to blame. */
const ON_TIME = 100;
/** So late, it is given a few turns first, in which it reads. */
const LATE = 500;
const TURNS = 50;
/** Bytes; no native server takes a larger head. */
const LARGEST_HEAD = 2 ** 16;
const TCP_ESTABLISHED = 1;

export interface Watched extends SlowClients {
  readonly port: number;
  /** The one that listens. */
  readonly descriptor: number;
}

/** By the epoll of the thread. */
const watches = new Map<number, Watch>();

export function closeSlow(c: Libc, epoll: number, server: Watched): { stop(): void } {
  const watch = watches.get(epoll) ?? new Watch(c, epoll);
  watches.set(epoll, watch);
  watch.servers.add(server);
  return {
    stop: () => {
      watch.servers.delete(server);
      if (watch.servers.size > 0) return;
      watch.stop();
      watches.delete(epoll);
    },
  };
}

interface Connection {
  readonly fd: number;
  readonly peer: number;
  readonly server: Watched;
  readonly traffic: Traffic;
}

/** A request's head that is under way. */
interface Head {
  readonly peer: number;
  /** Segments that we had sent by then: it is another head when there are more. */
  readonly sent: number;
  readonly received: number;
  since: number;
}

class Watch {
  readonly servers = new Set<Watched>();
  readonly #libc: Libc;
  readonly #epoll: number;
  #heads = new Map<number, Head>();
  #timer: ReturnType<typeof setTimeout>;
  /** How long the loop was held up, in milliseconds, since it was last on time. */
  #behind = 0;

  constructor(c: Libc, epoll: number) {
    this.#libc = c;
    this.#epoll = epoll;
    this.#timer = this.#schedule(PERIOD);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #schedule(wait: number, isSecondLook = false): ReturnType<typeof setTimeout> {
    const due = performance.now() + wait;
    const timer = setTimeout(() => {
      const from = performance.now();
      const lateness = from - due;
      this.#behind = lateness > ON_TIME ? this.#behind + lateness : 0;
      if (lateness > ON_TIME) for (const head of this.#heads.values()) head.since += lateness;
      if (lateness > LATE && !isSecondLook) {
        this.#timer = this.#schedule(TURNS, true);
        return;
      }
      this.#look(from);
      this.#timer = this.#schedule(Math.max(PERIOD, (performance.now() - from) * SHARE));
    }, wait);
    timer.unref?.();
    return timer;
  }

  #look(now: number): void {
    const connections = this.#connections();
    const open = new Set(connections.map(({ peer }) => peer));
    for (const { busy } of this.servers) busy.see(open);
    const heads = new Map<number, Head>();
    for (const connection of connections) {
      const { fd, server, traffic } = connection;
      if (traffic.isUnderWay || this.#isBusy(connection)) continue;
      if (traffic.isAnswered) {
        if (server.keepAlive > 0 && traffic.silence >= server.keepAlive * 1000 + this.#behind) this.#libc.shutdown(fd);
        continue;
      }
      const head = this.#headOf(connection, now);
      heads.set(fd, head);
      const isLate = server.headTimeout > 0 && now - head.since >= server.headTimeout * 1000;
      if (isLate && traffic.received - head.received <= LARGEST_HEAD) this.#libc.shutdown(fd);
    }
    this.#heads = heads;
  }

  #headOf({ fd, peer, traffic: { sent, received } }: Connection, now: number): Head {
    const before = this.#heads.get(fd);
    return before !== undefined && before.peer === peer && before.sent === sent && before.received <= received ? before : { peer, sent, received, since: now };
  }

  #isBusy({ peer, traffic }: Connection): boolean {
    for (const { busy } of this.servers) if (busy.has(peer) || (traffic.sent > 0 && busy.isUpgraded(peer))) return true;
    return false;
  }

  #connections(): Connection[] {
    const servers = new Map(Array.from(this.servers, (server) => [server.port, server]));
    const listening = new Set(Array.from(this.servers, ({ descriptor }) => descriptor));
    const found: Connection[] = [];
    for (const fd of watched(this.#epoll)) {
      const traffic = listening.has(fd) ? null : trafficOf(this.#libc, fd);
      if (traffic === null) continue;
      const local = this.#libc.nameOf(fd);
      const server = local === null || local.family === "unix" ? undefined : servers.get(local.port);
      const peer = server && this.#libc.peerOf(fd);
      if (server && peer && peer.family !== "unix") found.push({ fd, peer: peer.port, server, traffic });
    }
    return found;
  }
}

/** What the kernel knows of an established TCP connection. */
interface Traffic {
  /** Whether something of ours was not received yet. */
  readonly isUnderWay: boolean;
  /** Whether we were the last to send something. */
  readonly isAnswered: boolean;
  /** Milliseconds in which nothing came or went. */
  readonly silence: number;
  /** Segments with data. */
  readonly sent: number;
  /** Bytes. */
  readonly received: number;
}

const info = new Uint8Array(new ArrayBuffer(256));
const view = new DataView(info.buffer);
/** Offsets in struct tcp_info, which only ever grows at its end. */
const AT = { state: 0, unacked: 24, lastSent: 44, lastReceived: 52, bytesReceived: 128, notSent: 144, dataSegmentsOut: 156 };

function trafficOf(c: Libc, fd: number): Traffic | null {
  if (c.read(fd, OPTION.tcpInfo, info) === null || info[AT.state] !== TCP_ESTABLISHED) return null;
  const at = (offset: number) => view.getUint32(offset, true);
  const [lastSent, lastReceived, sent] = [at(AT.lastSent), at(AT.lastReceived), at(AT.dataSegmentsOut)];
  return {
    isUnderWay: at(AT.unacked) > 0 || at(AT.notSent) > 0,
    isAnswered: sent > 0 && lastSent <= lastReceived,
    silence: Math.min(lastSent, lastReceived),
    sent,
    received: Number(view.getBigUint64(AT.bytesReceived, true)),
  };
}
