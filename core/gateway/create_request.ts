import { originalRequest } from "./environ.ts";
import { TsgiError } from "./error.ts";
import { decodePath, encodePath } from "./path.ts";
import type { Environ } from "./types.ts";

export interface CreateRequestOptions {
  /** Leaves SCRIPT_NAME out of the URL: the handler sees itself at the root. */
  stripScriptName?: boolean;
}

/**
 * The Request that an environ describes (SPEC F-4 to F-9). The one it was made from, if nothing was changed that a Request expresses;
 * else a new one, whose body is what is left of `tsgi.input` and whose signal is `tsgi.signal`.
 *
 * Throws {@linkcode TsgiError} `ERR_TSGI_METHOD` for a method that this runtime's Request cannot carry: Bun would make GET of it.
 *
 * @example
 * ```ts
 * const response = await fetch(createRequest(environ));
 * ```
 */
export function createRequest(environ: Environ, options: CreateRequestOptions = {}): Request {
  const isStripped = options.stripScriptName === true && environ.SCRIPT_NAME !== "";
  const original = isStripped ? null : originalRequest(environ);
  if (original instanceof Request) return original;
  const url = urlOf(environ, isStripped);
  const method = environ.REQUEST_METHOD;
  const hasBody = method !== "GET" && method !== "HEAD" && mayHaveBody(environ);
  const init: RequestInit & { duplex?: "half" } = { method, headers: headersOf(environ), signal: environ["tsgi.signal"] };
  if (hasBody) {
    init.body = environ["tsgi.input"].stream as ReadableStream<Uint8Array<ArrayBuffer>>;
    init.duplex = "half";
  }
  const request = attempt(url, init);
  if (request?.method !== method) throw new TsgiError("ERR_TSGI_METHOD", `Cannot make a Request of the method ${JSON.stringify(method.slice(0, 40))}: this runtime has none such`);
  return request;
}

/** A request without a body has no length and is not chunked; whatever else is known to be empty has length 0. */
function mayHaveBody(environ: Environ): boolean {
  return environ.CONTENT_LENGTH !== undefined ? environ.CONTENT_LENGTH !== "0" : true;
}

function urlOf(environ: Environ, isStripped: boolean): string {
  const host = environ.HTTP_HOST || `${environ.SERVER_NAME}:${environ.SERVER_PORT}`;
  return `${environ["tsgi.url_scheme"]}://${host}${targetOf(environ, isStripped)}`;
}

/** REQUEST_URI as it came, if it still says what the path and the query say; else both anew. */
function targetOf(environ: Environ, isStripped: boolean): string {
  const path = (isStripped ? "" : environ.SCRIPT_NAME) + environ.PATH_INFO;
  const uri = environ.REQUEST_URI;
  const mark = uri.indexOf("?");
  const query = mark < 0 ? "" : uri.slice(mark + 1);
  if (query === environ.QUERY_STRING && decodePath(mark < 0 ? uri : uri.slice(0, mark)) === path) return uri;
  return (encodePath(path) || "/") + (environ.QUERY_STRING === "" ? "" : `?${environ.QUERY_STRING}`);
}

function headersOf(environ: Environ): Headers {
  const headers = new Headers();
  for (const [key, value] of Object.entries(environ)) {
    if (key.startsWith("HTTP_") && typeof value === "string") headers.append(key.slice(5).replaceAll("_", "-").toLowerCase(), value);
  }
  if (environ.CONTENT_TYPE !== undefined) headers.set("content-type", environ.CONTENT_TYPE);
  if (environ.CONTENT_LENGTH !== undefined) headers.set("content-length", environ.CONTENT_LENGTH);
  return headers;
}

/** undefined if the method is the reason why there can be no such Request. */
function attempt(url: string, init: RequestInit): Request | undefined {
  try {
    return new Request(url, init);
  } catch (error) {
    if (canCarry(init.method ?? "GET")) throw error;
  }
}

function canCarry(method: string): boolean {
  try {
    return new Request("http://localhost/", { method }).method === method;
  } catch {
    return false;
  }
}
