/** UTF-8. The platform's objects are made when first needed: most requests need none, and a worker at the edge starts sooner without. */

let encoder: TextEncoder | null = null;
let decoder: TextDecoder | null = null;

export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return (encoder ??= new TextEncoder()).encode(text);
}

/** Keeps a byte order mark. Throws TypeError for what is not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  return (decoder ??= new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })).decode(bytes);
}
