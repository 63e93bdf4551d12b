/**
 * A worker's last log records, in memory that its arbiter sees too: so that they can be read when the worker was killed, wherever its log
 * goes. The worker alone writes. What is read is treated as a stranger's text.
 */

/** What a ring needs, in bytes. */
export const LOG_RING_SIZE = 8192;

// Where the next byte goes, and whether the ring has been filled once, as i32; then the bytes, each record with a line end.
const HEAD = 8;
const ROOM = LOG_RING_SIZE - HEAD;
/** The longest record that is kept whole, in UTF-16 code units: one stack must not take all the room. */
const LONGEST = 1500;

/** The worker's side. */
export class LogRing {
  readonly #head: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #encoder = new TextEncoder();

  /** Over {@linkcode LOG_RING_SIZE} bytes of zeros. */
  constructor({ buffer, byteOffset }: Uint8Array) {
    this.#head = new Int32Array(buffer, byteOffset, 2);
    this.#bytes = new Uint8Array(buffer, byteOffset + HEAD, ROOM);
  }

  write(record: string): void {
    const encoded = this.#encoder.encode(`${record.slice(0, LONGEST)}\n`);
    const at = this.#head[0]!;
    const fits = Math.min(encoded.length, ROOM - at);
    this.#bytes.set(encoded.subarray(0, fits), at);
    this.#bytes.set(encoded.subarray(fits), 0);
    if (fits < encoded.length) this.#head[1] = 1;
    this.#head[0] = (at + encoded.length) % ROOM;
  }
}

/** The arbiter's side: the lines that are there whole, the last one last. Of fewer bytes than {@linkcode LOG_RING_SIZE}, none. */
export function readLogRing({ buffer, byteOffset, length }: Uint8Array): string[] {
  if (length < LOG_RING_SIZE) return [];
  const [end = 0, isFull] = new Int32Array(buffer, byteOffset, 2);
  if (end < 0 || end >= ROOM) return [];
  const bytes = new Uint8Array(buffer, byteOffset + HEAD, ROOM);
  const decoder = new TextDecoder();
  const text = isFull === 0 ? decoder.decode(bytes.slice(0, end)) : decoder.decode(new Uint8Array([...bytes.subarray(end), ...bytes.subarray(0, end)]));
  const lines = text.split("\n");
  // What was written over is not whole any more.
  return (isFull === 0 ? lines : lines.slice(1)).filter((line) => line !== "");
}
