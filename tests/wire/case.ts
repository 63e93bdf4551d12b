/**
 * What a case of the corpus is. The rules are those of RFC 9110 and RFC 9112; the requests are our own.
 *
 * A request that the application saw is one line: method, target, Host, what came as X-A, and the body, as JSON.
 */
export type Area = "line" | "target" | "method" | "version" | "host" | "fields" | "length" | "coding" | "chunks" | "trailers" | "connection" | "limits";

export interface Case {
  readonly id: string;
  readonly area: Area;
  readonly claim: string;
  /** What is sent, a character a byte. */
  readonly raw: string;
  /**
   * What a strict origin server does: the requests that the application sees, in order; nothing, and an answer from 400 up or the end of the
   * connection (`refuse`); or either of the two, where the RFC leaves it open.
   */
  readonly expect: readonly Seen[] | "refuse";
  readonly orRefuse?: true;
  /** Read wrong, it would let a request through that somebody in front has not seen: what follows on the connection is not served either. */
  readonly smuggles?: true;
  /** Answers to wait for before the next request is sent; 1 if absent. */
  readonly answers?: number;
}

/** What the application sees. Of an absent Host or X-A: null. */
export type Seen = readonly [method: string, target: string, host: string | null, a: string | null, body: string];

export interface More {
  readonly host?: string | null;
  readonly a?: string;
  readonly body?: string;
}

export function seen(method: string, target: string, { host = "h", a, body = "" }: More = {}): Seen {
  return [method, target, host, a ?? null, body];
}

export const H = "Host: h\r\n";
export const CHUNKED = "Transfer-Encoding: chunked\r\n";
/** A whole request, for where a wrong reading of what is before it would find one. */
export const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";

export function get(fields = "", target = "/"): string {
  return `GET ${target} HTTP/1.1\r\n${H}${fields}\r\n`;
}

export function post(fields: string, body = ""): string {
  return `POST / HTTP/1.1\r\n${H}${fields}\r\n${body}`;
}

export function chunked(body: string): string {
  return post(CHUNKED, body);
}
