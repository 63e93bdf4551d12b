import { encodeUtf8 } from "./utf8.ts";

/**
 * What Deno and Bun keep of a body until the turn of their loop is over, or this much of it has come; a chunk of LARGE goes on at once (Bun).
 * So what is gathered up to here waits no longer than it would there, and saves what each chunk costs on the way.
 */
const MOST = 64 * 1024;
const LARGE = 16 * 1024;

/** Small chunks that become one: strings, or else bytes. */
export class Gathering {
  #text = "";
  #bytes = new Uint8Array(0);
  #size = 0;

  get isFull(): boolean {
    return this.#size >= MOST;
  }

  /** Takes a chunk, if it is small and of the kind of the first. */
  add(chunk: unknown): boolean {
    return typeof chunk === "string" ? this.#addText(chunk) : chunk instanceof Uint8Array && this.#addBytes(chunk);
  }

  chunk(): Uint8Array {
    return this.#text === "" ? this.#bytes.subarray(0, this.#size) : encodeUtf8(this.#text);
  }

  #addText(text: string): boolean {
    // Each chunk is encoded on its own: halves of a surrogate pair in two of them do not make a whole.
    if (text.length >= LARGE || this.#bytes.length > 0 || !text.isWellFormed()) return false;
    this.#text += text;
    this.#size += text.length;
    return true;
  }

  /** Copies them: the application may fill the same memory again for its next chunk. */
  #addBytes(bytes: Uint8Array): boolean {
    if (bytes.length >= LARGE || this.#text !== "") return false;
    const end = this.#size + bytes.length;
    if (this.#bytes.length === 0) this.#bytes = new Uint8Array(LARGE);
    else if (end > this.#bytes.length) this.#bytes = new Uint8Array(this.#bytes.buffer.transfer(2 * this.#bytes.length));
    this.#bytes.set(bytes, this.#size);
    this.#size = end;
    return true;
  }
}
