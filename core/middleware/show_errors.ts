import { describeError } from "../gateway/error.ts";
import type { Environ, Middleware } from "../gateway/types.ts";
import { choosePage, escapeHtml } from "./html_page.ts";
import { recover, type Recovery } from "./recover.ts";

/**
 * Answers what the application throws with a page that shows it, stack and request included: HTML where Accept names it, else text.
 * The stack goes to `tsgi.errors` too. What was sent already is broken off.
 *
 * For development only: the page tells strangers about your code.
 *
 * @example
 * ```ts
 * const application = showErrors()(shop);
 * ```
 */
export function showErrors(): Middleware {
  return (app) => (environ, startResponse) => recover(app, environ, startResponse, (error) => page(environ, error));
}

function page(environ: Environ, error: unknown): Recovery {
  const description = describeError(error);
  environ["tsgi.errors"].write(`${description}\n`);
  const [title = "", ...frames] = description.split("\n");
  const facts = request(environ);
  const rows = facts.map(([key, value]) => `<tr><th>${escapeHtml(key)}</th><td>${escapeHtml(value)}</td></tr>`);
  const { type, text } = choosePage(environ.HTTP_ACCEPT, {
    title,
    content: `<pre>${escapeHtml(frames.join("\n"))}</pre>\n<table>\n${rows.join("\n")}\n</table>`,
    text: `${description}\n\n${facts.map(([key, value]) => `${key}: ${value}`).join("\n")}\n`,
  });
  return { status: "500 Internal Server Error", headers: [["Content-Type", type]], chunks: [text] };
}

/** Credentials are nobody's business, not even in development: pages like this get copied into reports. */
function request(environ: Environ): [key: string, value: string][] {
  return Object.entries(environ)
    .filter(([key, value]) => typeof value === "string" && !/^HTTP_(?:COOKIE|AUTHORIZATION|PROXY_AUTHORIZATION)$/.test(key))
    .map(([key, value]): [string, string] => [key, value as string])
    .sort(([a], [b]) => a < b ? -1 : 1);
}
