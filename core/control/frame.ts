/**
 * The frames of the control socket, gunicorn's: a length of four bytes, big-endian, and that many bytes of JSON. A request is
 * `{"id": 1, "command": "show workers", "args": []}`; a reply `{"id": 1, "status": "ok", "data": {...}}` or
 * `{"id": 1, "status": "error", "error": "..."}`. What goes on, as `tail`, answers with many replies of one id, all but the last with
 * `"more": true`.
 */

/** Bytes of JSON. */
export const LONGEST_FRAME = 16 * 2 ** 20;

export interface ControlRequest {
  readonly id: number | string;
  readonly command: string;
  readonly args: readonly (string | number)[];
}

export type ControlReply =
  | { readonly id: ControlRequest["id"] | null; readonly status: "ok"; readonly data: unknown; readonly more?: true }
  | { readonly id: ControlRequest["id"] | null; readonly status: "error"; readonly error: string };

/** `message` as a frame. Throws RangeError if it is longer than {@linkcode LONGEST_FRAME}. */
export function encodeFrame(message: ControlRequest | ControlReply): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(message));
  if (json.length > LONGEST_FRAME) throw new RangeError(`Cannot send a frame of ${json.length} bytes: the most is ${LONGEST_FRAME}`);
  const frame = new Uint8Array(4 + json.length);
  new DataView(frame.buffer).setUint32(0, json.length);
  frame.set(json, 4);
  return frame;
}

/** Makes JSON values of bytes that come in pieces of any size. */
export class FrameDecoder {
  #pending = new Uint8Array(0);

  /** What is complete now. Throws for a frame that is too long or no JSON: nothing after it can be read. */
  push(bytes: Uint8Array): unknown[] {
    const all = new Uint8Array(this.#pending.length + bytes.length);
    all.set(this.#pending);
    all.set(bytes, this.#pending.length);
    const view = new DataView(all.buffer);
    const found: unknown[] = [];
    let at = 0;
    while (all.length - at >= 4) {
      const length = view.getUint32(at);
      if (length > LONGEST_FRAME) throw new RangeError(`Cannot read a frame of ${length} bytes: the most is ${LONGEST_FRAME}`);
      if (all.length - at - 4 < length) break;
      found.push(parse(all.subarray(at + 4, at + 4 + length)));
      at += 4 + length;
    }
    this.#pending = all.slice(at);
    return found;
  }
}

/** Checks what a client sent. Throws TypeError for what is no request. */
export function checkRequest(value: unknown): ControlRequest {
  const { id = null, command = null, args = [] } = typeof value === "object" && value !== null ? value as Record<string, unknown> : {};
  if ((typeof id !== "number" && typeof id !== "string") || typeof command !== "string" || !Array.isArray(args)) {
    throw new TypeError(`Cannot use ${JSON.stringify(value)?.slice(0, 100)} as a request: expected {"id": 1, "command": "show workers", "args": []}`);
  }
  const words = args.filter((arg): arg is string | number => typeof arg === "string" || typeof arg === "number");
  if (words.length < args.length) throw new TypeError("Cannot use args that are neither strings nor numbers");
  return { id, command, args: words };
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new TypeError("Cannot read a frame that is no JSON");
  }
}
