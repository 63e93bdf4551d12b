/** Takes out of text what others should not read in a file that is handed around: queries, and what a name says is secret. */

export const HIDDEN = "[hidden]";

// What stands for a path with a query: up to a blank or a quote.
const QUERY = /(\/[^\s?"'`]*)\?[^\s"'`]*/g;
const HEADER = /\b((?:proxy-)?authorization|(?:set-)?cookie)\b(["']?\s*[:=]\s*)\S.*/gi;
const SCHEME = /\b(bearer|basic|digest)\s+[\w.~+/=-]{8,}/gi;
const NAMED = /([\w-]*(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|credential)[\w-]*)(["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s,;&"'}\])]+)/gi;
const URL_PASSWORD = /(:\/\/[^/?#\s:@]*:)[^/?#\s]*@/g;

/** A log line without secrets, as far as they can be told; `queries` says whether those of URLs may stay. */
export function redact(line: string, queries: boolean): string {
  const shown = queries ? line : line.replace(QUERY, `$1?${HIDDEN}`);
  return shown
    .replace(HEADER, `$1$2${HIDDEN}`)
    .replace(SCHEME, `$1 ${HIDDEN}`)
    .replace(NAMED, `$1$2${HIDDEN}`)
    .replace(URL_PASSWORD, `$1${HIDDEN}@`);
}

/** `GET /a?b=c` without its query. */
export function withoutQuery(requestLine: string): string {
  const at = requestLine.search(/[?#]/);
  return at < 0 ? requestLine : requestLine.slice(0, at);
}
