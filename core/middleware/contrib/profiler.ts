import type { Environ, Middleware } from "../../gateway/types.ts";
import { onEnd } from "../on_end.ts";

/** Where profiles come from and go to: an inspector, `console.profile`, a file. */
export interface ProfilerOptions {
  /** Begins a profile; what it gives ends it, and may give the profile. */
  readonly start: (environ: Environ) => () => unknown;
  /** Takes the finished profile. */
  readonly save: (name: string, profile: unknown) => void | PromiseLike<void>;
  /** Names a profile. It can read `tsgi.profiler`. Method, path, milliseconds and time unless given. */
  readonly filenameFormat?: (environ: Environ) => string;
}

/** `environ["tsgi.profiler"]` for `filenameFormat`. */
export interface Profiled {
  /** Milliseconds since 1970, when the request was over. */
  readonly time: number;
  /** Milliseconds that it took. */
  readonly elapsed: number;
}

/**
 * Profiles each request from the call of the application to the end of its body.
 *
 * For development: it slows everything down, and on an event loop a profile contains whatever ran beside the request.
 *
 * @example
 * ```ts
 * const application = profiler({
 *   start: () => (console.profile(), () => console.profileEnd()),
 *   save: (name) => console.log(`profiled ${name}`),
 * })(shop);
 * ```
 */
export function profiler({ start, save, filenameFormat = usualName }: ProfilerOptions): Middleware {
  return (app) => (environ, startResponse) => {
    const began = performance.now();
    const stop = start(environ);
    return onEnd(app, environ, startResponse, async () => {
      try {
        const profile = await stop();
        const profiled: Profiled = { time: Date.now(), elapsed: performance.now() - began };
        environ["tsgi.profiler"] = profiled;
        await save(filenameFormat(environ), profile);
      } catch (error) {
        environ["tsgi.errors"].write(`Cannot save a profile: ${error instanceof Error ? error.message : String(error)}\n`);
      }
    });
  };
}

/** werkzeug's: `GET.shop.cart.12ms.1763715600`. */
function usualName(environ: Environ): string {
  const { time, elapsed } = environ["tsgi.profiler"] as Profiled;
  const path = environ.PATH_INFO.replace(/^\/+|\/+$/g, "").replace(/[^A-Za-z0-9_-]+/g, ".") || "root";
  return `${environ.REQUEST_METHOD}.${path}.${Math.round(elapsed)}ms.${Math.floor(time / 1000)}`;
}
