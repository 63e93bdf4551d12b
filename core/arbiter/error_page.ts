/**
 * What a client sees, in development, while the newest code cannot be served: why. Loaded with `--reload` only.
 *
 * For development: the page tells strangers about your code.
 */
import type { App, FetchHandler } from "../gateway/types.ts";
import { choosePage, escapeHtml, type Page } from "../middleware/html_page.ts";
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

const HINT = "The page is back when this is mended and saved.";

function page({ reason, stack = "" }: Breakage, accept: string | undefined): Page {
  return choosePage(accept, {
    title: reason,
    content: `${stack === "" ? "" : `<pre>${escapeHtml(stack)}</pre>\n`}<p>${HINT}</p>`,
    text: `${reason}\n\n${stack === "" ? "" : `${stack}\n\n`}${HINT}\n`,
  });
}
