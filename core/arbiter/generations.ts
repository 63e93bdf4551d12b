/** What the generations of workers run with: the serving one, and the one that a reload brings up beside it. */
import type { HookSource } from "../settings/hooks.ts";
import type { Settings } from "../settings/table.ts";
import { addressesOf } from "../settings/tls.ts";
import { type Address, addressText, type Held } from "./listener.ts";
import { type Arbiter, isAlive } from "./step/state.ts";

export interface Generation {
  readonly settings: Settings;
  readonly held: readonly Held[];
  readonly hooks: HookSource;
}

export class Generations {
  readonly #all: Map<number, Generation>;

  constructor(first: Generation) {
    this.#all = new Map([[1, first]]);
  }

  get count(): number {
    return this.#all.size;
  }

  has(number: number): boolean {
    return this.#all.has(number);
  }

  /** Throws for one that was forgotten. */
  of(number: number): Generation {
    const found = this.#all.get(number);
    if (!found) throw new Error(`Generation ${number} is over`);
    return found;
  }

  add(number: number, generation: Generation): void {
    this.#all.set(number, generation);
  }

  /** What is held for an address, by whichever generation: one that failed may still be going. */
  heldAt(wanted: Address): Held | undefined {
    return [...this.#held()].find((h) => addressText(h.address) === addressText(wanted));
  }

  /** Drops what belongs to no generation any more: at the end of a reload, of a way back, and of all. */
  forget({ generation, reload, restoring, workers, phase, successor }: Arbiter): void {
    const begun = reload?.phase === "checking" || reload?.phase === "booting" ? [reload.generation] : [];
    const going = restoring === null ? [] : workers.filter(isAlive).map((w) => w.generation);
    const wanted = new Set([generation, ...begun, ...going]);
    const held = this.#held();
    for (const number of this.#all.keys()) if (!wanted.has(number)) this.#all.delete(number);
    // At the end nobody new is let in; workers let go of their copies themselves.
    const kept = phase === "serving" ? this.#held() : new Set<Held>();
    // A new arbiter that lives from the same sockets keeps them.
    for (const one of held) if (!kept.has(one)) successor === null ? one.close() : one.abandon();
  }

  #held(): Set<Held> {
    return new Set([...this.#all.values()].flatMap((g) => g.held));
  }
}

/** What we hold already for an address at this place among those of the settings. Port 0 is the port the system gave, for as long as it is asked for in the same place. */
export function heldFor(before: Generation, wanted: Address, index: number): Held | undefined {
  const text = addressText(wanted);
  return before.held.find((h, i) => addressText(h.address) === text || (i === index && isSame(addressesOf(before.settings)[i], text)));
}

function isSame(address: Address | undefined, text: string): boolean {
  return address !== undefined && addressText(address) === text;
}
