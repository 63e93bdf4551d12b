import type { App, Environ } from "../gateway/types.ts";

interface Mount {
  /** In lower case; null for any. */
  readonly host: string | null;
  /** "" for the root. */
  readonly prefix: string;
  readonly app: App;
}

/**
 * Mounts applications under path prefixes, and leaves the rest to `app`.
 *
 * A key is `/prefix` or `http://host/prefix`; the longest that matches whole segments of PATH_INFO wins, and one with a host before any
 * without. What matched moves from PATH_INFO to the end of SCRIPT_NAME, and stays there: SCRIPT_NAME and PATH_INFO together never
 * change. Hosts compare without case and port against HTTP_HOST, or SERVER_NAME where there is none. Prefixes are text, not
 * percent-encoded: `/café`.
 *
 * Throws `SyntaxError` for any other key.
 *
 * @example
 * ```ts
 * const application = dispatcher(site, { "/api": api, "http://admin.example.org/": admin });
 * ```
 */
export function dispatcher(app: App, mounts: Readonly<Record<string, App>>): App {
  const sorted = Object.entries(mounts).map(([key, mounted]) => parse(key, mounted)).sort(before);
  return (environ, startResponse) => {
    const host = hostOf(environ);
    const mount = sorted.find((each) => matches(each, host, environ.PATH_INFO));
    if (mount === undefined) return app(environ, startResponse);
    environ.SCRIPT_NAME += mount.prefix;
    environ.PATH_INFO = environ.PATH_INFO.slice(mount.prefix.length);
    return mount.app(environ, startResponse);
  };
}

function parse(key: string, app: App): Mount {
  const found = /^(?:https?:\/\/(\[[^\]/]+\]|[^:/]+)(?=\/|$))?((?:\/.*)?)$/is.exec(key);
  const [, host, path = ""] = found ?? [];
  if (found === null || key === "") {
    throw new SyntaxError(`Cannot mount at ${JSON.stringify(key)}: expected "/prefix" or "http://host/prefix", the host without a port`);
  }
  return { host: host?.toLowerCase() ?? null, prefix: path.replace(/\/+$/, ""), app };
}

function before(a: Mount, b: Mount): number {
  return Number(b.host !== null) - Number(a.host !== null) || b.prefix.length - a.prefix.length;
}

function hostOf(environ: Environ): string {
  return (environ.HTTP_HOST || environ.SERVER_NAME).toLowerCase().replace(/:\d*$/, "");
}

function matches({ host, prefix }: Mount, wanted: string, path: string): boolean {
  if (host !== null && host !== wanted) return false;
  return path === prefix || path.startsWith(`${prefix}/`);
}
