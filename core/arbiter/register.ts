/**
 * What a worker is busy with, in memory that its arbiter sees too: so that the arbiter can name the request that a worker hangs in, when
 * the worker itself can no longer say anything.
 *
 * The memory belongs to two processes (runtimes/shared_memory.ts). The worker alone writes; the arbiter reads when it needs to. Nobody
 * waits for anybody, so what is read may be torn: it is for a log line and is treated as a stranger's text.
 *
 * Why no watchdog thread: measured, a thread costs a worker 10.7 MB of its own and holds its loop up for 30 ms at the start on Deno (4.7 MB
 * and 5 ms on Bun), wakes up several times a second, and would still need a way to the arbiter. The arbiter knows already that a worker is
 * silent, and these 16 KB tell it the rest.
 *
 * Why no clock and no encoder on the hot path: of a request that is answered at once nobody asks when it came, and a loop that puts 30
 * character codes into an Uint16Array takes 15 to 25 ns, where encodeInto() takes 19 to 86 and performance.now() 36 to 89. What is being
 * called right now has begun since the last beat; only what is awaited gets a time of its own.
 */
import { escape } from "../logging/escape.ts";
import type { Millis } from "./process.ts";

/** What a register needs, in bytes. */
export const REGISTER_SIZE = 16_384;

// A slot: its length in code units (0: empty) as i32, which is negative and has the status above its lower 8 bits once the request is over;
// the number of the request as i32; since when as f64 (0: since the last beat); and the text.
// Slot 0 holds the time of the last beat in place of `since`, and the number of requests that found no slot in place of the length; where
// its text would begin, as f64, how long a thread's process has not heard of that thread.
const SLOT_SIZE = 256;
const SLOTS = REGISTER_SIZE / SLOT_SIZE;
const LAST_SLOT = SLOTS - 1;
const TEXT_START = 8;
const TEXT_LENGTH = (SLOT_SIZE - 2 * TEXT_START) / 2;
const STATUS_SHIFT = 8;
const PLUS = 43;
const BLANK = 32;
/** Among the doubles. */
const BEATEN = 1;
const UNHEARD = 2;

/** The worker's side. */
export class Register {
  readonly #integers: Int32Array;
  readonly #floats: Float64Array;
  readonly #characters: Uint16Array;
  // The free slots in a ring, from #next up to #end: what was left longest ago is written over first, so that the last requests stay to be read.
  readonly #ring = Uint8Array.from({ length: SLOTS }, (_, i) => i + 1);
  #next = 0;
  #end = LAST_SLOT;
  #number = 0;

  /** Over {@linkcode REGISTER_SIZE} bytes of zeros. */
  constructor({ buffer, byteOffset }: Uint8Array) {
    this.#integers = new Int32Array(buffer, byteOffset, REGISTER_SIZE / 4);
    this.#floats = new Float64Array(buffer, byteOffset, REGISTER_SIZE / 8);
    this.#characters = new Uint16Array(buffer, byteOffset, REGISTER_SIZE / 2);
  }

  /** Its arbiter, or a thread's process, is told something: from here on it counts the silence. */
  beat(at: Millis): void {
    this.#floats[BEATEN] = at;
  }

  /** Notes a request before it is handled. The result is for `leave`; 0 where there was no room for it. */
  enter(method: string, url: string): number {
    if (this.#next === this.#end) {
      this.#integers[0]!++;
      return 0;
    }
    const slot = this.#ring[this.#next]!;
    this.#next = (this.#next + 1) & LAST_SLOT;
    const characters = this.#characters;
    const first = slot * (SLOT_SIZE / 2) + TEXT_START;
    let at = first;
    for (let i = 0; i < method.length && i < 20; i++) characters[at++] = method.charCodeAt(i);
    characters[at++] = BLANK;
    const start = pathStart(url);
    const end = Math.min(url.length, start + TEXT_LENGTH - (at - first));
    for (let i = start; i < end; i++) characters[at++] = url.charCodeAt(i);
    this.#floats[slot * (SLOT_SIZE / 8) + 1] = 0;
    this.#integers[slot * (SLOT_SIZE / 4) + 1] = this.#number = (this.#number + 1) | 0;
    this.#integers[slot * (SLOT_SIZE / 4)] = at - first;
    return slot;
  }

  /** Its answer will take a while, and it began at `since`. */
  wait(slot: number, since: Millis): void {
    if (slot > 0) this.#floats[slot * (SLOT_SIZE / 8) + 1] = since;
  }

  /** The request is over, and its answer had `status`; 0 if it is to be forgotten. */
  leave(slot: number, status: number): void {
    const integers = this.#integers;
    if (slot === 0) {
      integers[0]!--;
      return;
    }
    const at = slot * (SLOT_SIZE / 4);
    integers[at] = status === 0 ? 0 : -(integers[at]! | (status << STATUS_SHIFT));
    this.#ring[this.#end] = slot;
    this.#end = (this.#end + 1) & LAST_SLOT;
  }
}

/** The request as a log names it, `GET /report?id=7`: the authority says nothing here. */
export function requestLine({ method, url }: { readonly method: string; readonly url: string }): string {
  return `${method} ${escape(url.slice(pathStart(url)), "word", TEXT_LENGTH)}`;
}

/** Where the path begins in `http://host/path`, and in Deno's `http+unix://path/path`. */
export function pathStart(url: string): number {
  const slash = url.indexOf("/", url.charCodeAt(4) === PLUS ? 12 : 8);
  return slash < 0 ? url.length : slash;
}

/** For a thread, by its process, which the arbiter hears in its place: it was last heard of so long ago. */
export function noteUnheard({ buffer, byteOffset }: Uint8Array, silence: Millis): void {
  new Float64Array(buffer, byteOffset, REGISTER_SIZE / 8)[UNHEARD] = silence;
}

/** How many requests a log line names. */
const NAMED = 10;

/**
 * The arbiter's side: what the worker has in flight, the oldest first, as `GET /report (30.1s), POST /x (2.0s)`; "" if there is nothing.
 * `unheard` is how long ago the worker was heard last, in milliseconds.
 */
export function inFlightText(bytes: Uint8Array, unheard: Millis): string {
  const { requests, unknown } = readInFlight(bytes, unheard);
  const named = requests.slice(0, NAMED).map(({ line, age }) => `${line} (${(age / 1000).toFixed(1)}s)`);
  const more = requests.length - named.length + unknown;
  return more > 0 ? `${named.join(", ")} and ${more} more` : named.join(", ");
}

/** A request that is being handled: `line` is safe in a log. */
export interface Handled {
  readonly line: string;
  readonly age: Millis;
}

/** The same as data; `unknown` are those that the register had no room for. */
export function readInFlight({ buffer, byteOffset }: Uint8Array, unheard: Millis): { readonly requests: readonly Handled[]; readonly unknown: number } {
  const integers = new Int32Array(buffer, byteOffset, REGISTER_SIZE / 4);
  const floats = new Float64Array(buffer, byteOffset, REGISTER_SIZE / 8);
  const characters = new Uint16Array(buffer, byteOffset, REGISTER_SIZE / 2);
  const silence = floats[UNHEARD]! + unheard;
  const now = floats[BEATEN]! + silence;
  const found: { readonly line: string; age: Millis }[] = [];
  let youngest = silence;
  for (let slot = 1; slot < SLOTS; slot++) {
    const length = integers[slot * (SLOT_SIZE / 4)]!;
    if (length <= 0) continue;
    const first = slot * (SLOT_SIZE / 2) + TEXT_START;
    const text = String.fromCharCode(...characters.subarray(first, first + Math.min(length, TEXT_LENGTH)));
    const since = floats[slot * (SLOT_SIZE / 8) + 1]!;
    const age = since === 0 ? -1 : Math.max(0, now - since);
    if (age >= 0) youngest = Math.min(youngest, age);
    found.push({ line: safe(text), age });
  }
  // What is being called now came after everything that is awaited.
  for (const one of found) if (one.age < 0) one.age = youngest;
  found.sort((a, b) => b.age - a.age);
  return { requests: found, unknown: Math.max(0, integers[0]!) };
}

/** A request that was answered: `line` is safe in a log. */
export interface Answered {
  readonly line: string;
  readonly status: number;
}

/** The arbiter's side: what the worker answered last, in the order in which it came; at most 63. */
export function readAnswered({ buffer, byteOffset }: Uint8Array): Answered[] {
  const integers = new Int32Array(buffer, byteOffset, REGISTER_SIZE / 4);
  const characters = new Uint16Array(buffer, byteOffset, REGISTER_SIZE / 2);
  const found: (Answered & { readonly number: number })[] = [];
  for (let slot = 1; slot < SLOTS; slot++) {
    const at = slot * (SLOT_SIZE / 4);
    const length = -integers[at]! & 0xff;
    if (integers[at]! >= 0 || length > TEXT_LENGTH) continue;
    const first = slot * (SLOT_SIZE / 2) + TEXT_START;
    const line = safe(String.fromCharCode(...characters.subarray(first, first + length)));
    found.push({ line, status: (-integers[at]! >> STATUS_SHIFT) & 0xffff, number: integers[at + 1]! });
  }
  // Numbers begin anew some day.
  found.sort((a, b) => (a.number - b.number) | 0);
  return found.map(({ line, status }) => ({ line, status }));
}

/** The application could have written to the memory: each word is escaped, so that nothing reads as another request. */
function safe(text: string): string {
  const blank = text.indexOf(" ");
  return `${escape(text.slice(0, blank), "word")} ${escape(text.slice(blank + 1), "word")}`;
}
