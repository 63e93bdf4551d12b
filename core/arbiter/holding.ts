/** How the settings want the sockets held that the arbiter opens, and what they are called. */
import type { Settings } from "../settings/table.ts";
import { isSecure } from "../settings/tls.ts";
import { type Address, addressText, type Held, type Owner } from "./listener.ts";
import type { SuperviseOptions } from "./supervise_options.ts";
import { builtInClass } from "./worker_class.ts";

/** As in logs. Those behind the ones of `bind` send to them. */
export function addressTexts(settings: Settings, addresses: readonly Address[]): string[] {
  return addresses.map((address, index) => addressText(address, isSecure(settings) && index < settings.bind.length ? "https" : "http"));
}

/** Why an inherited socket cannot be served over TLS; null if all can. Deno would serve a unix socket without it, and say nothing. */
export function withoutTls(settings: Settings, held: readonly Held[]): string | null {
  const found = isSecure(settings) ? held.slice(0, settings.bind.length).find(({ address }) => address.kind === "unix") : undefined;
  return found === undefined ? null : `Cannot serve ${addressText(found.address)} over TLS: it is a unix socket; leave --certfile out behind a proxy`;
}

/** Of the first address, which is one of `bind`. */
export function portOf([first]: readonly Held[]): number {
  return first?.address.kind === "tcp" ? first.address.port : 443;
}

/** The slots that are open already: an upgrade inherits those of workers that it may not have. */
export function slotsOf(held: Held): number {
  return held.slots ?? 0;
}

/** Sync workers share one socket, so that an idle one takes what a busy one cannot. Workers on Node can be handed no socket to cover. */
export function holdMode({ classOf }: SuperviseOptions, settings: Settings): "adopt" | "shared" {
  const workerClass = classOf?.(settings) ?? builtInClass(settings.workerClass);
  return workerClass?.sockets === "shared" || settings.runtime === "node" ? "shared" : "adopt";
}

/** Who may connect to a unix socket. */
export function access({ owner }: SuperviseOptions, settings: Settings): { readonly umask: number; readonly owner?: Owner } {
  const found = owner?.(settings);
  return { umask: settings.umask, ...(found === undefined ? {} : { owner: found }) };
}
