/** The runtime's own server without tsgi, and a handler that tells what it was asked. */
import { runtime, serve } from "../core/gateway/live.ts";
import { type Sighting, Sightings } from "./sightings.ts";

export interface Native {
  readonly port: number;
  stop(): Promise<void>;
}

/** Null on Node, whose own server takes no such handler. */
export async function serveNative(): Promise<Native | null> {
  if (runtime === "node") return null;
  const sightings = new Sightings();
  return await serve((request, platform) => {
    const target = targetOf(request.url);
    if (target.startsWith("/-/seen?")) return Response.json(sightings.take(target.slice(8)));
    const { headers } = request;
    const note = sightings.begin(portOf(request, platform), [request.method, target, headers.get("host"), headers.get("x-a")]);
    if (request.body === null) return Response.json(note(""));
    return request.arrayBuffer().then((bytes) => note(String.fromCharCode(...new Uint8Array(bytes))), () => note(null)).then((one: Sighting) => Response.json(one));
  });
}

/** As far as it can be told: what is behind the first authority, which nobody has checked. */
function targetOf(url: string): string {
  return url.replace(/^http:\/\/[^/]*/, "") || "/";
}

function portOf(request: Request, platform: unknown): string {
  const { remoteAddr, requestIP } = platform as { readonly remoteAddr?: { readonly port: number }; requestIP?(request: Request): { readonly port: number } };
  return String(remoteAddr === undefined ? requestIP!.call(platform, request).port : remoteAddr.port);
}
