/**
 * Who may see the admin pages, and who may act there.
 *
 * 1. Where only this machine gets, and no token is set, everybody who gets there may see and nobody may act.
 * 2. With a token, only who brings it may see and act. It comes in the header `Authorization: Bearer`, which no page of another site can
 *    send and no log has; never in a URL, never in a cookie, which the browser would send to every other port of this host too.
 * 3. At loopback, Host must be a name of loopback: else a page whose name was made to mean 127.0.0.1 could read what is there.
 * 4. What says that it comes from another site may not act, token or not.
 */
import type { Address } from "../arbiter/listener.ts";
import { isLoopback, isLoopbackHost } from "../settings/admin.ts";

const key = crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]);

/** Whether the request brings `token`. How long this takes tells nothing about it. */
export async function hasToken(request: Request, token: string): Promise<boolean> {
  const given = /^Bearer +([^ ]+) *$/i.exec(request.headers.get("authorization") ?? "")?.[1] ?? "";
  const [one, other] = await Promise.all([digest(given), digest(token)]);
  let difference = 0;
  for (let i = 0; i < one.length; i++) difference |= one[i]! ^ other[i]!;
  return difference === 0;
}

/** Whether Host is a name that leads to `address` by itself. Without a Host it is no browser. */
export function isMeant(request: Request, address: Address): boolean {
  const host = request.headers.get("host");
  if (host === null || host === "" || !isLoopback(address)) return true;
  const name = /^(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::\d{1,5})?$/i.exec(host.toLowerCase());
  return name !== null && isLoopbackHost(name[1] ?? name[2]!);
}

/** Whether a browser says that a page of another site sent it. */
export function isForeign(request: Request): boolean {
  const site = request.headers.get("sec-fetch-site");
  // A proxy in front may have changed Host.
  if (site !== null) return site !== "same-origin" && site !== "none";
  const origin = request.headers.get("origin");
  return origin !== null && origin.replace(/^https?:\/\//, "").toLowerCase() !== request.headers.get("host")?.toLowerCase();
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.sign("HMAC", await key, new TextEncoder().encode(text)));
}
