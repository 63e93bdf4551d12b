/**
 * What a client sees, in development, while the newest code cannot be served: why. Loaded with `--reload` only.
 *
 * For development: the page tells strangers about your code.
 */
import type { App, FetchHandler } from "../gateway/types.ts";
import { escapeHtml, wantsHtml } from "../middleware/show_errors.ts";
import type { Application } from "./application.ts";
import type { Breakage } from "./message.ts";

/** Serves `application`, or, while `breakage` says something, a page about that. */
export function orErrorPage(application: Application, breakage: () => Breakage | null): Application {
  if (application.kind === "tsgi") {
    const { app } = application;
    return { ...application, app: (environ, startResponse) => {
      const found = breakage();
      return found === null ? app(environ, startResponse) : errorApp(found)(environ, startResponse);
    } };
  }
  const { fetch } = application;
  return { ...application, fetch: (request, ...platform) => {
    const found = breakage();
    return found === null ? fetch(request, ...platform) : errorFetch(found)(request);
  } };
}

/** An application in place of one that could not be loaded: every answer is 500 and says why. */
export function errorApplication(breakage: Breakage): Application {
  return { kind: "tsgi", app: errorApp(breakage) };
}

function errorApp(breakage: Breakage): App {
  return (environ, startResponse) => {
    const { type, text } = page(breakage, environ.HTTP_ACCEPT);
    startResponse("500 Internal Server Error", [["Content-Type", type], ["Cache-Control", "no-store"]]);
    return [text];
  };
}

function errorFetch(breakage: Breakage): FetchHandler {
  return (request) => {
    const { type, text } = page(breakage, request.headers.get("accept") ?? undefined);
    return new Response(text, { status: 500, headers: { "content-type": type, "cache-control": "no-store" } });
  };
}

function page({ reason, stack = "" }: Breakage, accept: string | undefined): { readonly type: string; readonly text: string } {
  const isHtml = wantsHtml(accept);
  return { type: `text/${isHtml ? "html" : "plain"}; charset=utf-8`, text: (isHtml ? html(reason, stack) : plain(reason, stack)).toWellFormed() };
}

const HINT = "The page is back when this is mended and saved.";

function plain(reason: string, stack: string): string {
  return `${reason}\n\n${stack === "" ? "" : `${stack}\n\n`}${HINT}\n`;
}

function html(reason: string, stack: string): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${escapeHtml(reason)}</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem; }
h1 { font-size: 1.25rem; color: #a00; }
pre { background: #f4f4f4; padding: 1rem; overflow-x: auto; }
</style>
</head>
<body>
<h1>${escapeHtml(reason)}</h1>
${stack === "" ? "" : `<pre>${escapeHtml(stack)}</pre>\n`}<p>${HINT}</p>
</body>
</html>
`;
}
