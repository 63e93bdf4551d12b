/** A connection to a Python process: requests there, frames back, one request at a time. See python_script.ts for what is on the wire. */
import { Buffer } from "node:buffer";
import { connect } from "node:net";
import type { Socket } from "node:net";

/** `B` comes in as many pieces as it arrived in; the others are whole. */
export interface Frame {
  readonly type: "R" | "H" | "B" | "E" | "C" | "X";
  readonly data: Uint8Array;
}

/** Bytes that are kept here before the process has to wait. */
const ENOUGH = 262_144;
/** As much as is received at once. */
const BLOCK = 65_536;
const NOTHING = Buffer.alloc(0);
const COLON = 58;

/** Connects to the socket at `path`; resolves when the process has accepted, which it does when it is free. */
export async function openConnection(path: string): Promise<PythonConnection> {
  const connection = new PythonConnection(path);
  try {
    await connection.next();
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  }
}

export class PythonConnection {
  readonly #socket: Socket;
  #received: Buffer = NOTHING;
  /** Bytes of the body's frame that are still to come. */
  #left = 0;
  #asked = 0;
  #isEnded = false;
  #isPaused = false;
  #wake: (() => void) | null = null;

  constructor(path: string) {
    // One block for all that comes, since on Deno each read would make one of 64 KiB; what is kept is copied.
    const callback = (size: number, block: Uint8Array): boolean => {
      this.#take(Buffer.from(block.subarray(0, size)));
      return true;
    };
    const socket = this.#socket = connect({ path, onread: { buffer: Buffer.allocUnsafeSlow(BLOCK), callback } });
    socket.on("error", () => this.#end());
    socket.on("close", () => this.#end());
    socket.on("end", () => this.#end());
  }

  get isOpen(): boolean {
    return !this.#isEnded;
  }

  /** The next frame, or piece of one, if it is there already. */
  peek(): Frame | null {
    const received = this.#received;
    if (received.length === 0) return null;
    if (this.#left > 0) return this.#piece();
    const colon = received.indexOf(COLON);
    if (colon < 0) return null;
    const type = String.fromCharCode(received[0]!) as Frame["type"];
    const length = Number(received.toString("latin1", 1, colon));
    if (type === "B") {
      this.#received = received.subarray(colon + 1);
      this.#left = length;
      return this.peek();
    }
    const end = colon + 1 + length;
    if (received.length < end) return null;
    this.#received = received.subarray(end);
    return { type, data: received.subarray(colon + 1, end) };
  }

  /** Throws when the connection ends before. */
  async next(): Promise<Frame> {
    for (;;) {
      const frame = this.peek();
      if (frame !== null) return frame;
      if (this.#isEnded) throw new Error("its connection has ended");
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (this.#isPaused) this.#socket.resume();
        this.#isPaused = false;
      });
    }
  }

  /** Sends the head of a request; which one it is, from 1 on, is said with its answer. */
  ask(head: Uint8Array): number {
    void this.write(head)?.catch(() => {}); // Told by reading.
    return ++this.#asked;
  }

  /** Resolves when the process may be sent more. */
  write(data: Uint8Array): Promise<void> | null {
    if (this.#isEnded) return Promise.reject(new Error("its connection has ended"));
    if (this.#socket.write(data)) return null;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#socket.off("drain", settle);
        this.#socket.off("close", settle);
        if (this.#isEnded) reject(new Error("its connection has ended"));
        else resolve();
      };
      this.#socket.on("drain", settle);
      this.#socket.on("close", settle);
    });
  }

  close(): void {
    this.#end();
    this.#socket.destroy();
  }

  #piece(): Frame {
    const data = this.#received.subarray(0, this.#left);
    this.#received = this.#received.subarray(data.length);
    this.#left -= data.length;
    return { type: "B", data };
  }

  #take(data: Buffer): void {
    this.#received = this.#received.length === 0 ? data : Buffer.concat([this.#received, data]);
    if (this.#wake !== null) this.#awake();
    else if (this.#received.length > ENOUGH && !this.#isPaused) {
      this.#isPaused = true;
      this.#socket.pause();
    }
  }

  #end(): void {
    this.#isEnded = true;
    this.#awake();
  }

  #awake(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
