import { createRequest } from "./create_request.ts";
import { kindOf, TsgiError } from "./error.ts";
import { isHopByHop } from "./hop_by_hop.ts";
import { examine, TEXT_TYPE, typesLate } from "./late_type.ts";
import { status } from "./status.ts";
import type { App, Body, Environ, FetchHandler, HeaderList, Status } from "./types.ts";

export interface FromFetchOptions {
  /** Leaves SCRIPT_NAME out of the URL that the handler sees. */
  stripScriptName?: boolean;
  /** What the handler gets after the request. */
  platform?: (environ: Environ) => unknown[];
}

/**
 * Makes an application of a Fetch handler, a Hono instance's `fetch` for one, so that middleware over environ can be put around it.
 *
 * Headers that belong to the connection are left out of its answer, since they are the server's. A method that this runtime's Request
 * cannot carry is answered 501 without calling the handler (SPEC F-9).
 *
 * Not for serving a Fetch handler alone: give it to the server as it is, which then streams nothing through here.
 *
 * @example
 * ```ts
 * const application = dispatcher(root, { "/api": fromFetch(hono.fetch) });
 * ```
 */
export function fromFetch(handler: FetchHandler, options: FromFetchOptions = {}): App {
  return async function application(environ, startResponse) {
    const request = requestOf(environ, options);
    if (request === null) {
      startResponse("501 Not Implemented", [["Content-Type", "text/plain; charset=utf-8"]]);
      return ["Not Implemented"];
    }
    const response: unknown = await handler(request, ...options.platform?.(environ) ?? []);
    if (!isResponse(response)) throw new TsgiError("ERR_TSGI_BODY", `Cannot answer with ${kindOf(response)}: the Fetch handler has to return a Response`);
    if (response.bodyUsed) throw new TsgiError("ERR_TSGI_BODY", "Cannot answer with a Response whose body was read: return response.clone() where you read it");
    const headers = headersOf(response);
    if (typesLate() && response.body !== null && !response.headers.has("content-type")) {
      const { isText, body } = await examine(response.body);
      if (isText) headers.push(["content-type", TEXT_TYPE]);
      startResponse(statusOf(response), headers);
      return body;
    }
    startResponse(statusOf(response), headers);
    return response.body === null ? [] : response.body as unknown as Body;
  };
}

function requestOf(environ: Environ, options: FromFetchOptions): Request | null {
  try {
    return createRequest(environ, options);
  } catch (error) {
    if (error instanceof TsgiError && error.code === "ERR_TSGI_METHOD") return null;
    throw error;
  }
}

/** By its members: servers on Node have a Response class of their own. */
function isResponse(value: unknown): value is Response {
  return value instanceof Response || (typeof value === "object" && value !== null && "status" in value && "headers" in value && "body" in value);
}

function statusOf(response: Response): Status {
  if (response.statusText !== "") return `${response.status} ${response.statusText}`;
  return response.status >= 200 && response.status <= 599 ? status(response.status) : `${response.status} Unknown`;
}

function headersOf(response: Response): HeaderList {
  const headers: HeaderList = [];
  for (const [name, value] of response.headers) {
    if (name === "set-cookie" || isHopByHop(name)) continue;
    headers.push([name, value]);
  }
  for (const cookie of response.headers.getSetCookie()) headers.push(["set-cookie", cookie]);
  return headers;
}
