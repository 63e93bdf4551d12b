/** `allowed-hosts`: the names by which the server may be called. */
import type { Check } from "./gate.ts";
import { quoted } from "./refusals.ts";

/** Names remembered. Clients choose them, but only those that pass. */
const REMEMBERED = 64;

/** `example.org` is that name, `.example.org` that and all below it, `*.example.org` all below it, `*` every name. A port makes no difference. */
export function allowedHosts(allowed: readonly string[]): Check {
  const rules = allowed.map((name) => name.toLowerCase());
  const passed = new Set<string>();
  return ({ url }) => {
    const authority = authorityOf(url);
    if (passed.has(authority)) return null;
    const name = authority.toLowerCase().replace(/:\d*$/, "");
    if (!rules.some((rule) => isAllowed(name, rule))) return { status: 400, why: "host", reason: `Host is not allowed: ${quoted(authority)}` };
    if (passed.size < REMEMBERED) passed.add(authority);
    return null;
  };
}

function authorityOf(url: string): string {
  const start = url.indexOf("://") + 3;
  if (start < 3) return "";
  const slash = url.indexOf("/", start);
  return slash < 0 ? url.slice(start).replace(/[?#].*$/s, "") : url.slice(start, slash);
}

function isAllowed(name: string, rule: string): boolean {
  if (rule === "*") return true;
  if (rule.startsWith("*.")) return name.endsWith(rule.slice(1)) && name.length > rule.length - 1;
  return rule.startsWith(".") ? name === rule.slice(1) || name.endsWith(rule) : name === rule;
}
