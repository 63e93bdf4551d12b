/**
 * The logging middleware of many WSGI tutorials: one line when the response is over, with its status and its time.
 *
 * `accessLog()` does this and more; here is how such a thing is made. Run it: deno run -A mod.ts examples/wsgi_logging.ts
 */
import type { App, Body, Chunk, Environ } from "../mod.ts";

export function logging(app: App): App {
  return async (environ, startResponse) => {
    const began = performance.now();
    let answered = "-";
    const body = await app(environ, (status, headers, excInfo) => {
      answered = status;
      return startResponse(status, headers, excInfo);
    });
    return whenClosed(body, () => log(environ, answered, performance.now() - began));
  };
}

/** A response is over when its body is closed, not when its last chunk was made: a client may leave earlier. */
function whenClosed(body: Body, closed: () => void): Body {
  const close = async (): Promise<void> => {
    await (body as Body & { close?(): unknown }).close?.();
    closed();
  };
  // An Array stays one, so that the gateway knows its length.
  if (Array.isArray(body)) return Object.assign([...body], { close });
  return { [Symbol.asyncIterator]: () => chunksOf(body), close } as AsyncIterable<Chunk>;
}

async function* chunksOf(body: Body): AsyncGenerator<Chunk> {
  yield* body as AsyncIterable<Chunk>;
}

function log({ REQUEST_METHOD, REQUEST_URI, "tsgi.errors": errors }: Environ, status: string, ms: number): void {
  errors.write(`${REQUEST_METHOD} ${REQUEST_URI} -> ${status} in ${ms.toFixed(1)} ms\n`);
}

const application: App = logging((environ, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return [`Hello from ${encodeURI(environ.PATH_INFO.toWellFormed())}\n`];
});

export default application;
