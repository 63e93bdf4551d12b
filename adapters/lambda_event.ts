/**
 * What invokes a Lambda over HTTP, read: a function URL or HTTP API (payload 2.0), a REST API (payload 1.0), a load balancer.
 *
 * They differ in what they have decoded: paths and query strings of an HTTP API and of a load balancer are the client's text, the
 * parameters of a REST API are decoded and have to be encoded again.
 */
import { Buffer } from "node:buffer";
import { decodePath } from "../core/gateway/path.ts";
import type { ServerInfo } from "../core/gateway/types.ts";
import type { RequestLike } from "../core/gateway/variables.ts";
import { firstOf } from "./platform.ts";

type Multi = Readonly<Record<string, readonly string[] | undefined>> | null;
type Single = Readonly<Record<string, string | undefined>> | null;

/** The parts of an event that are read. */
export interface HttpEvent {
  readonly version?: string;
  readonly requestContext: {
    readonly http?: { readonly method: string; readonly sourceIp?: string; readonly protocol?: string };
    readonly elb?: unknown;
    readonly identity?: { readonly sourceIp?: string };
    readonly domainName?: string;
    readonly protocol?: string;
    readonly stage?: string;
    /** Of a REST API: with the stage, where the client has it in its URL. */
    readonly path?: string;
  };
  readonly rawPath?: string;
  readonly rawQueryString?: string;
  readonly cookies?: readonly string[];
  readonly httpMethod?: string;
  readonly path?: string;
  readonly headers?: Single;
  readonly multiValueHeaders?: Multi;
  readonly queryStringParameters?: Single;
  readonly multiValueQueryStringParameters?: Multi;
  readonly body?: string | null;
  readonly isBase64Encoded?: boolean;
}

export interface ReadEvent {
  readonly event: HttpEvent;
  readonly kind: "v2" | "v1" | "alb";
  readonly request: RequestLike;
  readonly info: ServerInfo;
  /** Where the application is mounted, if under a stage. */
  readonly mount: { readonly SCRIPT_NAME?: string; readonly PATH_INFO?: string };
}

/** Throws TypeError for an event that is no HTTP request: a schedule's, a queue's. */
export function readEvent(event: unknown): ReadEvent {
  const context = (event as Partial<HttpEvent> | null)?.requestContext;
  const http = event as HttpEvent;
  if (context?.http !== undefined) return readV2(http);
  if (context?.elb !== undefined) return readAlb(http);
  if (context !== undefined && http.httpMethod !== undefined) return readV1(http);
  throw new TypeError("Cannot make a request of this event: expected one of a function URL, an API Gateway or a load balancer, invoke this function through one of them");
}

function readV2(event: HttpEvent): ReadEvent {
  const { requestContext: context, rawPath = "/", rawQueryString = "", cookies = [] } = event;
  const { method, sourceIp = "", protocol = "" } = context.http!;
  const headers = headersOf(event);
  if (cookies.length > 0) headers.set("cookie", cookies.join("; "));
  const path = escaped(rawPath);
  const url = `https://${hostOf(headers, context.domainName)}${path}${rawQueryString === "" ? "" : `?${rawQueryString}`}`;
  const prefix = context.stage === undefined || context.stage === "$default" ? "" : `/${context.stage}`;
  return {
    event,
    kind: "v2",
    request: { url, method, headers, body: bodyOf(event) },
    info: { remoteAddr: sourceIp, protocol, urlScheme: "https" },
    mount: path === prefix || path.startsWith(`${prefix}/`) ? mountAt(prefix, path.slice(prefix.length)) : {},
  };
}

function readV1(event: HttpEvent): ReadEvent {
  const { requestContext: context, httpMethod: method = "GET" } = event;
  const headers = headersOf(event);
  const path = escaped(event.path ?? "/");
  const whole = escaped(context.path ?? event.path ?? "/");
  const prefix = whole.endsWith(path) ? whole.slice(0, whole.length - path.length) : "";
  const query = queryOf(event, encodeURIComponent);
  return {
    event,
    kind: "v1",
    request: { url: `https://${hostOf(headers, context.domainName)}${prefix}${path}${query}`, method, headers, body: bodyOf(event) },
    info: { remoteAddr: context.identity?.sourceIp ?? "", protocol: context.protocol ?? "", urlScheme: "https" },
    mount: mountAt(prefix, path),
  };
}

function readAlb(event: HttpEvent): ReadEvent {
  const headers = headersOf(event);
  const scheme = firstOf(headers.get("x-forwarded-proto")) === "https" ? "https" : "http";
  const port = firstOf(headers.get("x-forwarded-port"));
  // What stands before the last one was the client's to say.
  const remoteAddr = headers.get("x-forwarded-for")?.split(",").at(-1)?.trim() ?? "";
  const url = `${scheme}://${hostOf(headers, undefined)}${escaped(event.path ?? "/")}${queryOf(event, visible)}`;
  return {
    event,
    kind: "alb",
    request: { url, method: event.httpMethod ?? "GET", headers, body: bodyOf(event) },
    info: { remoteAddr, urlScheme: scheme, ...(port === undefined ? {} : { serverPort: port }) },
    mount: {},
  };
}

function mountAt(prefix: string, path: string): ReadEvent["mount"] {
  return prefix === "" ? {} : { SCRIPT_NAME: decodePath(prefix), PATH_INFO: decodePath(path) };
}

function headersOf({ headers, multiValueHeaders }: HttpEvent): Headers {
  const all = new Headers();
  for (const [name, values] of Object.entries(multiValueHeaders ?? {})) {
    const separator = name.toLowerCase() === "cookie" ? "; " : ", ";
    if (values !== undefined) all.set(name, values.join(separator));
  }
  for (const [name, value] of Object.entries(headers ?? {})) if (value !== undefined && !all.has(name)) all.set(name, value);
  return all;
}

/** A load balancer's health check comes without Host. */
function hostOf(headers: Headers, domain: string | undefined): string {
  return headers.get("host") ?? domain ?? "localhost";
}

function queryOf({ queryStringParameters, multiValueQueryStringParameters }: HttpEvent, encode: (text: string) => string): string {
  const pairs = multiValueQueryStringParameters != null
    ? Object.entries(multiValueQueryStringParameters).flatMap(([name, values]) => (values ?? []).map((value) => [name, value] as const))
    : Object.entries(queryStringParameters ?? {}).map(([name, value]) => [name, value ?? ""] as const);
  return pairs.length === 0 ? "" : `?${pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join("&")}`;
}

/** A path that some gateways have decoded: what would end it, or be no URL at all, is escaped again. */
function escaped(path: string): string {
  return visible(path).replace(/[?#]/g, encodeURIComponent);
}

function visible(text: string): string {
  return text.replace(/[^\x21-\x7e]+/gu, (part) => encodeURIComponent(part.toWellFormed()));
}

/** Whole, since that is how it came. */
function bodyOf({ body, isBase64Encoded }: HttpEvent): ReadableStream<Uint8Array<ArrayBuffer>> | null {
  if (body === undefined || body === null || body === "") return null;
  const bytes = Buffer.from(body, isBase64Encoded === true ? "base64" : "utf8");
  return new Response(bytes).body;
}
