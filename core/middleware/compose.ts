import type { Middleware } from "../gateway/types.ts";

/**
 * Makes one middleware of several. The first is the outermost; all of them share one environ.
 *
 * @example
 * ```ts
 * const application = compose(accessLog(), proxyFix(), timeout(30_000))(shop);
 * ```
 */
export function compose(...middleware: Middleware[]): Middleware {
  return (app) => middleware.reduceRight((inner, wrap) => wrap(inner), app);
}
