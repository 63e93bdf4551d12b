import { kindOf, TsgiError } from "./error.ts";
import { encodeUtf8 } from "./utf8.ts";

const EMPTY: Uint8Array = new Uint8Array(0);
const NOT_ASCII = /[^\x00-\x7f]/;

/** The bytes of a chunk; throws `ERR_TSGI_CHUNK` for what is none (SPEC B-2, B-3). */
export function chunkBytes(chunk: unknown): Uint8Array {
  if (typeof chunk === "string") return chunk === "" ? EMPTY : encodeUtf8(chunk);
  if (chunk instanceof Uint8Array) return chunk;
  throw badChunk(chunk);
}

/** The chunks of an Array body as one: the string itself where there is only one, so that no byte is copied before the runtime does. */
export function joinChunks(chunks: readonly unknown[]): string | Uint8Array {
  if (chunks.length === 1 && typeof chunks[0] === "string") return chunks[0];
  // Each chunk is encoded on its own: halves of a surrogate pair in two of them do not make a whole.
  let text = "";
  for (let at = 0; at < chunks.length; at++) {
    const chunk = chunks[at];
    if (typeof chunk !== "string" || !chunk.isWellFormed()) return joinBytes(chunks);
    text += chunk;
  }
  return text;
}

/** How many bytes go on the wire. */
export function byteLength(payload: string | Uint8Array): number {
  if (typeof payload !== "string") return payload.length;
  return NOT_ASCII.test(payload) ? encodeUtf8(payload).length : payload.length;
}

function joinBytes(chunks: readonly unknown[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  let total = 0;
  // By index, since a hole in the array is a chunk that is undefined.
  for (let at = 0; at < chunks.length; at++) {
    const bytes = chunkBytes(chunks[at]);
    pieces.push(bytes);
    total += bytes.length;
  }
  if (pieces.length === 1) return pieces[0]!;
  const joined = new Uint8Array(total);
  let end = 0;
  for (const piece of pieces) {
    joined.set(piece, end);
    end += piece.length;
  }
  return joined;
}

function badChunk(chunk: unknown): TsgiError {
  return new TsgiError("ERR_TSGI_CHUNK", `Cannot send ${kindOf(chunk)}: a chunk is a string or a Uint8Array`);
}
