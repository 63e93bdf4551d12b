/** A Response in the forms that Lambda takes. */
import { Buffer } from "node:buffer";
import type { ReadEvent } from "./lambda_event.ts";

/** What a handler returns: the members that the one who invoked it looks for. */
export interface BufferedResult {
  readonly statusCode: number;
  readonly statusDescription?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly multiValueHeaders?: Readonly<Record<string, readonly string[]>>;
  readonly cookies?: readonly string[];
  readonly body: string;
  readonly isBase64Encoded: boolean;
}

/** Rejects with what broke the body. */
export async function bufferedResult(event: ReadEvent, response: Response): Promise<BufferedResult> {
  const head = prelude(event, response);
  const bytes = Buffer.from(await response.arrayBuffer());
  const text = isText(response.headers) ? asText(bytes) : null;
  return { ...head, body: text ?? bytes.toString("base64"), isBase64Encoded: text === null && bytes.length > 0 };
}

/** Status and headers: all of a buffered result but the body, and what goes before a streamed one. */
export function prelude({ kind, event }: ReadEvent, response: Response): Omit<BufferedResult, "body" | "isBase64Encoded"> {
  const cookies = response.headers.getSetCookie();
  const others = [...response.headers].filter(([name]) => name !== "set-cookie");
  const statusCode = response.status;
  if (kind === "v2") return { statusCode, headers: Object.fromEntries(others), ...(cookies.length > 0 ? { cookies } : {}) };
  const multiValueHeaders = Object.fromEntries(others.map(([name, value]): [string, string[]] => [name, [value]]));
  if (cookies.length > 0) multiValueHeaders["set-cookie"] = cookies;
  if (kind === "v1") return { statusCode, multiValueHeaders };
  const statusDescription = `${statusCode} ${response.statusText || "Unknown"}`;
  if (event.multiValueHeaders != null) return { statusCode, statusDescription, multiValueHeaders };
  if (cookies.length > 1) {
    console.error(`Cannot send ${cookies.length} cookies through this load balancer: it takes one value of each header, and got the last; enable lambda.multi_value_headers.enabled on its target group`);
  }
  const last = cookies.at(-1);
  return { statusCode, statusDescription, headers: { ...Object.fromEntries(others), ...(last === undefined ? {} : { "set-cookie": last }) } };
}

const TEXT = /^(?:text\/|application\/(?:[\w.+-]+\+)?(?:json|xml|javascript|x-www-form-urlencoded)\b|image\/svg\+xml\b)/i;

function isText(headers: Headers): boolean {
  return TEXT.test(headers.get("content-type") ?? "") && !headers.has("content-encoding");
}

/** null for bytes that are no UTF-8, whatever their type says. */
function asText(bytes: Buffer): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
