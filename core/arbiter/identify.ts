/**
 * Gives each request its identity before anything else sees it, where the settings ask for one. Who is believed: the peers of
 * forwarded-allow-ips, as with the scheme; from anybody else, an id or a trace would be a stranger's text in our logs.
 */
import { makeIdentity, NO_CLAIMS, setIdentity } from "../tracing/request_identity.ts";
import type { Settings } from "../settings/table.ts";
import { withHeader } from "./fetch_answer.ts";
import type { NativeHandler } from "./listener.ts";
import { isTrusted, parseTrusted } from "./networks.ts";
import { peerOf } from "./request_log.ts";

type Wanted = Pick<Settings, "requestId" | "requestIdHeader" | "requestIdResponse" | "forwardedAllowIps">;

/** `handler`, for requests that have a name; itself where nobody wants one. */
export function identified(handler: NativeHandler, { requestId, requestIdHeader: header, requestIdResponse, forwardedAllowIps }: Wanted): NativeHandler {
  if (!requestId) return handler;
  const trusted = parseTrusted(forwardedAllowIps);
  return (request, platform) => {
    const { headers } = request;
    const [id, traceparent] = [headers.get(header), headers.get("traceparent")];
    const isBelieved = (id !== null || traceparent !== null) && isTrusted(trusted, peerOf(request, platform) ?? undefined);
    const identity = makeIdentity(isBelieved ? { id, traceparent, tracestate: headers.get("tracestate") } : NO_CLAIMS);
    setIdentity(request, identity);
    const answer = handler(request, platform);
    if (!requestIdResponse) return answer;
    return answer instanceof Response ? told(answer, identity.id) : answer.then((response) => told(response, identity.id));
  };

  function told(response: Response, id: string): Response {
    // An upgraded connection: Deno ends its server if it gets another Response.
    return response.status === 101 || response.headers.has(header) ? response : withHeader(response, header, id);
  }
}
