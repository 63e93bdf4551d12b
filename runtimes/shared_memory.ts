/** Memory that an arbiter and its worker share: the worker writes what it is busy with and what it counts, see register.ts and meter.ts in core. */
import type { SharedMemory } from "../core/arbiter/process.ts";
import { METER_SIZE } from "../core/metrics/meter.ts";
import { inFlightText, Register, REGISTER_SIZE } from "../core/arbiter/register.ts";
import { closeDescriptor, takeDescriptors } from "./descriptor_channel.ts";
import { libc, requireLibc } from "./libc.ts";

/** The register, then the meter. */
const SIZE = REGISTER_SIZE + METER_SIZE;

/** The arbiter's side of what a worker shares. */
export interface Shared {
  /** For the worker; close it once it is handed over. */
  readonly descriptor: number;
  /** What the worker has in flight; `silence` is how long ago its last beat was heard, in milliseconds. */
  inFlight(silence: number): string;
  /** What it has counted, for readMeter(). */
  meter(): Uint8Array;
  /** Gives the memory back; afterwards nothing is in flight, and what was counted last stays. */
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
    const meter = () => last ?? memory.bytes.slice(REGISTER_SIZE);
    return {
      descriptor,
      // A copy: what is kept must not point to memory that is gone.
      inFlight: (silence) => (isOpen ? inFlightText(memory.bytes.slice(0, REGISTER_SIZE), silence) : ""),
      meter,
      close: () => {
        if (!isOpen) return;
        last = meter();
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
    return { register: new Register(memory.bytes), meter: memory.bytes.subarray(REGISTER_SIZE) };
  } catch {
    // The arbiter has none either, and its log will do without.
    return null;
  }
}
