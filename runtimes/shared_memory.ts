/** Memory that an arbiter and its worker share: the worker writes what it is busy with and what it counts, see register.ts, meter.ts and log_ring.ts in core. */
import { LOG_RING_SIZE, LogRing } from "../core/black_box/log_ring.ts";
import type { SharedMemory } from "../core/arbiter/process.ts";
import { METER_SIZE } from "../core/metrics/meter.ts";
import { inFlightText, Register, REGISTER_SIZE } from "../core/arbiter/register.ts";
import { closeDescriptor, takeDescriptors } from "./descriptor_channel.ts";
import { libc, requireLibc } from "./libc.ts";

/** The register, then the meter, then the log ring. */
const LOG_RING_START = REGISTER_SIZE + METER_SIZE;
const SIZE = LOG_RING_START + LOG_RING_SIZE;

/** The arbiter's side of what a worker shares. */
export interface Shared {
  /** For the worker; close it once it is handed over. */
  readonly descriptor: number;
  /** What the worker has in flight; `silence` is how long ago its last beat was heard, in milliseconds. */
  inFlight(silence: number): string;
  /** What it has counted, for readMeter(). */
  meter(): Uint8Array;
  /** Its register, for readInFlight() and readAnswered(). */
  register(): Uint8Array;
  /** What it has logged, for readLogRing(). */
  log(): Uint8Array;
  /** Gives the memory back; afterwards `inFlight` says nothing, and the rest stays as it was last. */
  close(): void;
}

/** Null where the system gives none: then a worker's timeout is told without its requests, and a killed worker's last counts are lost. */
export function shareMemory(): Shared | null {
  if (libc instanceof Error) return null;
  let descriptor: number | null = null;
  try {
    descriptor = libc.anonymousFile("tsgi-register", SIZE);
    const memory = libc.map(descriptor, SIZE);
    let isOpen = true;
    let last: Uint8Array | null = null;
    // A copy: what is kept must not point to memory that is gone.
    const part = (start: number, size: number) => (last ?? memory.bytes).slice(start, start + size);
    return {
      descriptor,
      inFlight: (silence) => (isOpen ? inFlightText(part(0, REGISTER_SIZE), silence) : ""),
      meter: () => part(REGISTER_SIZE, METER_SIZE),
      register: () => part(0, REGISTER_SIZE),
      log: () => part(LOG_RING_START, LOG_RING_SIZE),
      close: () => {
        if (!isOpen) return;
        last = memory.bytes.slice();
        isOpen = false;
        memory.unmap();
      },
    };
  } catch {
    // No memory, or too many descriptors: a worker without a register is better than none.
    if (descriptor !== null) closeDescriptor(descriptor);
    return null;
  }
}

/** The worker's side: what the arbiter handed over; null if it handed nothing. */
export function takeMemory(channel: number): SharedMemory | null {
  try {
    const [descriptor] = takeDescriptors(channel, 1);
    const memory = requireLibc().map(descriptor!, SIZE);
    closeDescriptor(descriptor!);
    return { register: new Register(memory.bytes), meter: memory.bytes.subarray(REGISTER_SIZE, LOG_RING_START), log: new LogRing(memory.bytes.subarray(LOG_RING_START)) };
  } catch {
    // The arbiter has none either, and its log will do without.
    return null;
  }
}
