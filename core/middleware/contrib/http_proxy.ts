import { removeHopByHopHeaders } from "../../gateway/header_list.ts";
import { encodePath } from "../../gateway/path.ts";
import { status as statusOf } from "../../gateway/status.ts";
import type { Body, Environ, HeaderList, Middleware, StartResponse, Status } from "../../gateway/types.ts";

/** Where one prefix leads. */
export interface ProxyTarget {
  /** "http://127.0.0.1:8001", with or without a path to put in front. */
  readonly target: string;
  /** The Host that the target sees: its own with "auto", which it is unless given, the client's with null, or this one. */
  readonly host?: string | null;
  /** Leaves out the prefix that matched. */
  readonly removePrefix?: boolean;
  /** Headers to add, in the place of the client's. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** How {@linkcode httpProxy} asks. */
export interface HttpProxyOptions {
  /** Milliseconds until the headers of the answer must be there; 10 000 unless given. */
  readonly timeout?: number;
  /** Another fetch: not every one lets us choose the Host. It must leave an encoded body encoded. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/**
 * Passes requests under these prefixes on to other servers, and the rest to the application. For development: a server in front does it
 * better.
 *
 * Headers of the connection stay here, both ways. No connection gives a 502, no answer in time a 504. A path with `.` or `..` is a 400,
 * since it could lead out of what the target shows.
 *
 * Throws `SyntaxError` for a prefix without a slash in front, and `TypeError` for a target that is no URL.
 *
 * @example
 * ```ts
 * const application = httpProxy({ "/assets": { target: "http://127.0.0.1:5173", removePrefix: true } })(shop);
 * ```
 */
export function httpProxy(targets: Readonly<Record<string, ProxyTarget>>, options: HttpProxyOptions = {}): Middleware {
  const routes = Object.entries(targets).map(([prefix, target]) => route(prefix, target)).sort((a, b) => b.prefix.length - a.prefix.length);
  return (app) => (environ, startResponse) => {
    const found = routes.find(({ prefix }) => environ.PATH_INFO === prefix || environ.PATH_INFO.startsWith(`${prefix}/`));
    return found === undefined ? app(environ, startResponse) : pass(found, environ, { startResponse, options });
  };
}

interface Route {
  /** Without a slash at the end. */
  readonly prefix: string;
  readonly target: ProxyTarget;
  /** Without a slash at the end. */
  readonly base: string;
}

interface Passing {
  readonly startResponse: StartResponse;
  readonly options: HttpProxyOptions;
}

function route(prefix: string, target: ProxyTarget): Route {
  if (!prefix.startsWith("/")) throw new SyntaxError(`Cannot pass on ${JSON.stringify(prefix)}: expected a prefix that begins with "/"`);
  const url = new URL(target.target);
  return { prefix: prefix.replace(/\/+$/, ""), target, base: url.origin + url.pathname.replace(/\/+$/, "") };
}

async function pass(route: Route, environ: Environ, { startResponse, options }: Passing): Promise<Body> {
  const url = urlFor(route, environ);
  if (url === null) return answer(startResponse, "400 Bad Request");
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), options.timeout ?? 10_000);
  try {
    const init = requestInit(route.target, environ, deadline.signal);
    // The platform's fetch decodes what it asked to be encoded, and only that.
    if (options.fetch === undefined) init.headers.delete("accept-encoding");
    const response = await (options.fetch ?? fetch)(url, init);
    startResponse(statusLine(response), responseHeaders(response, options.fetch === undefined));
    return response.body ?? [];
  } catch (error) {
    if (environ["tsgi.signal"].aborted) throw error;
    environ["tsgi.errors"].write(`Cannot pass ${environ.REQUEST_METHOD} on to ${route.base}: ${error instanceof Error ? error.message : String(error)}\n`);
    return answer(startResponse, deadline.signal.aborted ? "504 Gateway Timeout" : "502 Bad Gateway");
  } finally {
    clearTimeout(timer);
  }
}

/** Null where fetch would resolve a segment away. */
function urlFor({ prefix, target, base }: Route, environ: Environ): string | null {
  const path = target.removePrefix === true ? environ.PATH_INFO.slice(prefix.length) : environ.PATH_INFO;
  if (path.split(/[/\\]/).some((segment) => segment === "." || segment === "..")) return null;
  const query = environ.QUERY_STRING === "" ? "" : `?${environ.QUERY_STRING}`;
  return base + (encodePath(path) || "/") + query;
}

function requestInit(target: ProxyTarget, environ: Environ, deadline: AbortSignal): RequestInit & { headers: Headers } {
  const method = environ.REQUEST_METHOD;
  const hasBody = method !== "GET" && method !== "HEAD";
  const init = {
    method,
    headers: requestHeaders(target, environ),
    redirect: "manual" as const,
    signal: AbortSignal.any([environ["tsgi.signal"], deadline]),
    ...(hasBody ? { body: environ["tsgi.input"].stream as ReadableStream<Uint8Array<ArrayBuffer>>, duplex: "half" as const } : {}),
  };
  return init;
}

function requestHeaders({ host = "auto", headers: added = {} }: ProxyTarget, environ: Environ): Headers {
  const list: HeaderList = [];
  for (const [key, value] of Object.entries(environ)) {
    const name = /^(?:HTTP_(.+)|(CONTENT_TYPE|CONTENT_LENGTH))$/.exec(key);
    if (name !== null && typeof value === "string") list.push([(name[1] ?? name[2]!).toLowerCase().replaceAll("_", "-"), value]);
  }
  removeHopByHopHeaders(list);
  const headers = new Headers(list);
  headers.delete("host");
  if (host === null && environ.HTTP_HOST !== undefined) headers.set("host", environ.HTTP_HOST);
  else if (host !== null && host !== "auto") headers.set("host", host);
  // The runtime frames the body, and answers Expect itself.
  headers.delete("expect");
  for (const [name, value] of Object.entries(added)) headers.set(name, value);
  return headers;
}

function statusLine({ status, statusText }: Response): Status {
  return statusText === "" ? statusOf(status) : `${status} ${statusText}`;
}

/** The platform's fetch gives a decoded body, and on some runtimes the headers of the encoded one. */
function responseHeaders(response: Response, isDecoded: boolean): HeaderList {
  const headers: HeaderList = [...response.headers].map(([name, value]) => [name, value]);
  removeHopByHopHeaders(headers);
  if (!isDecoded || !response.headers.has("content-encoding")) return headers;
  return headers.filter(([name]) => name !== "content-encoding" && name !== "content-length");
}

function answer(startResponse: StartResponse, status: Status): Body {
  startResponse(status, [["Content-Type", "text/plain"]]);
  return [`${status.slice(4)}\n`];
}
