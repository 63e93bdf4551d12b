import { environSettings, hasUnderscore, makeEnviron } from "./environ.ts";
import type { EnvironOptions } from "./environ.ts";
import { Call } from "./exchange.ts";
import type { Exchange, Gateway, Mode } from "./exchange.ts";
import { kindOf } from "./error.ts";
import { Heads } from "./head.ts";
import { fail, plain, respond } from "./respond.ts";
import { layerServerInfo, platformKind, recogniseServer } from "./server_info.ts";
import type { PlatformKind } from "./server_info.ts";
import { makeStartResponse } from "./start_response.ts";
import { splitTarget } from "./target.ts";
import type { TargetRules } from "./target.ts";
import { mountedPath } from "./variables.ts";
import type { App, Environ, HeaderList, ServerInfo } from "./types.ts";

export type { Exchange };

/** What the public `toFetch` takes, and what the server needs besides. */
export interface GatewayOptions extends EnvironOptions {
  /** A function replaces what the platform is recognised by; an object goes before it, member by member (SPEC F-2). */
  readonly server?: ServerInfo | ((request: Request, argument: unknown, context: unknown) => ServerInfo);
  /** Whether `server` may tell a requestTarget where Deno.serve or Bun.serve itself calls the handler. By default so if it is given. */
  readonly knowsTarget?: boolean;
  /** The scheme of the listener, where `server` is a function: an absolute-form target that claims another is refused. */
  readonly scheme?: "http" | "https";
  /** Told of every error that is logged. */
  readonly onError?: (error: unknown, environ: Environ) => void;
  /**
   * Who writes Content-Length and the reason phrase: the gateway into the Response (`explicit`), or the native server on the wire
   * (`runtime`, the faster one). By default `runtime` if Deno.serve or Bun.serve itself calls the handler.
   */
  readonly contentLength?: "explicit" | "runtime";
  readonly statusText?: "explicit" | "runtime";
  /** Whether `request.url` is the client's raw text, to be compared with Host. By default so if Deno.serve itself calls the handler. */
  readonly rawUrl?: boolean;
  /** What answers are made of, by default the platform's Response: anything that the server can send. */
  readonly Response?: typeof Response;
  /** Headers for every answer that does not set them itself. */
  readonly responseHeaders?: HeaderList;
  /** Prints whole lines of `tsgi.errors`, where `errors` is not given; console.error by default. */
  readonly print?: (lines: string, request: Request | null) => void;
  /** Nobody reads the body of a Response but the native server: what was sent can be thrown away. */
  readonly isLast?: boolean;
  /** Told of each request that is answered with 400 in the application's place, and why. */
  readonly refused?: (request: Request, platform: unknown, why: "target" | "underscore") => void;
  /** Called when a Response with a stream is made, and before it goes to the server: `finished` follows when the stream has ended. */
  readonly streaming?: (exchange: Exchange, response: Response) => void;
  /** Called once for each request when its response is over; before the Response is returned if the body was an Array. */
  readonly finished?: (exchange: Exchange) => void;
  /** Read when a request comes, for {@linkcode Exchange.since}. */
  readonly clock?: () => number;
}

/** A handler for the native servers, and for whatever else passes at most two arguments of its own. Never throws or rejects. */
export type GatewayHandler = (request: Request, platform?: unknown, context?: unknown) => Response | Promise<Response>;

/**
 * Serves `app` to Fetch: what `toFetch` and the server are built on.
 *
 * Throws TypeError or {@linkcode TsgiError} for options that could not work for any request.
 */
export function createGateway(app: App, options: GatewayOptions = {}): GatewayHandler {
  if (typeof app !== "function") throw new TypeError(`Cannot serve ${kindOf(app)}: expected an application, (environ, startResponse) => body`);
  const gateway = settle(options);
  const { scriptName, underscoreHeaders } = gateway.environ;
  const looksFirst = scriptName !== "" || underscoreHeaders === "refuse";
  const modes: Record<PlatformKind, Mode & TargetRules> = { deno: modeOf("deno", options), bun: modeOf("bun", options), other: modeOf("other", options) };

  return function handle(request, platform, context) {
    const mode = modes[platformKind(platform)];
    const { url } = request;
    const pathStart = splitTarget(url, request, mode);
    const call = new Call(gateway, mode, request, pathStart < 0 ? roughStart(url) : pathStart, platform, context);
    if (gateway.clock !== null) call.since = gateway.clock();
    call.environ = makeEnviron(call);
    if (pathStart < 0) {
      options.refused?.(request, platform, "target");
      return plain(call, 400, null);
    }
    if (looksFirst) {
      if (underscoreHeaders === "refuse" && hasUnderscore(request.headers)) {
        options.refused?.(request, platform, "underscore");
        return plain(call, 400, null);
      }
      if (mountedPath(call) === null) return plain(call, 404, null);
    }
    let body: unknown;
    try {
      body = app(call.environ, makeStartResponse(call));
    } catch (error) {
      return fail(call, error);
    }
    return respond(call, body);
  };
}

function settle(options: GatewayOptions): Gateway {
  const { server, errors = null, print = null, onError = null, streaming = null, finished = null, clock = null, responseHeaders = [], isLast = false, Response = globalThis.Response } = options;
  return { environ: environSettings(options), heads: new Heads(responseHeaders), errors, print, onError, streaming, finished, clock, isLast, Response, serverInfo: serverInfoOf(server) };
}

function serverInfoOf(server: GatewayOptions["server"]): Gateway["serverInfo"] {
  if (server === undefined) return recogniseServer;
  if (typeof server === "function") return server;
  return (request, argument, context) => layerServerInfo(server, recogniseServer(request, argument, context));
}

function modeOf(kind: PlatformKind, options: GatewayOptions): Mode & TargetRules {
  const byDefault = kind === "other" ? "explicit" : "runtime";
  const isRaw = options.rawUrl ?? kind === "deno";
  return {
    isRaw,
    knowsTarget: kind === "other" || (options.knowsTarget ?? options.server !== undefined),
    isNative: (options.contentLength ?? byDefault) === "runtime",
    hasReason: (options.statusText ?? byDefault) === "explicit",
    copies: kind === "bun",
    raw: isRaw,
    noHost: options.noHost,
    scheme: options.scheme ?? (typeof options.server === "object" ? options.server.urlScheme : undefined),
  };
}

/** Where the path may begin in a URL that is refused: good enough for a log. */
function roughStart(url: string): number {
  const slash = url.indexOf("/", url.startsWith("/") ? 0 : 8);
  return slash < 0 ? url.length : slash;
}
