import type { Middleware } from "../gateway/types.ts";
import { intercept } from "./intercept.ts";

/**
 * Empties the answers to HEAD: their bodies are closed unread, and their headers stay.
 *
 * Every TSGI gateway does so itself. This is for CGI-like ones, and for middleware outside that must not see a body.
 *
 * @example
 * ```ts
 * const application = head()(shop);
 * ```
 */
export function head(): Middleware {
  return (app) => (environ, startResponse) => {
    if (environ.REQUEST_METHOD !== "HEAD") return app(environ, startResponse);
    return intercept(app, environ, startResponse, ({ status, headers }) => ({
      replace: (start) => {
        start(status, headers);
        return [];
      },
    }));
  };
}
