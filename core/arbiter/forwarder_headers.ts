/**
 * Headers with `_` in their names by which a trusted proxy tells what no client may: gunicorn's `forwarder_headers`. A key of environ that is
 * named so comes from there alone: the header with `-` that a client could send in its place is not looked at.
 *
 * The gateway drops names with `_`, and has no request for who asks later; but it calls the application before it returns.
 */
import type { App, Environ } from "../gateway/types.ts";
import { isTrusted, type Trusted } from "./networks.ts";

export interface ForwarderOptions {
  /** As environ has them, without HTTP_: `REMOTE_USER`. */
  readonly names: readonly string[];
  readonly trusted: Trusted;
  /** Answer 400 to all other headers with `_`, as `header-map` says. */
  readonly refuses: boolean;
}

export class ForwarderHeaders {
  readonly #names: readonly string[];
  readonly #options: ForwarderOptions;
  #request: Request | null = null;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#names = options.names.map((name) => name.toUpperCase());
  }

  /** The request whose application is called next. */
  next(request: Request): void {
    this.#request = request;
  }

  around(app: App): App {
    return (environ, startResponse) => {
      const { headers } = this.#request!;
      const isBelieved = isTrusted(this.#options.trusted, environ.REMOTE_ADDR);
      if (this.#options.refuses && this.#hasOthers(headers, isBelieved)) return refuse(startResponse, "400 Bad Request");
      for (const name of this.#names) {
        const value = isBelieved ? headers.get(name.toLowerCase()) : null;
        if (name !== "SCRIPT_NAME") put(environ, `HTTP_${name}`, value);
        else if (value !== null && !mount(environ, value)) return refuse(startResponse, "404 Not Found");
      }
      return app(environ, startResponse);
    };
  }

  #hasOthers(headers: Headers, isBelieved: boolean): boolean {
    return [...headers.keys()].some((name) => name.includes("_") && !(isBelieved && this.#names.includes(name.toUpperCase())));
  }
}

function put(environ: Environ, key: string, value: string | null): void {
  if (value === null) delete (environ as Record<string, unknown>)[key];
  else (environ as Record<string, unknown>)[key] = value;
}

/** False if the request's path is not below `scriptName`. */
function mount(environ: Environ, scriptName: string): boolean {
  const path = environ.SCRIPT_NAME + environ.PATH_INFO;
  const rest = path.slice(scriptName.length);
  const isBelow = path.startsWith(scriptName) && (rest === "" || rest.startsWith("/")) && (scriptName === "" || /^\/.*[^/]$/.test(scriptName));
  if (!isBelow) return false;
  environ.SCRIPT_NAME = scriptName;
  environ.PATH_INFO = rest;
  return true;
}

function refuse(startResponse: Parameters<App>[1], status: "400 Bad Request" | "404 Not Found"): readonly string[] {
  startResponse(status, [["Content-Type", "text/plain; charset=utf-8"]]);
  return [`${status.slice(4)}\n`];
}
