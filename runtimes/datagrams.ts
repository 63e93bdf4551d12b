/** Datagrams to one place, by UDP or to a unix socket, that never hold anybody up. */
import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns";
import type { Datagrams } from "../core/statsd/statsd.ts";
import type { StatsdTarget } from "../core/statsd/target.ts";
import { requireLibc } from "./libc.ts";

/** How long a host's address holds, in milliseconds: a container that comes back has another one. */
const ADDRESS_HOLDS = 60_000;
/** What may wait for an address. */
const MOST_WAITING = 100;
const CLOSING = 200;

/** `failed` is told what could not be sent. Throws the reason why nothing can be sent there at all. */
export function openDatagrams(target: StatsdTarget, failed: (reason: string) => void): Datagrams {
  return target.kind === "udp" ? overUdp(target, failed) : overUnix(target.path, failed);
}

function overUdp({ host, port }: Extract<StatsdTarget, { kind: "udp" }>, failed: (reason: string) => void): Datagrams {
  let waiting: string[] = [];
  let known: { readonly address: string; readonly socket: Socket; readonly until: number } | null = null;
  let isAsking = false;
  let unsent = 0;
  let drained = () => {};
  return { send, close };

  function send(packet: string): void {
    if (known !== null && performance.now() < known.until) return post(packet);
    if (waiting.length < MOST_WAITING) waiting.push(packet);
    if (isAsking) return;
    isAsking = true;
    lookup(host, (error, address, family) => {
      isAsking = false;
      const packets = waiting;
      waiting = [];
      if (error) failed(`cannot find ${host}: ${error.message}`);
      else {
        known = { address, socket: socketFor(family === 6 ? "udp6" : "udp4"), until: performance.now() + ADDRESS_HOLDS };
        packets.forEach(post);
      }
      settle();
    });
  }

  function socketFor(type: "udp4" | "udp6"): Socket {
    known?.socket.close();
    const socket = createSocket(type);
    socket.on("error", (error) => failed(error.message));
    socket.unref?.();
    return socket;
  }

  function post(packet: string): void {
    unsent++;
    known!.socket.send(packet, port, known!.address, (error) => {
      unsent--;
      if (error) failed(error.message);
      settle();
    });
  }

  function settle(): void {
    if (unsent === 0 && !isAsking) drained();
  }

  async function close(): Promise<void> {
    if (unsent > 0 || isAsking) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, CLOSING);
        drained = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    known?.socket.close();
  }
}

/** Neither runtime has unix datagrams, and node:dgram knows none. */
function overUnix(path: string, failed: (reason: string) => void): Datagrams {
  const libc = requireLibc();
  const descriptor = libc.datagramSocket();
  const to = { family: "unix", path } as const;
  return {
    send: (packet) => {
      try {
        libc.sendTo(descriptor, new TextEncoder().encode(packet), to);
      } catch (error) {
        failed((error as Error).message);
      }
    },
    close: async () => libc.close(descriptor),
  };
}
