import { status as statusOf } from "../../gateway/status.ts";
import type { HeaderList, Middleware, Status } from "../../gateway/types.ts";
import { recover, type Recovery } from "../recover.ts";

/** What an application may throw. */
export interface HttpError {
  /** A code, or a whole status line. */
  readonly status: number | Status;
  /** The body; the reason phrase unless given. */
  readonly message?: string;
  /** For a redirect. */
  readonly location?: string;
}

/**
 * Answers thrown objects that have a `status` from 300 to 599: with their `message` as text, and their `location` as the header. Whatever
 * else is thrown goes on, and becomes a 500.
 *
 * @example
 * ```ts
 * const application = httpErrors()((environ, startResponse) => {
 *   if (environ.REMOTE_USER === undefined) throw { status: 403, message: "Members only\n" };
 *   return members(environ, startResponse);
 * });
 * ```
 */
export function httpErrors(): Middleware {
  return (app) => (environ, startResponse) => recover(app, environ, startResponse, (error) => isHttpError(error) ? answer(error) : null);
}

function isHttpError(error: unknown): error is HttpError {
  if (typeof error !== "object" || error === null || !("status" in error)) return false;
  const { status } = error;
  if (typeof status === "string") return /^[345]\d\d [\x20-\x7e]*$/.test(status);
  return Number.isInteger(status) && Number(status) >= 300 && Number(status) <= 599;
}

function answer({ status, message, location }: HttpError): Recovery {
  const line = typeof status === "number" ? statusOf(status) : status;
  const headers: HeaderList = location === undefined ? [] : [["Location", location]];
  if (line.startsWith("304")) return { status: line, headers, chunks: [] };
  return { status: line, headers: [["Content-Type", "text/plain; charset=utf-8"], ...headers], chunks: [(message ?? line.slice(4)).toWellFormed()] };
}
