/**
 * Middleware that upper-cases plain text, in the manner of the Latinator of PEP 3333: it decides about each startResponse anew, keeps
 * streams streams and Arrays Arrays, and closes what it was given.
 *
 * Run it: deno run -A mod.ts examples/upper.ts
 */
import type { App, Body, Chunk, HeaderList } from "../mod.ts";

export function upper(app: App): App {
  return async (environ, startResponse) => {
    let isText = false;
    const decoder = new TextDecoder();
    const raise = (chunk: Chunk): Chunk => isText ? upperCase(chunk, decoder) : chunk;

    const body = await app(environ, (status, headers, excInfo) => {
      // An application that changes its mind calls again: what held for its first answer may not hold for this one.
      isText = headers.some(([name, value]) => name.toLowerCase() === "content-type" && value.startsWith("text/plain"));
      const write = startResponse(status, isText ? withoutLength(headers) : headers, excInfo);
      return (chunk) => write(raise(chunk));
    });

    if (Array.isArray(body)) return (body as Chunk[]).map(raise);
    return {
      async *[Symbol.asyncIterator]() {
        for await (const chunk of body as AsyncIterable<Chunk>) yield raise(chunk);
      },
      close: () => (body as Body & { close?(): unknown }).close?.(),
    };
  };
}

/** "ß" becomes "SS": the length is another. */
function withoutLength(headers: HeaderList): HeaderList {
  return headers.filter(([name]) => name.toLowerCase() !== "content-length");
}

/** Bytes are decoded as one text: a character may be cut by the end of a chunk. */
function upperCase(chunk: Chunk, decoder: TextDecoder): string {
  return (typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true })).toUpperCase();
}

const application: App = upper(async function* (_environ, startResponse) {
  startResponse("200 OK", [["Content-Type", "text/plain; charset=utf-8"]]);
  yield "straße, ";
  yield "café\n";
} as App);

export default application;
