import { fileWrapper } from "../../gateway/file_wrapper.ts";
import { deleteHeader, setHeader } from "../../gateway/header_list.ts";
import { encodePath } from "../../gateway/path.ts";
import type { Environ, FileSource, Middleware } from "../../gateway/types.ts";
import { intercept } from "../intercept.ts";

/** How the server in front wants to be told of a file. */
export interface SendfileOptions {
  /** nginx: X-Accel-Redirect; Apache with mod_xsendfile: X-Sendfile. Without it nothing is done. */
  readonly type?: "X-Sendfile" | "X-Lighttpd-Send-File" | "X-Accel-Redirect";
  /** For X-Accel-Redirect: directories of files and the internal locations that show them. */
  readonly mappings?: readonly (readonly [directory: string, location: string])[];
}

/**
 * Lets the server in front send files: where the application returns `tsgi.file_wrapper` of a source that has a `path`, as `staticFiles`
 * does, the answer is a header with that path and no body. Whole files only; parts are sent here.
 *
 * What request headers say of it is not heard: whoever could choose the type or a mapping could read any file.
 *
 * @example
 * ```ts
 * const application = sendfile({ type: "X-Accel-Redirect", mappings: [["/srv/files/", "/internal/"]] })(shop);
 * ```
 */
export function sendfile({ type, mappings = [] }: SendfileOptions): Middleware {
  if (type === undefined) return (app) => app;
  return (app) => (environ, startResponse) => {
    const paths = notePaths(environ);
    return intercept(app, environ, startResponse, ({ status, headers, body }) => {
      const path = body === null || !status.startsWith("200") ? undefined : paths.get(body);
      const value = path === undefined ? null : type === "X-Accel-Redirect" ? location(path, mappings) : plain(path);
      if (value === null) return undefined;
      deleteHeader(headers, "Content-Length");
      setHeader(headers, type, value);
      return {
        replace: (start) => {
          start(status, headers);
          return [];
        },
      };
    });
  };
}

/** The paths of the bodies that will be made by `tsgi.file_wrapper`. */
function notePaths(environ: Environ): WeakMap<object, string> {
  const paths = new WeakMap<object, string>();
  const wrap = environ["tsgi.file_wrapper"] ?? fileWrapper;
  environ["tsgi.file_wrapper"] = (source: FileSource, blockSize?: number) => {
    const body = blockSize === undefined ? wrap(source) : wrap(source, blockSize);
    if ("path" in source && typeof source.path === "string") paths.set(body, source.path);
    return body;
  };
  return paths;
}

function location(path: string, mappings: readonly (readonly [string, string])[]): string | null {
  const found = mappings.find(([directory]) => path.startsWith(directory));
  return found === undefined ? null : encodePath(found[1] + path.slice(found[0].length));
}

/** A path that no header can carry is sent here. */
function plain(path: string): string | null {
  return /^[\x20-\x7e]+$/.test(path) ? path : null;
}
