import { checkHeaders } from "./head.ts";
import type { EarlyHints, HeaderTuple } from "./types.ts";

/** What the hints depend on. */
interface HintScope {
  readonly isCommitted: boolean;
  readonly info: { readonly protocol?: string };
}

/**
 * `tsgi.early_hints` over the platform's own way to send a 103 (SPEC ). Throws what startResponse would throw for such headers,
 * before anything is sent. After commit, and to a client of HTTP/1.0, which knows no 1xx, nothing is sent.
 */
export function earlyHints(send: EarlyHints, scope: HintScope): EarlyHints {
  return (headers) => {
    const checked = checkHeaders(headers);
    if (scope.isCommitted || scope.info.protocol === "HTTP/1.0") return;
    return send(checked.map(([name, value]): HeaderTuple => [name, value]));
  };
}
