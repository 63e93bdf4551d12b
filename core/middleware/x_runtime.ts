import { hasHeader } from "../gateway/header_list.ts";
import type { Middleware } from "../gateway/types.ts";
import { intercept } from "./intercept.ts";

/**
 * Adds `X-Runtime`, or `X-Runtime-` and `suffix`: the seconds until the application had its answer, or its first chunk. A header of that
 * name stays.
 *
 * @example
 * ```ts
 * const application = compose(xRuntime("All"), cache, xRuntime("Shop"))(shop);
 * ```
 */
export function xRuntime(suffix?: string): Middleware {
  const name = suffix === undefined ? "X-Runtime" : `X-Runtime-${suffix}`;
  return (app) => (environ, startResponse) => {
    const began = performance.now();
    return intercept(app, environ, startResponse, ({ headers }) => {
      if (!hasHeader(headers, name)) headers.push([name, ((performance.now() - began) / 1000).toFixed(6)]);
      return undefined;
    });
  };
}
