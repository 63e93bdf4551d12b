import type { Environ, HeaderList, Middleware } from "../gateway/types.ts";

/**
 * Sends a 103 with these Link headers before the application runs, so that the browser fetches while it works. Where the platform cannot
 * send one it does nothing.
 *
 * `links` are values of Link headers, or a function that chooses them for a request.
 *
 * @example
 * ```ts
 * const application = earlyHints(["</style.css>; rel=preload; as=style"])(shop);
 * ```
 */
export function earlyHints(links: readonly string[] | ((environ: Environ) => readonly string[])): Middleware {
  return (app) => (environ, startResponse) => {
    const send = environ["tsgi.early_hints"];
    if (send !== undefined) {
      const headers: HeaderList = (typeof links === "function" ? links(environ) : links).map((link) => ["Link", link]);
      // A hint that cannot be sent is no reason not to answer.
      if (headers.length > 0) Promise.resolve(send(headers)).catch((error: unknown) => tell(environ, error));
    }
    return app(environ, startResponse);
  };
}

function tell(environ: Environ, error: unknown): void {
  environ["tsgi.errors"].write(`Cannot send early hints: ${error instanceof Error ? error.message : String(error)}\n`);
}
