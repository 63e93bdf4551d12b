/**
 * Sends lines to syslog, through sockets of our own: node has none for unix datagrams, and what it sends otherwise is lost when the process
 * ends at once. The same code on Deno and Bun.
 *
 * Rules:
 *
 * - Nobody ever waits for the receiver: sockets are non-blocking, what cannot be sent waits in a bounded buffer and is tried again by a
 *   timer, and beyond it lines are dropped and counted.
 * - That it is away is told once, and so is that it is back, with the number of lines that were lost; neither more than once a minute.
 * - A datagram is one message. On a stream, messages end with a line feed (RFC 6587 3.4.2), and one that a broken connection cut is sent again.
 * - That nobody takes UDP datagrams is known only where ICMP says so, which it always does on this machine; then the datagram that was
 *   refused is sent again. What a stream's receiver had not read when it ended is lost.
 */
import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";
import type { SyslogReports, SyslogTarget } from "../core/arbiter/process.ts";
import { showSyslogAddress, type SyslogAddress } from "../core/logging/syslog.ts";
import { bytes, FAMILY, libc, type Libc, OPTION, requireLibc } from "./libc.ts";
import { familyOf, type SocketAddress } from "./socket_address.ts";

export interface SyslogOptions extends SyslogReports {
  /** Milliseconds on a monotonic clock. */
  readonly now?: () => number;
  /** How long to wait before the receiver is tried again. */
  readonly retry?: number;
}

/** `close` takes at most 0.2 s; what is sent afterwards is dropped. */
export interface Syslog extends SyslogTarget {
  /** Messages lost so far. */
  readonly dropped: number;
}

/** Why syslog cannot be reached from here at all; null where it can. */
export const syslogObstacle: string | null = libc instanceof Error ? libc.message : null;

/** Sends to `address`. Throws where the C library cannot be called. */
export function openSyslog(address: SyslogAddress, options: SyslogOptions): Syslog {
  return new Sender(address, options, requireLibc());
}

/** A UDP datagram holds 65,507 bytes. */
const LONGEST = 60_000;
/** What may wait, in UTF-16 code units. */
const WAITING_LENGTH = 1_048_576;
const RETRY_MILLIS = 1000;
const FULL_MILLIS = 2;
const LONGEST_FULL_MILLIS = 256;
const BURST = 32;
const BURST_MILLIS = 5;
const FAREWELL_MILLIS = 200;
const TELL_MILLIS = 60_000;
const LINE_FEED = 0x0a;

const encoder = new TextEncoder();

class Sender implements Syslog {
  readonly #address: SyslogAddress;
  readonly #options: SyslogOptions;
  readonly #libc: Libc;
  readonly #now: () => number;
  readonly #farewell = (): void => this.close();
  readonly #buffer = bytes(LONGEST + 64);
  #socket: number | null = null;
  #isStream = false;
  /** Where the host's name leads; null until it is known. */
  #host: string | null = null;
  /** Only the timer, or the answer to a name, may try again. */
  #isHeld = false;
  #waiting: string[] = [];
  #length = 0;
  /** Bytes of the first message that the stream did not take yet; they begin the buffer. 0 for none. */
  #rest = 0;
  /** This socket has taken a message. */
  #isProven = false;
  /** The last UDP datagram: perhaps nobody took it. */
  #last: string | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #full = FULL_MILLIS;
  #isAway = false;
  #isClosed = false;
  #dropped = 0;
  #told = 0;
  #isAwayTold = false;
  #toldAt = -Infinity;

  constructor(address: SyslogAddress, options: SyslogOptions, c: Libc) {
    this.#address = address;
    this.#options = options;
    this.#libc = c;
    this.#now = options.now ?? (() => performance.now());
    process.on("exit", this.#farewell);
    // Deno.exit tells only the window.
    globalThis.addEventListener?.("unload", this.#farewell);
  }

  get dropped(): number {
    return this.#dropped;
  }

  send(message: string): void {
    if (this.#isClosed || (this.#waiting.length > 0 && this.#length + message.length > WAITING_LENGTH)) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(message);
    this.#length += message.length;
    if (!this.#isHeld) this.#flush();
  }

  close(): void {
    if (this.#isClosed) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const until = this.#now() + FAREWELL_MILLIS;
    // Who is away gets one more chance; who has no address yet gets none.
    const isHopeless = this.#isHeld && this.#socket === null && !this.#isAway;
    while (this.#waiting.length > 0 && !isHopeless) {
      this.#flush();
      if (this.#waiting.length === 0 || this.#isAway || this.#now() >= until) break;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_MILLIS);
    }
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#last !== null && this.#socket !== null && this.#libc.get(this.#socket, OPTION.error)) this.#dropped++;
    this.#dropped += this.#waiting.length;
    this.#isClosed = true;
    this.#release();
    process.off("exit", this.#farewell);
    globalThis.removeEventListener?.("unload", this.#farewell);
  }

  #flush(): void {
    try {
      if (this.#socket === null && !this.#open()) return;
      if (this.#isAway && this.#waiting.length > 0) this.#probe();
      for (let sent = 0; this.#waiting.length > 0; sent++) {
        // More at once than a receiver's buffer holds would be lost there.
        if (sent === BURST && this.#address.kind === "udp") return this.#hold(BURST_MILLIS);
        this.#sendFirst();
        this.#full = FULL_MILLIS;
      }
      this.#present();
    } catch (error) {
      const { code } = error as { readonly code?: string };
      if (code === "EAGAIN" || code === "ENOBUFS" || code === "EINTR" || code === "EINPROGRESS") return this.#waitForRoom();
      if (code === "EMSGSIZE") return this.#tooLong();
      // One that began anew is at the same place.
      if (this.#isProven && this.#address.kind !== "udp") {
        this.#release();
        return this.#flush();
      }
      this.#absent(reasonOf(error));
    }
  }

  /** True when there is a socket; a stream's may still be connecting. Throws what the system throws. */
  #open(): boolean {
    const address = this.#address;
    if (address.kind === "unix") {
      this.#openUnix({ family: "unix", path: address.path }, address.type);
      return true;
    }
    const host = this.#host ?? (address.host === "localhost" ? "127.0.0.1" : address.host);
    const family = familyOf(host);
    if (family === null) {
      this.#resolve(host);
      return false;
    }
    this.#connect({ family, host, port: address.port }, address.kind === "tcp");
    return true;
  }

  #openUnix(to: SocketAddress, type: "dgram" | "stream" | null): void {
    try {
      this.#connect(to, type === "stream");
    } catch (error) {
      if (type !== null || (error as { readonly code?: string }).code !== "EPROTOTYPE") throw error;
      this.#connect(to, true);
    }
  }

  #connect(to: SocketAddress, isStream: boolean): void {
    const socket = this.#libc.socket(FAMILY[to.family], isStream ? "stream" : "dgram");
    try {
      this.#libc.connect(socket, to);
    } catch (error) {
      if ((error as { readonly code?: string }).code !== "EINPROGRESS") {
        this.#libc.close(socket);
        throw error;
      }
    }
    this.#socket = socket;
    this.#isStream = isStream;
    this.#rest = 0;
    this.#last = null;
  }

  #resolve(host: string): void {
    this.#isHeld = true;
    import("node:dns/promises").then(({ lookup }) => lookup(host)).then(({ address }) => {
      this.#isHeld = false;
      this.#host = address;
      if (!this.#isClosed) this.#flush();
    }, (error: unknown) => {
      if (!this.#isClosed) this.#absent(reasonOf(error));
    });
  }

  /** Whether the receiver is back is known when it has taken one message. */
  #probe(): void {
    this.#sendFirst();
    if (this.#last === null || this.#libc.get(this.#socket!, OPTION.error) === 0) return;
    this.#putBack();
    throw new Error("ECONNREFUSED");
  }

  #sendFirst(): void {
    const socket = this.#socket!;
    const first = this.#waiting[0]!;
    if (this.#isStream && this.#libc.isClosed(socket)) throw new Error("it closed the connection");
    if (this.#rest === 0) this.#rest = this.#encode(first);
    try {
      const sent = this.#libc.send(socket, this.#buffer, this.#rest);
      this.#buffer.copyWithin(0, sent, this.#rest);
      this.#rest -= sent;
    } catch (error) {
      if (!this.#isStream) {
        this.#rest = 0;
        // What the kernel says now is what became of the one before.
        if ((error as { readonly code?: string }).code === "ECONNREFUSED") this.#putBack();
      }
      throw error;
    }
    if (this.#rest > 0) throw Object.assign(new Error("The stream is full"), { code: "EAGAIN" });
    this.#waiting.shift();
    this.#length -= first.length;
    this.#isProven = true;
    this.#last = this.#address.kind === "udp" ? first : null;
  }

  #putBack(): void {
    if (this.#last === null) return;
    this.#waiting.unshift(this.#last);
    this.#length += this.#last.length;
    this.#last = null;
  }

  /** Into the buffer, cut if it must be, with a stream's end; how many bytes. */
  #encode(message: string): number {
    const room = this.#buffer.subarray(0, LONGEST);
    let { read, written } = encoder.encodeInto(message, room);
    if (read < message.length) written += encoder.encodeInto(`[+${message.length - read}]`, this.#buffer.subarray(written)).written;
    if (this.#isStream) this.#buffer[written++] = LINE_FEED;
    return written;
  }

  /** The system takes less than we thought: the message would stop all that come after it. */
  #tooLong(): void {
    const first = this.#waiting.shift();
    this.#length -= first?.length ?? 0;
    this.#rest = 0;
    this.#dropped++;
    this.#flush();
  }

  #absent(reason: string): void {
    this.#release();
    this.#host = null;
    this.#isAway = true;
    this.#hold(this.#options.retry ?? RETRY_MILLIS);
    if (this.#isAwayTold || this.#now() - this.#toldAt < TELL_MILLIS) return;
    this.#isAwayTold = true;
    this.#toldAt = this.#now();
    this.#options.away({ address: showSyslogAddress(this.#address), reason });
  }

  #present(): void {
    this.#isAway = false;
    const lost = this.#dropped - this.#told;
    if (!this.#isAwayTold && (lost === 0 || this.#now() - this.#toldAt < TELL_MILLIS)) return;
    if (!this.#isAwayTold) this.#toldAt = this.#now();
    this.#isAwayTold = false;
    this.#told = this.#dropped;
    this.#options.back({ address: showSyslogAddress(this.#address), lost });
  }

  #hold(millis: number): void {
    this.#isHeld = true;
    this.#wait(millis);
  }

  #waitForRoom(): void {
    if (this.#timer !== null) return;
    this.#wait(this.#full);
    this.#full = Math.min(this.#full * 2, LONGEST_FULL_MILLIS);
  }

  #wait(millis: number): void {
    if (this.#isClosed) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#isHeld = false;
      this.#flush();
    }, millis);
    this.#timer.unref();
  }

  #release(): void {
    if (this.#socket !== null) this.#libc.close(this.#socket);
    this.#socket = null;
    this.#rest = 0;
    this.#isProven = false;
  }
}

function reasonOf(error: unknown): string {
  const { message } = error as { readonly message?: unknown };
  return typeof message === "string" ? message.split("\n", 1)[0]! : "unknown error";
}
