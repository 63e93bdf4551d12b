import { hasCloser } from "../gateway/body_reader.ts";
import { quoteEtag, unquoteEtag } from "../gateway/etag.ts";
import { deleteHeader, getHeader, getHeaders, setHeader } from "../gateway/header_list.ts";
import type { Body, Chunk, Environ, HeaderList, Middleware, Status } from "../gateway/types.ts";
import { chooseEncoding } from "./accept_encoding.ts";
import { ChunkReader, derivedBody } from "./chunk_reader.ts";
import { byteLength } from "./content_length.ts";
import { type Answer, intercept, type Verdict } from "./intercept.ts";
import { withClose } from "./on_end.ts";

/** One response being compressed. */
export interface Compressor {
  /** All that a client needs to read this chunk: compressed and flushed. */
  write(chunk: Uint8Array): PromiseLike<Uint8Array>;
  /** The end of the compressed data. */
  end(): PromiseLike<Uint8Array>;
  /** Frees what it holds, whether ended or not. */
  close(): void;
}

/** `deflate` is HTTP's: zlib's format. */
export type Compression = "gzip" | "deflate";

/** What {@linkcode deflate} compresses, and with what. */
export interface DeflateOptions {
  /** Whether to compress this media type, in lower case and without parameters. Text, JSON, XML and the like unless given. */
  readonly include?: (type: string) => boolean;
  /** Bodies known to be smaller are sent as they are: bytes, 1024 unless given. */
  readonly threshold?: number;
  /** Makes a compressor that can flush, which the Web platform has not: without one, streams are sent as they are. */
  readonly compressor?: (format: Compression) => Compressor;
}

const COMPRESSIBLE = /^(?:text\/(?!event-stream$)|application\/(?:javascript|json|xml|wasm|x-ndjson|manifest\+json|rtf)$|image\/(?:svg\+xml|bmp)$|font\/(?:otf|ttf)$|.*\+(?:json|xml|text)$)/;

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
  return (app) => (environ, startResponse) => {
    if (environ.REQUEST_METHOD === "HEAD") return app(environ, startResponse);
    return intercept(app, environ, startResponse, (answer) => judge(answer, environ, options));
  };
}

function judge({ status, headers, body }: Answer, environ: Environ, options: DeflateOptions): Verdict {
  const { include = isCompressible, threshold = 1024, compressor } = options;
  const length = lengthOf(headers, body);
  if (length === 0 || !isOpen(status, headers) || !include(mediaType(headers))) return undefined;
  varyByEncoding(headers);
  const format = chooseEncoding<Compression>(environ.HTTP_ACCEPT_ENCODING, ["gzip", "deflate"]);
  if (format === null || (length ?? Infinity) < threshold) return undefined;
  if (!Array.isArray(body) && compressor === undefined) return undefined;
  setHeader(headers, "Content-Encoding", format);
  deleteHeader(headers, "Content-Length");
  weaken(headers);
  return { transform: (plain) => Array.isArray(plain) ? whole(plain, format) : streamed(plain, compressor!(format)) };
}

function isCompressible(type: string): boolean {
  return COMPRESSIBLE.test(type);
}

/** Null if nobody knows. */
function lengthOf(headers: HeaderList, body: Body | null): number | null {
  if (Array.isArray(body)) return byteLength(body);
  const declared = getHeader(headers, "content-length");
  return declared === undefined ? null : Number(declared);
}

/** Whether this answer may be compressed at all. */
function isOpen(status: Status, headers: HeaderList): boolean {
  if (/^(?:204|205|206|304) /.test(status)) return false;
  const encodings = getHeaders(headers, "content-encoding");
  if (encodings.some((encoding) => encoding.trim().toLowerCase() !== "identity")) return false;
  return !getHeaders(headers, "cache-control").some((value) => /(?:^|,)\s*no-transform\s*(?:,|$)/i.test(value));
}

function mediaType(headers: HeaderList): string {
  return getHeader(headers, "content-type", "")!.split(";", 1)[0]!.trim().toLowerCase();
}

/** Adds Accept-Encoding to Vary, once, and not to `*`, which says more. */
export function varyByEncoding(headers: HeaderList): void {
  const named = getHeaders(headers, "vary").flatMap((value) => value.split(",")).map((name) => name.trim()).filter((name) => name !== "");
  if (named.some((name) => name === "*" || name.toLowerCase() === "accept-encoding")) return;
  setHeader(headers, "Vary", [...named, "Accept-Encoding"].join(", "));
}

/** The bytes are others now, and a strong tag promises these (RFC 9110 8.8.1). */
function weaken(headers: HeaderList): void {
  const etag = getHeader(headers, "etag");
  if (etag !== undefined && !/^W\//i.test(etag)) setHeader(headers, "ETag", quoteEtag(unquoteEtag(etag)[0], true));
}

async function whole(body: Chunk[], format: Compression): Promise<Body> {
  const plain = new Blob(body.map((chunk) => typeof chunk === "string" ? chunk : chunk.slice()));
  const compressed = await new Response(plain.stream().pipeThrough(new CompressionStream(format))).bytes();
  return hasCloser(body) ? withClose([compressed], () => new ChunkReader(body).close()) : [compressed];
}

function streamed(body: Body, compressor: Compressor): Body {
  const reader = new ChunkReader(body);
  async function* chunks(): AsyncGenerator<Chunk, void> {
    for await (const chunk of reader) {
      yield chunk.length === 0 ? chunk : await compressor.write(typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk);
    }
    yield await compressor.end();
  }
  return derivedBody(reader, chunks, () => compressor.close());
}
