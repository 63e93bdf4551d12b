/** Listening sockets that a worker is born with, where they cannot be handed over later: neither end of Node calls the C library. */
import process from "node:process";
import { libc } from "./libc.ts";

/** The first one's number in the worker: 0 to 4 are the standard streams and the two channels. */
const FIRST = 5;

/** For the worker's environment. */
export function announceInherited(descriptors: readonly number[]): Record<string, string> {
  return { TSGI_DESCRIPTORS: String(descriptors.length) };
}

/**
 * Deno takes O_NONBLOCK from what a child inherits, and so from the one socket that all workers accept from: whoever is late for a
 * connection would wait for the next one with his loop standing still. Called as soon as the child is there, this leaves no more than
 * the milliseconds of the spawn.
 */
export function keepNonBlocking(descriptors: readonly number[]): void {
  if (!(libc instanceof Error)) descriptors.forEach(libc.nonBlocking);
}

/** What this worker was born with, in order; null if it gets its sockets over the channel. Asked once, before anything is spawned. */
export function inheritedDescriptors(): number[] | null {
  const count = process.env.TSGI_DESCRIPTORS;
  delete process.env.TSGI_DESCRIPTORS;
  if (count === undefined) return null;
  const descriptors = Array.from({ length: Number(count) }, (_, i) => FIRST + i);
  // Node does so by itself when it starts.
  if (!(libc instanceof Error)) descriptors.forEach(libc.closeOnExec);
  return descriptors;
}
