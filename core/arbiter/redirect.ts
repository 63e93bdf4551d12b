/** `--redirect-http`: who comes over plain HTTP is sent to the same URL over https, with the same method and body. */
import type { FetchHandler } from "../gateway/types.ts";
import { plainAnswer } from "./fetch_answer.ts";

export interface RedirectOptions {
  /** Where https is served. */
  readonly port: number;
  /** The authority of `request.url` that means: the client sent no Host. */
  readonly noHost: () => string | null;
}

/** For requests whose URL has been found to begin with `http://` and a plain host. */
export function redirectToHttps({ port, noHost }: RedirectOptions): FetchHandler {
  const suffix = port === 443 ? "" : `:${port}`;
  return ({ url }) => {
    const [, authority = "", target = ""] = /^http:\/\/([^/?#]*)([^#]*)/.exec(url) ?? [];
    if (authority === "" || authority === noHost()) return plainAnswer(400, "Bad Request\n");
    const location = `https://${authority.replace(/:\d+$/, "")}${suffix}${target.startsWith("/") ? "" : "/"}${target}`;
    return plainAnswer(308, `Moved to ${location}\n`, { location });
  };
}
