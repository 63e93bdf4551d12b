/**
 * The Content-Type of a Response made from a string. By the Fetch standard its headers have it; Bun's get it only when they are sent, and
 * until then nothing tells a string from bytes. There the first bytes are looked at: those that are there at once and are text, by the rule
 * browsers tell text from binary data (https://mimesniff.spec.whatwg.org/#binary-data-byte), count as a string.
 */

export const TEXT_TYPE = "text/plain;charset=UTF-8";

let isLate: boolean | null = null;

/** Whether a Response's headers do not say that it was made from a string. Cloudflare's Workers make none before a request comes. */
export function typesLate(): boolean {
  return isLate ??= !new Response("text").headers.has("content-type");
}

const BINARY = /[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]/;
/** Turns of the microtask queue in which what is in memory can be read; reading it takes one on Bun 1.4.5. */
const TURNS = 8;

/** A body that is read on from where it was looked at. */
export interface Examined {
  readonly isText: boolean;
  readonly body: AsyncIterableIterator<Uint8Array>;
}

/** Looks at the beginning of `stream`, without waiting for one that is not there yet. */
export async function examine(stream: ReadableStream<Uint8Array>): Promise<Examined> {
  const reader = stream.getReader();
  let first: Promise<IteratorResult<Uint8Array>> | null = reader.read() as Promise<IteratorResult<Uint8Array>>;
  const found = await Promise.race([first, turns()]).catch(() => null); // Whoever reads the body gets the error.
  const body: AsyncIterableIterator<Uint8Array> = {
    next: () => {
      const next = first ?? reader.read() as Promise<IteratorResult<Uint8Array>>;
      first = null;
      return next;
    },
    return: async () => {
      await reader.cancel();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => body,
  };
  return { isText: found !== null && found.done !== true && isText(found.value), body };
}

async function turns(): Promise<null> {
  for (let turn = 0; turn < TURNS; turn++) await null;
  return null;
}

function isText(bytes: unknown): boolean {
  if (!(bytes instanceof Uint8Array)) return false;
  try {
    // A character may go on in the next chunk.
    return !BINARY.test(new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true }));
  } catch {
    return false; // Not UTF-8.
  }
}
