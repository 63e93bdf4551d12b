import { isResourceModified } from "../gateway/conditional.ts";
import { getHeader, removeEntityHeaders } from "../gateway/header_list.ts";
import { parseHttpDate } from "../gateway/http_date.ts";
import type { Environ, HeaderList, Middleware } from "../gateway/types.ts";
import { intercept } from "./intercept.ts";

/**
 * Answers 304 where the client's copy is still good: the answer to a GET, HEAD or QUERY is 200, and its ETag or Last-Modified matches
 * If-None-Match or If-Modified-Since. If-None-Match decides alone where both are there. The body is closed unread.
 *
 * It saves the sending, not the making: an application that knows its validators beforehand asks `isResourceModified` itself.
 *
 * @example
 * ```ts
 * const application = compose(conditionalGet(), etag())(shop);
 * ```
 */
export function conditionalGet(): Middleware {
  return (app) => (environ, startResponse) => {
    if (!["GET", "HEAD", "QUERY"].includes(environ.REQUEST_METHOD) || !isConditional(environ)) return app(environ, startResponse);
    return intercept(app, environ, startResponse, ({ status, headers }) => {
      if (!status.startsWith("200") || !isUnmodified(environ, headers)) return undefined;
      removeEntityHeaders(headers);
      return {
        replace: (start) => {
          start("304 Not Modified", headers);
          return [];
        },
      };
    });
  };
}

function isConditional(environ: Environ): boolean {
  return environ.HTTP_IF_NONE_MATCH !== undefined || environ.HTTP_IF_MODIFIED_SINCE !== undefined;
}

function isUnmodified(environ: Environ, headers: HeaderList): boolean {
  // If-Match asks for 412, not 304, and only the application can know what it would have changed.
  if (environ.HTTP_IF_MATCH !== undefined) return false;
  const etag = getHeader(headers, "etag");
  const lastModified = parseHttpDate(getHeader(headers, "last-modified") ?? "");
  return !isResourceModified(environ, { ...(etag === undefined ? {} : { etag }), ...(lastModified === null ? {} : { lastModified }) });
}
