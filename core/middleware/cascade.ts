import type { App, Body, Environ, StartResponse } from "../gateway/types.ts";
import { intercept } from "./intercept.ts";

/**
 * Asks one application after another until one answers with a status that is not in `statuses`; the last answer counts in any case.
 *
 * Each gets its own copy of environ, but they share `tsgi.input`: put what reads it last, or {@linkcode rewindable} in front. What was
 * answered before is closed and never sent, whatever was written to it. Without applications everything is 404.
 *
 * @example
 * ```ts
 * const application = cascade([staticFiles({ "/": "public" })(notFound), shop]);
 * ```
 */
export function cascade(apps: readonly App[], statuses: readonly number[] = [404, 405]): App {
  const skipped = new Set(statuses);
  return (environ, startResponse) => ask(apps, 0, { environ, startResponse, skipped });
}

interface Request {
  readonly environ: Environ;
  readonly startResponse: StartResponse;
  readonly skipped: ReadonlySet<number>;
}

function ask(apps: readonly App[], at: number, request: Request): Body | PromiseLike<Body> {
  const { environ, startResponse, skipped } = request;
  const app = apps[at];
  if (app === undefined) {
    startResponse("404 Not Found", [["Content-Type", "text/plain"]]);
    return ["Not Found\n"];
  }
  const isLast = at === apps.length - 1;
  const own: Environ = { ...environ };
  if (isLast) return app(own, startResponse);
  return intercept(app, own, startResponse, ({ status }) => {
    return skipped.has(Number(status.slice(0, 3))) ? { replace: () => ask(apps, at + 1, request) } : undefined;
  });
}
