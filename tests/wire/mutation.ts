/** Requests made wrong, the same for the same seed. */

/** Numbers from 0 up to 1 (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What parsers disagree about. */
const TROUBLE = [
  "\r", "\n", "\r\n", "\r\n\r\n", " ", "\t", "\0", "\v", "\x7f", "\x80", "\xff", ":", ";", ",", "/", "\\", "?", "#", "%", "%00", "%2e%2e/", "@", "+", "-", "0", "0x",
  "chunked", "identity", "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "Host: evil\r\n", "Connection: close\r\n", "Expect: 100-continue\r\n", "HTTP/1.0", " HTTP/1.1",
] as const;

/** `raw` with one to four changes: something put in, taken out, doubled, swapped, or another byte. */
export function mutated(raw: string, next: () => number): string {
  let text = raw;
  for (let left = 1 + Math.floor(next() * 4); left > 0; left--) text = changed(text, next);
  return text;
}

/** `raw` in one to four pieces, none of them empty. */
export function pieces(raw: string, next: () => number): string[] {
  const cuts = Array.from({ length: Math.floor(next() * 4) }, () => Math.floor(next() * raw.length)).sort((a, b) => a - b);
  return [0, ...cuts].map((from, index) => raw.slice(from, cuts[index] ?? raw.length)).filter((piece) => piece !== "");
}

function changed(text: string, next: () => number): string {
  const at = Math.floor(next() * text.length);
  const length = 1 + Math.floor(next() * 8);
  const [before, piece, after] = [text.slice(0, at), text.slice(at, at + length), text.slice(at + length)];
  switch (Math.floor(next() * 5)) {
    case 0:
      return before + TROUBLE[Math.floor(next() * TROUBLE.length)]! + text.slice(at);
    case 1:
      return before + after;
    case 2:
      return before + piece + piece + after;
    case 3:
      return before + String.fromCharCode(Math.floor(next() * 256)) + text.slice(at + 1);
    default:
      return after + piece + before;
  }
}
