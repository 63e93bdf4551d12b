import type { Environ } from "./types.ts";

/**
 * Moves one segment from PATH_INFO to SCRIPT_NAME, in place, and returns it; null when there is nothing to move.
 *
 * wsgiref's `shift_path_info` to the letter (SPEC U-3): empty and `.` segments are dropped on the way, except the last; `..` is
 * returned as a name, and takes a segment from SCRIPT_NAME away; `/` alone moves to a trailing slash and returns `""`; `/.`
 * returns null. It rewrites the path, so it is for routing by hand. To mount applications use `dispatcher`, which never does.
 *
 * @example
 * ```ts
 * const environ = { SCRIPT_NAME: "/shop", PATH_INFO: "/cart/items" };
 * shiftPathInfo(environ); // "cart"
 * environ; // { SCRIPT_NAME: "/shop/cart", PATH_INFO: "/items" }
 * ```
 */
export function shiftPathInfo(environ: Pick<Environ, "SCRIPT_NAME" | "PATH_INFO">): string | null {
  const path = environ.PATH_INFO;
  // "*" of OPTIONS and "host:port" of CONNECT are no paths: they have no segments.
  if (!path.startsWith("/")) return null;
  const [, ...segments] = path.split("/");
  const last = segments.pop() ?? "";
  const rest = [...segments.filter((segment) => segment !== "" && segment !== "."), last];
  const name = rest.shift() ?? "";
  const script = normalize(`${environ.SCRIPT_NAME}/${name}`);
  environ.SCRIPT_NAME = name === "" ? `${withoutSlash(script)}/` : withoutSlash(script);
  environ.PATH_INFO = rest.length > 0 ? `/${rest.join("/")}` : "";
  return name === "." ? null : name;
}

/** Python's `posixpath.normpath` of an absolute path. It keeps exactly two leading slashes, as POSIX allows. */
function normalize(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  const root = path.startsWith("//") && !path.startsWith("///") ? "//" : "/";
  return root + segments.join("/");
}

function withoutSlash(path: string): string {
  return path.endsWith("/") ? path.slice(0, -1) : path;
}
