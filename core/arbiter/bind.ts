/** Takes the addresses before anything else starts: gunicorn's five attempts, one second apart, where waiting can help. */
import type { Log } from "../logging/record.ts";
import { type Address, addressText, type Held, ListenError, type Owner } from "./listener.ts";
import type { ArbiterSystem } from "./process.ts";

const ATTEMPTS = 5;

export interface BindOptions {
  readonly backlog: number;
  readonly mode: "adopt" | "shared" | "reuse-port";
  readonly umask?: number;
  readonly owner?: Owner;
}

/** Holds all of `addresses`, or none: then the log has said why, and the result is null. */
export async function bind(
  addresses: readonly Address[],
  options: BindOptions,
  { system, log }: { readonly system: Pick<ArbiterSystem, "hold" | "wait">; readonly log: Log },
): Promise<Held[] | null> {
  const held: Held[] = [];
  for (const address of addresses) {
    const one = await bindOne(address, options, { system, log });
    if (one === null) {
      for (const other of held) other.close();
      return null;
    }
    held.push(one);
  }
  return held;
}

async function bindOne(
  address: Address,
  options: BindOptions,
  { system, log }: { readonly system: Pick<ArbiterSystem, "hold" | "wait">; readonly log: Log },
): Promise<Held | null> {
  const text = gunicornText(address);
  for (let attempt = 1; ; attempt++) {
    try {
      return await system.hold(address, options);
    } catch (error) {
      if (!(error instanceof ListenError)) throw error;
      if (!error.retry || attempt === ATTEMPTS) {
        log("error", "cannot-connect", { address: text, reason: error.message });
        return null;
      }
      if (error.code === "EADDRINUSE") log("error", "connection-in-use", { address: text });
      else log("error", "invalid-address", { address: text });
      log("debug", "retrying");
      await system.wait(1000);
    }
  }
}

/** As Python prints an address, so that tools that read gunicorn's log find it. */
function gunicornText(address: Address): string {
  if (address.kind === "tcp") return `('${address.host}', ${address.port})`;
  return address.kind === "unix" ? address.path : addressText(address);
}
