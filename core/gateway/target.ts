/**
 * Where the request-target begins in `request.url`, and whether the URL can be believed at all.
 *
 * Deno makes `request.url` by writing "http://", the Host header and the target one after the other, and looks at neither: `GET /public`
 * with `Host: h\admin`, `h/admin` or `h?x=` gives a URL that a URL parser reads as another path than the one a proxy in front has seen,
 * and an absolute-form target puts the client's own scheme and authority there. Bun gives a bare `/path` where Host is no host.
 * So the authority has to be a plain host[:port], the path is cut from the text behind it, never taken from `new URL()`, and where the
 * slice could be wrong it is compared with the Host header. Reading headers costs a fifth of a small request, so it happens only
 *
 * - for an authority that has not been seen yet, which is then remembered, so that everything accepted has once been a real Host;
 * - where a second slash leaves open on which side of it Host ended.
 *
 * Else Host, which contains no slash, can only be the slice.
 */

/** host[:port], without what else RFC 3986 allows in a reg-name: no escape, no delimiter, no user. */
const AUTHORITY = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;
/** What Deno puts before Host where it serves a unix socket. */
const UNIX = "http+unix://";
/** Hosts remembered. Clients choose them, so the number is bounded. */
const REMEMBERED = 64;

export interface TargetRules {
  /** Whether the URL is the client's raw text, as on Deno, and so to be compared with the Host header. */
  readonly raw: boolean;
  /** The listener's scheme, if known: an absolute-form target that claims another is refused. */
  readonly scheme?: "http" | "https" | undefined;
  /** What stands for Host where the client sent none, or none that Deno could use: it is compared with Host each time. */
  readonly noHost?: (() => string | null) | undefined;
}

interface WithHeaders {
  readonly headers: Pick<Headers, "get">;
}

const accepted = new Set<string>();
/** Of the last request that had one: scheme, host and the slash behind it. */
let lastOrigin = "";
let lastScheme: "http" | "https" = "http";

/**
 * The index in `url` at which the path begins (`url.length` if there is none); -1 if the request has to be refused with 400.
 *
 * @example
 * ```ts
 * const url = request.url;
 * const start = splitTarget(url, request, { raw: true, scheme: "http" });
 * if (start < 0) return new Response("Bad Request", { status: 400 });
 * const target = url.slice(start);
 * ```
 */
export function splitTarget(url: string, request: WithHeaders, rules: TargetRules): number {
  const { raw, scheme } = rules;
  const start = lastOrigin.length;
  // The way of most requests: scheme and host as last time.
  if (url.startsWith(lastOrigin) && start > 0 && (scheme === undefined || scheme === lastScheme) && !(raw && url.indexOf("/", start) >= 0)) return start - 1;
  const from = url.startsWith("http://") ? 7 : url.startsWith("https://") ? 8 : raw && url.startsWith(UNIX) ? UNIX.length : -1;
  if (from < 0 || (scheme !== undefined && (from === 8) !== (scheme === "https"))) return -1;
  const slash = url.indexOf("/", from);
  const end = slash < 0 ? authorityEnd(url, from) : slash;
  const isAmbiguous = raw && slash >= 0 && url.indexOf("/", slash + 1) >= 0;
  const authority = url.slice(from, end);
  if ((isAmbiguous || !accepted.has(authority)) && !examine(authority, request, rules)) return -1;
  if (slash >= 0 && from <= 8 && accepted.has(authority)) {
    lastOrigin = url.slice(0, end + 1);
    lastScheme = from === 8 ? "https" : "http";
  }
  return end;
}

/** Whether two authorities are one: letter case does not count, nor does a scheme's own port. */
export function isSameAuthority(one: string, other: string): boolean {
  return one === other || normalise(one) === normalise(other);
}

/** Whether this is a plain host, with or without a port. */
export function isPlainAuthority(authority: string): boolean {
  return AUTHORITY.test(authority);
}

/** A URL without a path, `http://h?x`: never the work of a server that joins Host and a target, but legal in absolute form. */
function authorityEnd(url: string, from: number): number {
  const end = url.slice(from).search(/[?#]/);
  return end < 0 ? url.length : from + end;
}

function examine(authority: string, request: WithHeaders, { raw, noHost }: TargetRules): boolean {
  if (!AUTHORITY.test(authority)) return false;
  if (raw) {
    // Absent under HTTP/2, where :authority was used, and where Deno made up an authority for a request without Host.
    const host = request.headers.get("host");
    if (host !== null && host !== "" && !isSameAuthority(host, authority)) return false;
  }
  if (raw && authority === noHost?.()) return true;
  if (accepted.size >= REMEMBERED) accepted.clear();
  accepted.add(authority);
  return true;
}

function normalise(authority: string): string {
  return authority.toLowerCase().replace(/:(?:80|443)$/, "");
}
