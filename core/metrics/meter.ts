/**
 * What a worker counts of its requests, in memory that its arbiter sees too (runtimes/shared_memory.ts): so that nothing has to be sent, and
 * nothing is lost when the worker is killed. The worker alone writes; a cell is a double, which neither side ever sees half written.
 *
 * On the hot path: two calls, and two looks at the clock, which are most of the cost. So a busy worker looks for one request in eight, at a
 * random place among them, and counts its duration eight times; how many there were, and with which status, is counted one by one.
 */
import type { Millis } from "../arbiter/process.ts";
import { bucketOf, type Distribution, emptyDistribution, type Filling, merge } from "./distribution.ts";
import { LOG_KINDS, type LogKind, type LogStats } from "./log_counts.ts";

// Cells: requests begun; ended without a status; the sum of durations; streams that flow; log records; then the buckets of durations, and
// how many ended with each status from 100 to 599.
const BEGUN = 0;
const OTHER = 6;
const SECONDS = 7;
const FLOWING = 8;
const LOGGED = 9;
const BUCKETS = 16;
/** From a microsecond, 2^-20 s, to an hour, 2^12 s: what is outside counts as the first or the last. */
const FIRST = bucketOf(2 ** -20);
const COUNT = bucketOf(2 ** 12) - FIRST;
const CODES = BUCKETS + COUNT;
const LEAST_CODE = 100;
const MOST_CODE = 599;
const CELLS = CODES + MOST_CODE - LEAST_CODE + 1;

/** How many durations are taken between two reports before it is one in {@linkcode SHARE}. */
const TIMED = 256;
/** A power of two. */
const SHARE = 8;
/** For `end`, in place of a time. */
const UNTIMED = Infinity;

/** What a meter needs, in bytes. */
export const METER_SIZE = CELLS * 8;

/** The worker's side. */
export class Meter {
  readonly #cells: Float64Array;
  readonly #clock: () => Millis;
  #left = TIMED;
  /** Whose turn it is among the next eight. */
  #turn = 0;

  /** Over {@linkcode METER_SIZE} bytes of zeros. */
  constructor({ buffer, byteOffset }: Uint8Array, clock: () => Millis) {
    this.#cells = new Float64Array(buffer, byteOffset, CELLS);
    this.#clock = clock;
  }

  /** A request came; what is returned is for `end`: when, negative if it stands for eight. */
  begin(): Millis {
    const begun = this.#cells[BEGUN]!++;
    if (this.#left > 0) {
      this.#left--;
      return this.#clock();
    }
    const place = begun & (SHARE - 1);
    if (place === 0) this.#turn = (Math.random() * SHARE) | 0;
    return place === this.#turn ? -this.#clock() : UNTIMED;
  }

  /** Its answer is there: of a stream, the head. */
  end(since: Millis, status: number): void {
    const cells = this.#cells;
    cells[status >= LEAST_CODE && status <= MOST_CODE ? CODES - LEAST_CODE + status : OTHER]!++;
    if (since !== UNTIMED) this.#time(Math.abs(since), since < 0 ? SHARE : 1);
  }

  /** A report is made: the next durations are taken one by one again. */
  reported(): void {
    this.#left = TIMED;
  }

  /** A stream begins (1) or is over (-1): until then its request is in flight. */
  flow(change: 1 | -1): void {
    this.#cells[FLOWING]! += change;
  }

  #time(since: Millis, weight: number): void {
    const cells = this.#cells;
    const seconds = (this.#clock() - since) / 1000;
    cells[SECONDS]! += seconds * weight;
    const bucket = bucketOf(seconds > 0 ? seconds : 0) - FIRST;
    cells[BUCKETS + (bucket < 0 ? 0 : bucket < COUNT ? bucket : COUNT - 1)]! += weight;
  }

  /** A log record was written. */
  logged(kind: LogKind): void {
    this.#cells[LOGGED + LOG_KINDS.indexOf(kind)]!++;
  }
}

/** Requests of one worker, or of all there ever were. */
export interface RequestStats {
  /** Answered so far: the sum of `statuses`. What the native server refuses by itself, as no HTTP, is not among them. */
  readonly total: number;
  /** Handlers that have not answered, and streams of TSGI applications that have not ended. */
  readonly inFlight: number;
  /** By class, `other` for what has no class. */
  readonly statuses: Readonly<Record<StatusClass, number>>;
  /** By status, of those that came at all: `{ 200: 7 }`. */
  readonly codes: Readonly<Record<number, number>>;
  /** Seconds from the call of the handler to its answer; of a stream, to its head. */
  readonly duration: Distribution;
}

export const STATUS_CLASSES = ["1xx", "2xx", "3xx", "4xx", "5xx", "other"] as const;
export type StatusClass = (typeof STATUS_CLASSES)[number];

/** The arbiter's side: what the worker has counted. Of fewer bytes than {@linkcode METER_SIZE}, nothing. */
export function readMeter(bytes: Uint8Array | null): RequestStats {
  const cells = bytes === null || bytes.length < METER_SIZE ? new Float64Array(CELLS) : new Float64Array(bytes.slice(0, METER_SIZE).buffer);
  const statuses = { "1xx": 0, "2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0, other: cells[OTHER]! };
  const codes: Record<number, number> = {};
  for (let code = LEAST_CODE; code <= MOST_CODE; code++) {
    const here = cells[CODES - LEAST_CODE + code]!;
    if (here === 0) continue;
    codes[code] = here;
    statuses[STATUS_CLASSES[Math.floor(code / 100) - 1]!] += here;
  }
  const total = sum(Object.values(statuses));
  const buckets: Record<number, number> = {};
  let count = 0;
  for (let i = 0; i < COUNT; i++) {
    const here = cells[BUCKETS + i]!;
    if (here === 0) continue;
    buckets[FIRST + i] = here;
    count += here;
  }
  // Read while the worker writes, the cells may be a request apart.
  const inFlight = Math.max(0, cells[BEGUN]! - total + cells[FLOWING]!);
  return { total, inFlight, statuses, codes, duration: { count, sum: cells[SECONDS]!, buckets } };
}

/** What the worker has logged, as the arbiter sees it. */
export function readLogged(bytes: Uint8Array | null): LogStats {
  const cells = bytes === null || bytes.length < METER_SIZE ? null : new Float64Array(bytes.slice(0, METER_SIZE).buffer);
  return Object.fromEntries(LOG_KINDS.map((kind, i) => [kind, cells?.[LOGGED + i] ?? 0])) as Record<LogKind, number>;
}

/** What several meters of one worker have counted, as if it were one. */
export function sumMeters(meters: readonly Uint8Array[]): Uint8Array {
  const cells = new Float64Array(CELLS);
  for (const { buffer, byteOffset } of meters) new Float64Array(buffer, byteOffset, CELLS).forEach((value, i) => (cells[i]! += value));
  return new Uint8Array(cells.buffer);
}

/** The cells of a meter that are not zero, for a report: index and value in turn. */
export function pack({ buffer, byteOffset }: Uint8Array): number[] {
  const packed: number[] = [];
  new Float64Array(buffer, byteOffset, CELLS).forEach((value, index) => {
    if (value !== 0) packed.push(index, value);
  });
  return packed;
}

export function unpack(packed: readonly number[]): Uint8Array {
  const cells = new Float64Array(CELLS);
  for (let i = 0; i < packed.length; i += 2) cells[packed[i]!] = packed[i + 1]!;
  return new Uint8Array(cells.buffer);
}

/** Whoever wrote it has ended: what it had in flight is not any more. */
export function settleMeter({ buffer, byteOffset }: Uint8Array): void {
  const cells = new Float64Array(buffer, byteOffset, CELLS);
  cells[BEGUN] = cells[OTHER]! + sum([...cells.subarray(CODES)]);
  cells[FLOWING] = 0;
}

/** What several workers have counted; requests in flight only of those that live. */
export function addRequests(parts: readonly RequestStats[]): RequestStats {
  const statuses = Object.fromEntries(STATUS_CLASSES.map((name) => [name, sum(parts.map((p) => p.statuses[name]))])) as Record<StatusClass, number>;
  const codes: Record<number, number> = {};
  const duration: Filling = emptyDistribution();
  for (const part of parts) {
    for (const code in part.codes) codes[code] = (codes[code] ?? 0) + part.codes[code]!;
    merge(duration, part.duration);
  }
  return { total: sum(parts.map((p) => p.total)), inFlight: sum(parts.map((p) => p.inFlight)), statuses, codes, duration };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}
