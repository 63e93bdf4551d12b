/**
 * A file, or a standard stream, that lines are appended to. The same code on Deno and Bun, by node:fs.
 *
 * Rules:
 *
 * - No log ever stops or fails the server: what cannot be written is dropped and counted, and at most one warning a minute says so.
 * - A line is written whole. Several processes append to one file (O_APPEND), so lines go out in single writes; to a pipe or
 *   socket in writes of at most PIPE_BUF, which the kernel does not mix with those of others. A line that a full disk cut is ended before the next one.
 * - A reader that stands still never stops us: descriptors are non-blocking, and what waits is bounded.
 * - Nothing but the reason and a number is said about lost lines: they hold other people's data.
 */
import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";

export interface LogFileOptions {
  /** What the target `-` means: 1 for the access log, 2 for the error log. */
  readonly standard: 1 | 2;
  /** Collects lines for up to 100 ms or 64 KiB, for a log of many lines. Default false: every line goes out at once. */
  readonly batched?: boolean;
  /** Told at most once a minute that lines were lost. Default: standard error. */
  readonly warn?: (message: string) => void;
  /** Milliseconds on a monotonic clock. */
  readonly now?: () => number;
}

export interface LogFile {
  /** Appends a line; the line end is added. Never throws. */
  write(line: string): void;
  /** Writes what was collected, as far as the system takes it now. */
  flush(): void;
  /** Opens the path again, after a rotation. If that fails the old file stays in use. Nothing to do for `-`. */
  reopen(): void;
  /** Flushes, and closes a file of our own. Lines written afterwards are dropped. */
  close(): void;
  /** Lines lost so far. */
  readonly dropped: number;
  /** Why the path could not be opened; null when it was. A server that starts should refuse; one that serves goes on. */
  readonly problem: string | null;
}

/** Opens `target`: a path, or `-` for the standard stream. Never throws, see {@linkcode LogFile.problem}. */
export function openLogFile(target: string, options: LogFileOptions): LogFile {
  return new AppendedFile(target, options);
}

/** For a log that cannot be trusted to hold what is said of itself: standard error has it too. */
export function alsoOnStandardError(told: (message: string) => void): (message: string) => void {
  return (message) => {
    try {
      fs.writeSync(2, `${message}\n`);
    } catch {
      // Standard error is gone: then only the log itself may tell, once it can be written again.
    }
    told(message);
  };
}

const BATCH_MILLIS = 100;
const BATCH_LENGTH = 65_536;
/** For a batch and the longest line that most have. */
const BLOCK_SIZE = BATCH_LENGTH + 4096;
/** What may wait for a slow reader, in UTF-16 code units. */
const WAITING_LENGTH = 1_048_576;
const RETRY_MILLIS = 10;
/** How long the end of the process may be held up for a slow reader. */
const FAREWELL_MILLIS = 200;
/** A larger write to a pipe may be mixed with another process's. Linux's value; POSIX promises 512. */
const PIPE_BUF = 4096;
const WARN_MILLIS = 60_000;
const LINE_END = 0x0a;
const NOTHING = new Uint8Array(0);

const encoder = new TextEncoder();

class AppendedFile implements LogFile {
  readonly #target: string;
  readonly #options: LogFileOptions;
  readonly #now: () => number;
  readonly #farewell = (): void => this.#finish();
  #descriptor: number | null = null;
  #problem: string | null = null;
  #opened = -Infinity;
  #closed = false;
  /** Lines that wait for a pipe, which takes them a few at a time. */
  #lines: string[] = [];
  /** Lines that wait for a disk, which takes them all: added up as they come, for a third of what joining them would cost. */
  #text = "";
  #textLines = 0;
  /** How long they are together. */
  #length = 0;
  /** The bytes that are being written, of how many lines. */
  #piece: Uint8Array = NOTHING;
  #pieceLines = 0;
  /** Where batches are encoded. */
  #block: Uint8Array<ArrayBuffer> | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** A file on a disk, where a write of any size is one. */
  #regular = false;
  /** A write failed: perhaps the file ends within a line. Deno's writeSync does not tell how much it wrote before the failure. */
  #doubtful = false;
  #dropped = 0;
  #told = 0;
  #reason = "";
  #warned = -Infinity;

  constructor(target: string, options: LogFileOptions) {
    this.#target = target;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#open();
    process.on("exit", this.#farewell);
    // Deno.exit tells only the window.
    globalThis.addEventListener?.("unload", this.#farewell);
  }

  get dropped(): number {
    return this.#dropped;
  }

  get problem(): string | null {
    return this.#problem;
  }

  write(line: string): void {
    if (this.#closed || (this.#length > 0 && this.#length + line.length > WAITING_LENGTH)) {
      this.#dropped++;
      this.#reason = this.#closed ? "it is closed" : "its reader is too slow";
      this.#report();
      return;
    }
    if (this.#regular) {
      this.#text += line + "\n";
      this.#textLines++;
    } else {
      this.#lines.push(line);
    }
    this.#length += line.length + 1;
    if (this.#options.batched !== true || this.#length >= BATCH_LENGTH) this.flush();
    else this.#wait(BATCH_MILLIS);
  }

  flush(): void {
    if (this.#closed) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#descriptor === null && this.#now() - this.#opened >= WARN_MILLIS) this.#open();
    try {
      while (this.#piece.length > 0 || this.#next()) this.#send();
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code === "EAGAIN" || code === "EINTR") this.#wait(RETRY_MILLIS);
      else this.#drop(reasonOf(error));
    }
    this.#report();
  }

  reopen(): void {
    if (this.#target === "-" || this.#closed) return;
    // What was logged before the rotation belongs to the old file.
    this.flush();
    this.#open();
    if (this.#problem !== null) this.#say(this.#descriptor === null ? this.#problem : `${this.#problem}, the old file stays in use`);
  }

  close(): void {
    if (this.#closed) return;
    this.#finish();
    this.#closed = true;
    process.off("exit", this.#farewell);
    globalThis.removeEventListener?.("unload", this.#farewell);
    this.#release();
  }

  #open(): void {
    this.#opened = this.#now();
    try {
      const descriptor = this.#target === "-" ? openStandard(this.#options.standard) : fs.openSync(this.#target, FILE_FLAGS, 0o666);
      this.#release();
      this.#descriptor = descriptor;
      this.#regular = fs.fstatSync(descriptor).isFile();
      this.#problem = null;
    } catch (error) {
      this.#problem = `Cannot open log file ${this.#target}: ${reasonOf(error)}`;
    }
  }

  #release(): void {
    if (this.#descriptor !== null && this.#descriptor > 2) closeQuietly(this.#descriptor);
    this.#descriptor = null;
    this.#doubtful = false;
  }

  /** Makes the next piece from the lines that wait; false when there are none. */
  #next(): boolean {
    if (this.#textLines === 0 && this.#lines.length === 0) return false;
    const ending = this.#doubtful && this.#regular && !endsLine(this.#descriptor) ? "\n" : "";
    this.#doubtful = false;
    this.#piece = this.#encoded(ending + (this.#textLines > 0 ? this.#takeText() : this.#takeLines()));
    return true;
  }

  /** A batch goes where the last one was, since that has been written: memory of its own would cost each line as much as its text. */
  #encoded(text: string): Uint8Array {
    if (this.#options.batched !== true) return encoder.encode(text);
    this.#block ??= new Uint8Array(BLOCK_SIZE);
    const { read, written } = encoder.encodeInto(text, this.#block);
    return read === text.length ? this.#block.subarray(0, written) : encoder.encode(text);
  }

  #takeText(): string {
    const text = this.#text;
    this.#pieceLines = this.#textLines;
    this.#length -= text.length;
    this.#text = "";
    this.#textLines = 0;
    return text;
  }

  #takeLines(): string {
    const count = this.#regular ? this.#lines.length : fitting(this.#lines);
    const lines = this.#lines.splice(0, count);
    for (const line of lines) this.#length -= line.length + 1;
    this.#pieceLines = count;
    return `${lines.join("\n")}\n`;
  }

  /** Throws what the system throws; what was written until then is no longer in the piece. */
  #send(): void {
    if (this.#descriptor === null) throw new Error(this.#problem ?? "It is closed");
    while (this.#piece.length > 0) {
      // A pipe takes up to PIPE_BUF whole or not at all, so that nothing is written twice after EAGAIN.
      const length = this.#regular ? this.#piece.length : Math.min(this.#piece.length, PIPE_BUF);
      const sent = fs.writeSync(this.#descriptor, this.#piece, 0, length);
      if (sent === 0) throw new Error("Nothing was written");
      if (sent < this.#piece.length) this.#pieceLines -= lineEnds(this.#piece.subarray(0, sent));
      this.#piece = this.#piece.subarray(sent);
    }
  }

  #drop(reason: string): void {
    // A line of several, like a stack, was counted off by each of its line ends; at least the one that was cut is lost.
    const cut = this.#piece.length > 0 ? Math.max(1, this.#pieceLines) : 0;
    this.#dropped += cut + this.#lines.length + this.#textLines;
    this.#reason = reason;
    this.#doubtful = true;
    this.#piece = NOTHING;
    this.#lines = [];
    this.#text = "";
    this.#textLines = 0;
    this.#length = 0;
  }

  #wait(millis: number): void {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.flush();
    }, millis);
    this.#timer.unref();
  }

  /** The last chance of what waits: there will be no timer any more. */
  #finish(): void {
    const until = this.#now() + FAREWELL_MILLIS;
    this.flush();
    while ((this.#piece.length > 0 || this.#length > 0) && this.#now() < until) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MILLIS);
      this.flush();
    }
    if (this.#piece.length > 0 || this.#length > 0) this.#drop("its reader is too slow");
    this.#warned = -Infinity;
    this.#report();
  }

  #report(): void {
    if (this.#dropped === this.#told || this.#now() - this.#warned < WARN_MILLIS) return;
    const lost = this.#dropped - this.#told;
    this.#warned = this.#now();
    this.#told = this.#dropped;
    this.#say(`Cannot write log ${nameOf(this.#target, this.#options.standard)}: ${this.#reason}; lines lost: ${lost}`);
  }

  #say(message: string): void {
    try {
      if (this.#options.warn !== undefined) this.#options.warn(message);
      else fs.writeSync(2, `${message}\n`);
    } catch {
      // Standard error is gone too: nobody is left to be told. `dropped` still counts.
    }
  }
}

const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = fs.constants;
// Without O_NONBLOCK the opening of a named pipe waits for its reader.
const FILE_FLAGS = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK;

/**
 * A pipe is opened once more, for ourselves: O_NONBLOCK set on the inherited descriptor would hold for the shell and everybody else
 * who shares it.
 */
function openStandard(standard: 1 | 2): number {
  try {
    if (fs.fstatSync(standard).isFIFO()) return fs.openSync(`/proc/self/fd/${standard}`, O_WRONLY | O_APPEND | O_NONBLOCK);
  } catch {
    // No /proc, or the pipe belongs to a user that we no longer are: then a slow reader makes us wait.
  }
  return standard;
}

/** Whether the last byte of a file is a line end; true for an empty file, false where that cannot be seen. */
function endsLine(descriptor: number | null): boolean {
  let reader: number | null = null;
  try {
    reader = fs.openSync(`/proc/self/fd/${descriptor}`, "r");
    const { size } = fs.fstatSync(reader);
    const last = new Uint8Array(1);
    return size === 0 || (fs.readSync(reader, last, 0, 1, size - 1) === 1 && last[0] === LINE_END);
  } catch {
    // An empty line too many is better than two lines in one.
    return false;
  } finally {
    if (reader !== null) closeQuietly(reader);
  }
}

function closeQuietly(descriptor: number): void {
  try {
    fs.closeSync(descriptor);
  } catch {
    // The file is given up in any case.
  }
}

/** How many of the first lines fit into one write to a pipe; at least one. */
function fitting(lines: readonly string[]): number {
  let size = 0;
  for (const [index, line] of lines.entries()) {
    size += Buffer.byteLength(line) + 1;
    if (size > PIPE_BUF) return Math.max(1, index);
  }
  return lines.length;
}

function lineEnds(bytes: Uint8Array): number {
  let count = 0;
  for (const byte of bytes) if (byte === LINE_END) count++;
  return count;
}

function nameOf(target: string, standard: 1 | 2): string {
  if (target !== "-") return target;
  return standard === 1 ? "on standard output" : "on standard error";
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const text = typeof message === "string" ? message.split("\n", 1)[0]! : "unknown error";
  return typeof code === "string" && !text.startsWith(code) ? `${code}: ${text}` : text;
}
