import { getHeader, hasHeader, removeEntityHeaders } from "../../gateway/header_list.ts";
import type { App, Body, Environ, HeaderList, Middleware, StartResponse, Status } from "../../gateway/types.ts";
import { intercept } from "../intercept.ts";

/** By status code: an application that makes the document, or the path at which the wrapped application has it. */
export type ErrorDocuments = Readonly<Record<number, App | string>>;

/**
 * Gives answers of these statuses another body: that of the document. The status stays, and so do the headers that do not describe the
 * body. The document is asked for with GET; for a file, export it by `staticFiles` and name its path.
 *
 * An error in the document's place is not replaced again.
 *
 * @example
 * ```ts
 * const application = errorDocument({ 404: "/errors/404.html", 500: sorry })(shop);
 * ```
 */
export function errorDocument(documents: ErrorDocuments): Middleware {
  return (app) => (environ, startResponse) => {
    const original: Environ = { ...environ };
    return intercept(app, environ, startResponse, ({ status, headers }) => {
      const document = documents[Number(status.slice(0, 3))];
      if (document === undefined) return undefined;
      return { replace: (start) => render(document, { app, environ: original, status, headers }, start) };
    });
  };
}

interface Failure {
  readonly app: App;
  readonly environ: Environ;
  readonly status: Status;
  readonly headers: HeaderList;
}

const DESCRIBES_BODY = ["content-type", "content-length", "content-encoding", "content-language"];

function render(document: App | string, { app, environ, status, headers }: Failure, start: StartResponse): Body | PromiseLike<Body> {
  const inner: Environ = { ...environ, REQUEST_METHOD: environ.REQUEST_METHOD === "HEAD" ? "HEAD" : "GET" };
  // What was asked of the one does not hold for the other.
  for (const key of Object.keys(inner)) if (/^HTTP_(?:IF_.*|RANGE)$|^CONTENT_(?:TYPE|LENGTH)$/.test(key)) delete inner[key];
  if (typeof document === "string") Object.assign(inner, { PATH_INFO: document, QUERY_STRING: "" });
  const call = typeof document === "string" ? app : document;
  return call(inner, (_status, own, ...rest) => {
    const kept: HeaderList = headers.map(([name, value]) => [name, value]);
    removeEntityHeaders(kept);
    for (const name of DESCRIBES_BODY) if (hasHeader(own, name)) kept.push([name, getHeader(own, name)!]);
    return start(status, kept, ...rest);
  });
}
