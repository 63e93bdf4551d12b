import { hasCloser } from "../gateway/body_reader.ts";
import type { App, Body, Environ, StartResponse } from "../gateway/types.ts";
import { isThenable } from "../gateway/body_reader.ts";
import { ChunkReader, derivedBody } from "./chunk_reader.ts";

/**
 * Calls `app`, and `ended` once when nothing more will come of it: it threw, or its body was closed. An Array stays an Array.
 */
export function onEnd(app: App, environ: Environ, startResponse: StartResponse, ended: (error: unknown) => void | PromiseLike<void>): Body | PromiseLike<Body> {
  try {
    const body = app(environ, startResponse);
    if (!isThenable(body)) return withEnd(body, ended);
    return body.then((settled) => withEnd(settled, ended), (error: unknown) => {
      void ended(error);
      throw error;
    });
  } catch (error) {
    void ended(error);
    throw error;
  }
}

/** The body, with `ended` called after its close(): with the error that ended its iteration, or null. */
export function withEnd(body: Body, ended: (error: unknown) => void | PromiseLike<void>): Body {
  if (Array.isArray(body)) return withClose(body, () => ended(null));
  const reader = new ChunkReader(body);
  let failure: unknown = null;
  async function* chunks(): AsyncGenerator<Uint8Array | string, void> {
    try {
      yield* reader;
    } catch (error) {
      failure = error;
      throw error;
    }
  }
  return derivedBody(reader, chunks, () => ended(failure));
}

/** A copy of an Array body that calls `closed` after the original's own close(). */
export function withClose<T extends Body>(body: T & readonly unknown[], closed: () => void | PromiseLike<void>): Body {
  const reader = hasCloser(body) ? new ChunkReader(body) : null;
  let isClosed = false;
  return Object.assign([...body], {
    async close() {
      if (isClosed) return;
      isClosed = true;
      try {
        await reader?.close();
      } finally {
        await closed();
      }
    },
  }) as Body;
}
