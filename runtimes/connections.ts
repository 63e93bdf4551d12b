/**
 * The connections of a thread that is about to end: they are cut first, because Bun answers 204 to a request whose handler is broken off,
 * and a client would take that for success.
 */
import { readFileSync } from "node:fs";
import { libc, OPTION } from "./libc.ts";

/** Shuts down every connection that `epoll` watches. Where the C library cannot be called, nothing happens. */
export function cutConnections(epoll: number): void {
  if (libc instanceof Error) return;
  for (const fd of watched(epoll)) {
    // A listening socket is everybody's.
    if (libc.get(fd, OPTION.accepting) !== 0 || libc.peerOf(fd) === null) continue;
    const name = libc.nameOf(fd);
    // A pair without names is the runtime's own: Deno's brings it the signals, and to shut that down ends the process.
    if (name === null || (name.family === "unix" && name.path === "")) continue;
    try {
      libc.shutdown(fd);
    } catch {
      // Closed by its client meanwhile.
    }
  }
}

/** The descriptors that `epoll`, one of this process, watches. */
export function watched(epoll: number): number[] {
  const lines = readFileSync(`/proc/self/fdinfo/${epoll}`, "utf8").matchAll(/^tfd:\s*(\d+)/gm);
  return Array.from(lines, ([, fd]) => Number(fd));
}
