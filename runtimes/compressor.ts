/** Compression that can be flushed after each chunk, by node:zlib: what CompressionStream cannot do. The same on Deno and Bun. */
import { constants, createDeflate, createGzip } from "node:zlib";
import { deflate as deflateWith, type Compression, type Compressor, type DeflateOptions } from "../core/middleware/deflate.ts";
import type { Middleware } from "../core/gateway/types.ts";

/**
 * Compresses answers with gzip or deflate, as Accept-Encoding prefers. Each chunk is flushed, so that a stream stays one.
 *
 * Left alone: HEAD, 204, 205, 206 and 304, what is empty or encoded already, `Cache-Control: no-transform`, event streams unless
 * `include` says otherwise, and what is sent by write(). Vary names Accept-Encoding whether it compressed or not; a strong ETag becomes
 * weak.
 *
 * Do not compress a page that contains both a secret and text from the request: its length tells the secret (BREACH).
 *
 * @example
 * ```ts
 * const application = deflate({ threshold: 2048 })(shop);
 * ```
 */
export function deflate(options: DeflateOptions = {}): Middleware {
  return deflateWith({ compressor: createCompressor, ...options });
}

/** For the `compressor` of the core's deflate. */
export function createCompressor(format: Compression): Compressor {
  const zlib = format === "gzip" ? createGzip() : createDeflate();
  let made: Uint8Array[] = [];
  let fail: (error: Error) => void = () => undefined;
  zlib.on("data", (bytes: Uint8Array) => made.push(bytes));
  zlib.on("error", (error) => fail(error));
  function take(order: (done: () => void) => void): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      fail = reject;
      order(() => {
        const bytes = joined(made);
        made = [];
        resolve(bytes);
      });
    });
  }
  return {
    write: (chunk) =>
      take((done) => {
        zlib.write(chunk);
        zlib.flush(constants.Z_SYNC_FLUSH, done);
      }),
    end: () => take((done) => zlib.once("end", done).end()),
    close: () => void zlib.destroy(),
  };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? parts[0]! : new Uint8Array(Buffer.concat(parts));
}
