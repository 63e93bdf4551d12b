/** What supervise() needs of the system for an upgrade in place (USR2). Carried out in runtimes/upgrade.ts. */
import type { Held } from "./listener.ts";
import type { Ending } from "./process.ts";

export interface Upgrade {
  /** The arbiter that started this one to take its place, or null. */
  readonly parent: number | null;
  /** Whether it still runs. */
  parentLives(): boolean;
  /**
   * Starts the command line of this process once more, which inherits what is `held`; its pid. Throws why not. `onExit` is called once
   * when it has gone; `reason` is why it never served, and null if it did.
   */
  start(held: readonly Held[], onExit: (end: { readonly ending: Ending; readonly reason: string | null }) => void): number;
  /** The old arbiter has gone: what was called `.2` gets its proper name. */
  promoted(): void;
}
