/** What can be asked of a running server from outside, beside signals: what the control socket and the admin pages are built on. */
import type { BlackBox } from "../black_box/black_box.ts";
import type { Level } from "../logging/record.ts";
import type { Stats } from "../metrics/stats.ts";
import type { Settings } from "../settings/table.ts";
import type { Signal } from "../arbiter/process.ts";

export type ReloadOutcome = { readonly generation: number } | { readonly refused: string };

export interface Controls {
  stats(): Stats;
  /** Those of the serving generation. */
  settings(): Settings;
  /** As if the signal had been sent to the arbiter. */
  signal(signal: Signal): void;
  /** Asks for a reload; resolves when that one has ended. */
  reload(): Promise<ReloadOutcome>;
  /** Sends a worker a signal; false if there is no worker of that pid. */
  kill(pid: number, signal: Signal): boolean;
  /** Has a worker replaced: its successor first, then it finishes what it has. False if no worker of that pid serves. */
  replace(pid: number): boolean;
  /** Whether load balancers are told to send nobody: see `/readyz`. */
  isDraining(): boolean;
  setDraining(draining: boolean): void;
  /** From now on and until the next reload or start, here and in every worker. */
  setLogLevel(level: Level): void;
  /** What each worker has in flight. */
  inspect(): readonly InFlightStats[];
  /** What the workers left that died last, the last one last. */
  deaths(): readonly BlackBox[];
  /** Calls `line` for each line of the access log from now on, until what is returned is called. Throws if there is no access log. */
  tail(line: (text: string) => void): () => void;
}

export interface InFlightStats {
  readonly pid: number;
  readonly id: number;
  readonly slot: number;
  /** As a log names them: `GET /report (30.1s), POST /x (2.0s)`. Null where they are not known (--no-watchdog). */
  readonly requests: string | null;
}
