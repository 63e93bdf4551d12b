import { describeError } from "../gateway/error.ts";
import type { Environ, Middleware } from "../gateway/types.ts";
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
  const isHtml = wantsHtml(environ.HTTP_ACCEPT);
  return {
    status: "500 Internal Server Error",
    headers: [["Content-Type", `text/${isHtml ? "html" : "plain"}; charset=utf-8`]],
    chunks: [(isHtml ? html(environ, description) : text(environ, description)).toWellFormed()],
  };
}

/** Whether an Accept header names HTML. */
export function wantsHtml(accept: string | undefined): boolean {
  return accept?.split(",").some((range) => /^\s*text\/html\s*(?:;(?!\s*q=0(?:\.0*)?\s*$)|$)/i.test(range)) ?? false;
}

function text(environ: Environ, description: string): string {
  return `${description}\n\n${request(environ).map(([key, value]) => `${key}: ${value}`).join("\n")}\n`;
}

function html(environ: Environ, description: string): string {
  const [title = "", ...frames] = description.split("\n");
  const rows = request(environ).map(([key, value]) => `<tr><th>${escapeHtml(key)}</th><td>${escapeHtml(value)}</td></tr>`);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escapeHtml(title)}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem; }
pre { background: #f4f4f4; padding: 1rem; overflow-x: auto; }
th { text-align: left; vertical-align: top; padding-right: 1rem; font-weight: normal; color: #555; }
td { font-family: monospace; word-break: break-all; }
</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
<pre>${escapeHtml(frames.join("\n"))}</pre>
<table>
${rows.join("\n")}
</table>
</body>
</html>
`;
}

/** Credentials are nobody's business, not even in development: pages like this get copied into reports. */
function request(environ: Environ): [key: string, value: string][] {
  return Object.entries(environ)
    .filter(([key, value]) => typeof value === "string" && !/^HTTP_(?:COOKIE|AUTHORIZATION|PROXY_AUTHORIZATION)$/.test(key))
    .map(([key, value]): [string, string] => [key, value as string])
    .sort(([a], [b]) => a < b ? -1 : 1);
}

/** Text as HTML, in an element or an attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
