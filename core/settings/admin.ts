/** What `--admin-bind` and `--admin-token` mean together. */
import type { Address } from "../arbiter/listener.ts";
import { parseAddress, type Reading } from "./address.ts";
import { cannotUse, type Problem } from "./problem.ts";
import type { SettingName, Settings } from "./table.ts";
import { showWritten } from "./value.ts";

/** Where the admin pages are; null for nowhere. For settings without problems. */
export function adminAddress({ adminBind }: Pick<Settings, "adminBind">): Address | null {
  const reading = adminBind === null ? null : readAdminAddress(adminBind);
  return reading?.ok ? reading.value : null;
}

/** Whether only this machine gets there over TCP. A name other than localhost may mean anything, by the time it is looked up. */
export function isLoopback(address: Address): boolean {
  return address.kind === "tcp" && isLoopbackHost(address.host);
}

/** The same of a host alone, which has no brackets. */
export function isLoopbackHost(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** What is wrong with them. The token itself is never told. */
export function adminProblems({ adminBind, adminToken }: Pick<Settings, "adminBind" | "adminToken">, sources: Readonly<Record<SettingName, string>>): Problem[] {
  const problems: Problem[] = [];
  const refuse = (name: "adminBind" | "adminToken", reason: string) => problems.push(cannotUse(sources[name], reason));
  if (adminToken !== null && !/^[\x21-\x7e]+$/.test(adminToken)) refuse("adminToken", "expected visible ASCII characters without blanks, as a header may have them");
  if (adminBind === null) return problems;
  const reading = readAdminAddress(adminBind);
  if (!reading.ok) refuse("adminBind", `expected ${reading.expected}, got ${showWritten(adminBind)}`);
  else if (adminToken === null && reading.value.kind === "tcp" && !isLoopback(reading.value)) {
    refuse("adminBind", `${showWritten(adminBind)} can be reached from other machines, so it needs a token: set TSGI_ADMIN_TOKEN, or bind 127.0.0.1 or a unix socket`);
  }
  return problems;
}

/** As in `--bind`, but the port has to be said: that of `--bind` would be the default. */
function readAdminAddress(written: string): Reading<Address> {
  const reading = parseAddress(written);
  if (reading.ok && (reading.value.kind === "fd" || (reading.value.kind === "tcp" && !/:\d+$/.test(written.trim())))) {
    return { ok: false, expected: "HOST:PORT, [IPV6]:PORT or unix:PATH, such as 127.0.0.1:9091" };
  }
  return reading;
}
