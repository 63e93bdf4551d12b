/** Memory that an arbiter and its worker share: the worker writes what it is busy with, see core/arbiter/register.ts. */
import { inFlightText, Register, REGISTER_SIZE } from "../core/arbiter/register.ts";
import { closeDescriptor, takeDescriptors } from "./descriptor_channel.ts";
import { libc, requireLibc } from "./libc.ts";

/** The arbiter's side of a worker's register. */
export interface Shared {
  /** For the worker; close it once it is handed over. */
  readonly descriptor: number;
  /** What the worker has in flight; `silence` is how long ago its last beat was heard, in milliseconds. */
  inFlight(silence: number): string;
  /** Gives the memory back; afterwards nothing is in flight. */
  close(): void;
}

/** Null where the system gives none: then a worker's timeout is told without its requests. */
export function shareRegister(): Shared | null {
  if (libc instanceof Error) return null;
  let descriptor: number | null = null;
  try {
    descriptor = libc.anonymousFile("tsgi-register", REGISTER_SIZE);
    const memory = libc.map(descriptor, REGISTER_SIZE);
    let isOpen = true;
    return {
      descriptor,
      // A copy: what is kept must not point to memory that is gone.
      inFlight: (silence) => (isOpen ? inFlightText(memory.bytes.slice(), silence) : ""),
      close: () => {
        if (isOpen) memory.unmap();
        isOpen = false;
      },
    };
  } catch {
    // No memory, or too many descriptors: a worker without a register is better than none.
    if (descriptor !== null) closeDescriptor(descriptor);
    return null;
  }
}

/** The worker's side: the register that the arbiter handed over; null if it handed none. */
export function takeRegister(channel: number): Register | null {
  try {
    const [descriptor] = takeDescriptors(channel, 1);
    const memory = requireLibc().map(descriptor!, REGISTER_SIZE);
    closeDescriptor(descriptor!);
    return new Register(memory.bytes);
  } catch {
    // The arbiter has none either, and its log will do without.
    return null;
  }
}
