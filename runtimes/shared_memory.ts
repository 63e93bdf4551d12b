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

/** `count` registers, one after another. Null where the system gives none: then a worker's timeout is told without its requests. */
export function shareRegister(count = 1): Shared | null {
  if (libc instanceof Error) return null;
  let descriptor: number | null = null;
  try {
    descriptor = libc.anonymousFile("tsgi-register", count * REGISTER_SIZE);
    const memory = libc.map(descriptor, count * REGISTER_SIZE);
    let isOpen = true;
    return {
      descriptor,
      // A copy: what is kept must not point to memory that is gone.
      inFlight: (silence) => (isOpen ? textOf(memory.bytes.slice(), count, silence) : ""),
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

function textOf(bytes: Uint8Array, count: number, silence: number): string {
  const texts = Array.from({ length: count }, (_, i) => inFlightText(bytes.subarray(i * REGISTER_SIZE, (i + 1) * REGISTER_SIZE), silence));
  return texts.filter((text) => text !== "").join(", ");
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
