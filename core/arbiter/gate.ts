/**
 * What a request has to be before the application sees it, beyond what the native server has looked at: its method, and what the settings ask for.
 *
 * By default a GET costs one call and one comparison. Everything but the method is looked at only where a setting asks for it, and loaded
 * only then: to read one header of a request costs a fifth of the smallest answer.
 */
import type { Settings } from "../settings/table.ts";
import { limitBody, watchesBodies } from "./limit_body.ts";
import type { NativeHandler } from "./listener.ts";
import { quoted, type Refusal, type Refusals } from "./refusals.ts";

/** Null for a request that may pass. */
export type Check = (request: Request, platform: unknown) => Refusal | null;

/** A handler that calls another for what may pass. `madeUpHost` stands for Host in the URL of a request that has none. */
export type Gate = (handler: NativeHandler, madeUpHost: () => string | null) => NativeHandler;

type Asked = Pick<
  Settings,
  | "permitUnconventionalHttpMethod" | "limitRequestLine" | "limitRequestFields" | "limitRequestFieldSize" | "limitRequestBody" | "requestBodyTimeout" | "requestBodyMinRate"
  | "allowedHosts" | "strictHeaders" | "forwardedAllowIps" | "secureSchemeHeaders" | "runtime"
>;

/** Loads what the settings ask for. */
export async function openGate(settings: Asked, refusals: Refusals): Promise<Gate> {
  const { limitRequestLine, limitRequestFields, limitRequestFieldSize, allowedHosts, strictHeaders } = settings;
  const isLimited = limitRequestLine > 0 || limitRequestFields > 0 || limitRequestFieldSize > 0;
  const limits = isLimited ? (await import("./head_limits.ts")).headLimits(settings) : [];
  const hosts = allowedHosts.length > 0 ? [(await import("./allowed_hosts.ts")).allowedHosts(allowedHosts)] : [];
  const strict = strictHeaders ? (await import("./strict_headers.ts")).strictHeaders : null;
  return (handler, madeUpHost) => {
    const checks = [...limits, ...hosts, ...(strict === null ? [] : [strict({ ...settings, madeUpHost })])];
    const checked = (inner: NativeHandler) => checks.length === 0 ? inner : guard(inner, checks, refusals);
    const bare = checked(handler);
    const bodied = watchesBodies(settings) ? checked(limitBody(handler, settings, refusals)) : bare;
    return byMethod({ bare, bodied }, settings.permitUnconventionalHttpMethod, refusals);
  };
}

interface Ways {
  /** For requests of which no native server shows a body. */
  readonly bare: NativeHandler;
  readonly bodied: NativeHandler;
}

const ORDINARY: ReadonlySet<string> = new Set(["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]);
/** gunicorn's rule: no lower case, no `#`, three to twenty characters. That it is a token, the native server sees to. */
const CONVENTIONAL = /^[A-Z0-9!$%&'*+.^_`|~-]{3,20}$/;

function byMethod({ bare, bodied }: Ways, permits: boolean, refusals: Refusals): NativeHandler {
  return (request, platform) => {
    const { method } = request;
    if (method === "GET" || method === "HEAD") return bare(request, platform);
    if (ORDINARY.has(method)) return bodied(request, platform);
    // Both native servers read what follows as the next request, whatever the answer: nobody in front would see that one.
    if (method === "CONNECT") return refusals.refuse(request, platform, { status: 405, why: "method", reason: "Invalid HTTP method: CONNECT is for proxies" });
    if (permits || CONVENTIONAL.test(method)) return bodied(request, platform);
    return refusals.refuse(request, platform, { status: 400, why: "method", reason: `Invalid HTTP method: ${quoted(method)}` });
  };
}

function guard(handler: NativeHandler, checks: readonly Check[], refusals: Refusals): NativeHandler {
  return (request, platform) => {
    for (const check of checks) {
      const refusal = check(request, platform);
      if (refusal !== null) return refusals.refuse(request, platform, refusal);
    }
    return handler(request, platform);
  };
}
