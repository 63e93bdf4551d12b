/** Memory that an arbiter and its worker share: the worker writes what it is busy with and what it counts, see register.ts, meter.ts and log_ring.ts in core. */
import { LOG_RING_SIZE, LogRing } from "../core/black_box/log_ring.ts";
import type { SharedMemory } from "../core/arbiter/process.ts";
import { METER_SIZE, sumMeters } from "../core/metrics/meter.ts";
import { inFlightText, Register, REGISTER_SIZE } from "../core/arbiter/register.ts";
import { closeDescriptor, takeDescriptors } from "./descriptor_channel.ts";
import { libc, requireLibc } from "./libc.ts";

/** Of a worker, or of each of its threads: the register, then the meter, then the log ring. */
const LOG_RING_START = REGISTER_SIZE + METER_SIZE;
const SIZE = LOG_RING_START + LOG_RING_SIZE;
/** Behind all of them: when the worker beat last, on the one clock that both processes have. */
const BEATEN_SIZE = 8;

/** The arbiter's side of what a worker shares. */
export interface Shared {
  /** For the worker; close it once it is handed over. */
  readonly descriptor: number;
  /** How long ago the worker beat last, in milliseconds; Infinity before its first beat. */
  sinceBeat(): number;
  /** What the worker has in flight; `silence` is how long ago its last beat was heard, in milliseconds. */
  inFlight(silence: number): string;
  /** What it has counted, for readMeter(). */
  meter(): Uint8Array;
  /** Its register, or those of its threads, for readInFlight() and readAnswered(). */
  registers(): Uint8Array[];
  /** What it, or each of its threads, has logged, for readLogRing(). */
  logs(): Uint8Array[];
  /** Gives the memory back; afterwards `inFlight` says nothing, and the rest stays as it was last. */
  close(): void;
}

/** For a worker, or each of its `threads`. Null where the system gives none: then a worker's timeout is told without its requests, and a killed worker's last counts are lost. */
export function shareMemory(threads = 1): Shared | null {
  if (libc instanceof Error) return null;
  let descriptor: number | null = null;
  try {
    const { clock } = libc;
    descriptor = libc.anonymousFile("tsgi-register", threads * SIZE + BEATEN_SIZE);
    const memory = libc.map(descriptor, threads * SIZE + BEATEN_SIZE);
    const parts = partsOf(memory.bytes, threads);
    const beaten = beatenOf(memory.bytes, threads);
    let isOpen = true;
    let last: Uint8Array | null = null;
    let lastBeaten = 0;
    const partsNow = () => (last === null ? parts : partsOf(last, threads));
    return {
      descriptor,
      sinceBeat: () => Math.max(0, clock() - ((isOpen ? beaten[0]! : lastBeaten) || -Infinity)),
      // Copies: what is kept must not point to memory that is gone.
      inFlight: (silence) => (isOpen ? parts.map(({ register }) => inFlightText(register.slice(), silence)).filter((text) => text !== "").join(", ") : ""),
      meter: () => sumMeters(partsNow().map((part) => part.meter)),
      registers: () => partsNow().map((part) => part.register.slice()),
      logs: () => partsNow().map((part) => part.log.slice()),
      close: () => {
        if (!isOpen) return;
        last = memory.bytes.slice();
        lastBeaten = beaten[0]!;
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
    const { map, clock } = requireLibc();
    const { bytes } = map(descriptor!, SIZE + BEATEN_SIZE);
    closeDescriptor(descriptor!);
    return { ...shareOf(bytes, 0), beat: beatOf(bytes, 1, clock) };
  } catch {
    // The arbiter has none either, and its log will do without.
    return null;
  }
}

/** Memory of a worker's threads, in the form that each of them can be told: a descriptor of what the arbiter handed over, else their own. */
export type ThreadMemory = { readonly descriptor: number; readonly length: number } | SharedArrayBuffer;

export interface TakenMemory {
  readonly memory: ThreadMemory;
  readonly parts: readonly Part[];
  /** The arbiter sees that the worker lives; null where it sees nothing. */
  readonly beat: (() => void) | null;
}

/** The side of a worker with `threads`. */
export function takeThreadMemory(channel: number, threads: number): TakenMemory {
  const length = threads * SIZE + BEATEN_SIZE;
  let memory: ThreadMemory;
  try {
    const [descriptor] = takeDescriptors(channel, 1);
    memory = { descriptor: descriptor!, length };
  } catch {
    memory = new SharedArrayBuffer(length);
  }
  const bytes = bytesOf(memory);
  return { memory, parts: partsOf(bytes, threads), beat: memory instanceof SharedArrayBuffer ? null : beatOf(bytes, threads, requireLibc().clock) };
}

/** The side of a thread. */
export function openThreadMemory(memory: ThreadMemory, index: number): SharedMemory {
  return shareOf(bytesOf(memory), index);
}

function bytesOf(memory: ThreadMemory): Uint8Array {
  return memory instanceof SharedArrayBuffer ? new Uint8Array(memory) : requireLibc().map(memory.descriptor, memory.length).bytes;
}

function beatenOf({ buffer, byteOffset }: Uint8Array, threads: number): Float64Array {
  return new Float64Array(buffer, byteOffset + threads * SIZE, 1);
}

function beatOf(bytes: Uint8Array, threads: number, clock: () => number): () => void {
  const beaten = beatenOf(bytes, threads);
  return () => void (beaten[0] = clock());
}

interface Part {
  readonly register: Uint8Array;
  readonly meter: Uint8Array;
  readonly log: Uint8Array;
}

function partsOf(bytes: Uint8Array, count: number): Part[] {
  return Array.from({ length: count }, (_, i) => partOf(bytes, i));
}

function partOf(bytes: Uint8Array, index: number): Part {
  const part = bytes.subarray(index * SIZE, (index + 1) * SIZE);
  return { register: part.subarray(0, REGISTER_SIZE), meter: part.subarray(REGISTER_SIZE, LOG_RING_START), log: part.subarray(LOG_RING_START) };
}

function shareOf(bytes: Uint8Array, index: number): SharedMemory {
  const { register, meter, log } = partOf(bytes, index);
  return { register: new Register(register), meter, log: new LogRing(log), beat: null };
}
