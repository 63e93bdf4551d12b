/** Hands open descriptors from the arbiter to a worker: SCM_RIGHTS over a pair of sockets, one end of which the worker inherits. */
import { closeSync } from "node:fs";
import { libc, requireLibc } from "./libc.ts";

export interface Channel {
  readonly arbiter: number;
  /** For the worker's `stdio`; the arbiter closes its copy once the worker is spawned. */
  readonly worker: number;
}

/** The kernel takes at most 253 descriptors in one message. */
const MOST = 253;

/** Both ends are closed on exec. Null where the C library cannot be called: then there is nothing to hand over either. */
export function createChannel(): Channel | null {
  if (libc instanceof Error) return null;
  const [arbiter, worker] = libc.socketPair();
  return { arbiter, worker };
}

export function closeDescriptor(descriptor: number): void {
  if (libc instanceof Error) closeSync(descriptor);
  else libc.close(descriptor);
}

/** The worker finds them in this order, also those of several calls. A worker that has gone is no error: its exit tells. */
export function handDescriptors(channel: number, descriptors: readonly number[]): void {
  try {
    for (let at = 0; at < descriptors.length; at += MOST) requireLibc().sendDescriptors(channel, descriptors.slice(at, at + MOST));
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (code !== "EPIPE" && code !== "ECONNRESET") throw error;
  }
}

/** What came in one message with others, and has not been asked for yet. */
const early = new Map<number, number[]>();

/** The next `count` descriptors that were handed over, closed on exec. Throws if they have not been: announce them after handing them. */
export function takeDescriptors(channel: number, count: number): number[] {
  const come = early.get(channel) ?? [];
  early.set(channel, come);
  while (come.length < count) {
    const more = receive(channel);
    if (more.length === 0) throw new Error(`Cannot take ${count} descriptors from the arbiter: ${come.length} came, and no more have been handed over`);
    come.push(...more);
  }
  return come.splice(0, count);
}

function receive(channel: number): number[] {
  try {
    return requireLibc().receiveDescriptors(channel, MOST);
  } catch (error) {
    if ((error as { code?: unknown }).code === "EAGAIN") return [];
    throw error;
  }
}
