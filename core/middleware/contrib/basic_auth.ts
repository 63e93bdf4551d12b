import type { Body, Environ, Middleware, StartResponse } from "../../gateway/types.ts";

/** Who may enter {@linkcode basicAuth}. */
export interface BasicAuthOptions {
  /** Whether this user may. Compare passwords by a slow hash, or at least in constant time. */
  readonly verify: (user: string, password: string, environ: Environ) => boolean | PromiseLike<boolean>;
  /** What the browser shows; "Restricted" unless given. */
  readonly realm?: string;
}

/**
 * Asks for a user and a password, and sets REMOTE_USER and AUTH_TYPE for those who may enter. Others get a 401; a 400 if what they
 * send is no Basic authorization.
 *
 * Basic authorization is as secret as the connection: use it over HTTPS only.
 *
 * @example
 * ```ts
 * const application = basicAuth({ realm: "Shop", verify: (user, password) => accounts.check(user, password) })(shop);
 * ```
 */
export function basicAuth({ verify, realm = "Restricted" }: BasicAuthOptions): Middleware {
  return (app) => async (environ, startResponse) => {
    const header = environ.HTTP_AUTHORIZATION;
    if (header === undefined) return challenge(startResponse, realm);
    const credentials = parse(header);
    if (credentials === null) return refuse(startResponse);
    if (!await verify(credentials.user, credentials.password, environ)) return challenge(startResponse, realm);
    environ.REMOTE_USER = credentials.user;
    environ.AUTH_TYPE = "Basic";
    return app(environ, startResponse);
  };
}

/** RFC 7617: base64 of UTF-8, cut at the first colon. Null for anything else, and for control characters. */
function parse(header: string): { user: string; password: string } | null {
  const token = /^basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(header)?.[1];
  if (token === undefined) return null;
  try {
    const bytes = Uint8Array.from(atob(token), (character) => character.charCodeAt(0));
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const colon = text.indexOf(":");
    return colon < 0 || /\p{Cc}/u.test(text) ? null : { user: text.slice(0, colon), password: text.slice(colon + 1) };
  } catch {
    // Neither base64 nor UTF-8: the client is told by the 400.
    return null;
  }
}

function challenge(startResponse: StartResponse, realm: string): Body {
  const value = `Basic realm="${realm.replace(/["\\]/g, "\\$&")}", charset="UTF-8"`;
  startResponse("401 Unauthorized", [["Content-Type", "text/plain"], ["WWW-Authenticate", value]]);
  return ["Unauthorized\n"];
}

function refuse(startResponse: StartResponse): Body {
  startResponse("400 Bad Request", [["Content-Type", "text/plain"]]);
  return ["Bad Request\n"];
}
