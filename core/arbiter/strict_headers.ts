/**
 * `strict-headers`: what the native servers let through of the headers, and an origin server should not.
 *
 * - Host: exactly one, and a plain authority (RFC 9112 3.2). Bun takes the first of two, Deno takes none.
 * - Transfer-Encoding: chunked alone, else 501: Deno hands `gzip, chunked` out without its chunks, as gzip that nobody announces.
 * - Content-Type: one. Two are joined with a comma, and everybody reads that otherwise.
 * - Expect: 100-continue, else 417 (RFC 9110 10.1.1).
 * - secureSchemeHeaders of a trusted proxy: none that contradicts another, as in gunicorn.
 * - Values: no control character. Bun takes DEL.
 */
import { isPlainAuthority } from "../gateway/target.ts";
import type { Settings } from "../settings/table.ts";
import { forwardedScheme } from "./forwarded.ts";
import type { Check } from "./gate.ts";
import { isTrusted, parseTrusted } from "./networks.ts";
import { firstRefusal, quoted, type Refusal } from "./refusals.ts";
import { peerOf } from "./request_log.ts";

export interface StrictOptions extends Pick<Settings, "forwardedAllowIps" | "secureSchemeHeaders"> {
  /** What stands for Host in the URL of a request that has none. */
  readonly madeUpHost: () => string | null;
}

const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;
const QUOTED_STRING = /"(?:[^"\\]|\\.)*"/g;

export function strictHeaders({ forwardedAllowIps, secureSchemeHeaders, madeUpHost }: StrictOptions): Check {
  const trusted = parseTrusted(forwardedAllowIps);
  const secure = Object.entries(secureSchemeHeaders);
  return (request, platform) => {
    const { headers, url } = request;
    const contradicts = () => forwardedScheme((name) => headers.get(name), secure) === "contradictory" && isTrusted(trusted, peerOf(request, platform) ?? undefined);
    return checkHost(headers.get("host"), url, madeUpHost()) ?? checkValues(headers) ??
      (contradicts() ? { status: 400, why: "scheme", reason: "Contradictory scheme headers" } : null);
  };
}

/** HTTP/2 has no Host, and says it in the URL. */
function checkHost(host: string | null, url: string, madeUp: string | null): Refusal | null {
  if (host === null) return madeUp !== null && url.startsWith(madeUp, url.indexOf("://") + 3) ? { status: 400, why: "host", reason: "No Host" } : null;
  return isPlainAuthority(host) ? null : { status: 400, why: "host", reason: `Invalid Host: ${quoted(host)}` };
}

function checkValues(headers: Headers): Refusal | null {
  return firstRefusal(headers, (value, name) => {
    if (CONTROL.test(value)) return { status: 400, why: "header", reason: `Invalid HTTP Header: ${quoted(name)} has a control character` };
    return CHECKS[name]?.(value) ?? null;
  });
}

const CHECKS: Readonly<Record<string, (value: string) => Refusal | null>> = Object.assign(Object.create(null), {
  "transfer-encoding": (value) => value.trim().toLowerCase() === "chunked" ? null : { status: 501, why: "coding", reason: `Unsupported transfer coding: ${quoted(value)}` },
  "content-type": (value) => value.replace(QUOTED_STRING, "").includes(",") ? { status: 400, why: "header", reason: `Invalid HTTP Header: ${quoted("content-type")} came twice` } : null,
  expect: (value) => value.toLowerCase() === "100-continue" ? null : { status: 417, why: "expectation", reason: `Unknown expectation: ${quoted(value)}` },
} satisfies Record<string, (value: string) => Refusal | null>);
