/** A Response written out by node:http. */
import type { ServerResponse } from "node:http";

/** Resolves when it is written, or nobody is there to take it. A body that breaks breaks the connection. */
export async function sendResponse(response: Response, outgoing: ServerResponse): Promise<void> {
  const reader = response.body?.getReader();
  try {
    writeHead(response, outgoing);
  } catch {
    // A header that an application put past the gateway: what it is, node:http knows and a stranger need not.
    await reader?.cancel();
    outgoing.statusCode = 500;
    for (const name of outgoing.getHeaderNames()) outgoing.removeHeader(name);
    return void outgoing.end("Internal Server Error");
  }
  if (reader === undefined) return void outgoing.end();
  let wake = (): void => undefined;
  const leave = (): void => {
    // Rejected by a body that broke, which is how this connection came to its end.
    reader.cancel(new DOMException("The client has closed the connection", "AbortError")).catch(() => undefined);
    wake();
  };
  if (outgoing.destroyed) return leave();
  outgoing.on("drain", () => wake()).once("close", leave);
  for (;;) {
    let chunk: Uint8Array | undefined;
    try {
      chunk = (await reader.read()).value;
    } catch {
      // The gateway has logged why. Half a response must not look like a whole one.
      return void outgoing.destroy();
    }
    if (chunk === undefined) return void outgoing.end();
    if (!outgoing.write(chunk) && !outgoing.destroyed) await new Promise<void>((resolve) => wake = resolve);
  }
}

function writeHead(response: Response, outgoing: ServerResponse): void {
  outgoing.statusCode = response.status;
  // HTTP/2 has no reason phrase, and Node warns of one.
  if (response.statusText !== "" && outgoing.req.httpVersionMajor < 2) outgoing.statusMessage = response.statusText;
  for (const [name, value] of response.headers) if (name !== "set-cookie") outgoing.setHeader(name, value);
  const cookies = response.headers.getSetCookie();
  if (cookies.length > 0) outgoing.setHeader("set-cookie", cookies);
  // A stream may take its time for the first chunk.
  if (response.body !== null && !response.headers.has("content-length")) outgoing.flushHeaders();
}
