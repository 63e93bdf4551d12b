/**
 * Mounts an application in a server of node:http, node:https or node:http2, or in what is built on them: Express, Connect.
 *
 * @module
 */
import cluster from "node:cluster";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { recogniseServer } from "../core/gateway/server_info.ts";
import type { App, ServerInfo } from "../core/gateway/types.ts";
import { NodeRequest } from "./node_request.ts";
import { sendResponse } from "./node_response.ts";
import { mountOf, targetOf } from "./node_target.ts";
import { type AdapterOptions, asApp, type FetchApplication, platformGateway } from "./platform.ts";

/**
 * Makes a request listener of a TSGI or Fetch application.
 *
 * - node:http knows everything: the peer's address, the address of the server, the HTTP version, RAW_URI byte for byte. The reason phrase
 *   is sent, `tsgi.early_hints` sends 103, and `tsgi.signal` aborts when the client has gone.
 * - Where Express or Connect mounted it, SCRIPT_NAME is `baseUrl`.
 * - `tsgi.multiprocess` is true in a worker of node:cluster.
 * - A Fetch application gets `{ incoming, outgoing }` after the request, as from `@hono/node-server`.
 *
 * Throws TypeError for what is no application.
 *
 * @example
 * ```ts
 * import { createServer } from "node:http";
 * import { toNode } from "tsgi/node";
 *
 * createServer(toNode(application)).listen(8000);
 * ```
 */
export function toNode(application: App | FetchApplication, options: AdapterOptions = {}): RequestListener {
  const isFetch = typeof application === "object";
  const app = asApp(application, (environ) => [{ incoming: environ["node.incoming"], outgoing: environ["node.outgoing"] }]);
  const handle = platformGateway<Pair, undefined>(app, options, {
    info: (request, pair) => serverInfo(request, pair),
    variables: (_request, pair) => ({ ...mountOf(pair.incoming), ...(isFetch ? { "node.incoming": pair.incoming, "node.outgoing": pair.outgoing } : {}) }),
    gateway: { contentLength: "explicit", statusText: "explicit", rawUrl: true },
  });
  return (incoming, outgoing) => {
    const request = new NodeRequest(incoming, outgoing);
    const response = handle(request as unknown as Request, { incoming, outgoing }, undefined);
    if (response instanceof Response) void sendResponse(response, outgoing);
    else void response.then((late) => sendResponse(late, outgoing));
  };
}

interface Pair {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
}

function serverInfo(request: Request, { incoming, outgoing }: Pair): ServerInfo {
  const known = recogniseServer(request, { incoming, outgoing });
  const { protocol, serverName, serverPort, remoteAddr, remotePort, earlyHints } = known;
  return {
    multiprocess: cluster.isWorker,
    requestTarget: targetOf(incoming),
    ...defined({ protocol, serverName, serverPort, remoteAddr, remotePort, earlyHints }),
  };
}

function defined(info: { readonly [K in keyof ServerInfo]: ServerInfo[K] | undefined }): ServerInfo {
  return Object.fromEntries(Object.entries(info).filter(([, value]) => value !== undefined)) as ServerInfo;
}
