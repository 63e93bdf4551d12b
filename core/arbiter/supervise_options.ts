/** What a server is supervised with: its settings, and what only those outside the core can do. */
import type { BlackBox } from "../black_box/black_box.ts";
import type { Controls } from "../control/controls.ts";
import type { Level, Log } from "../logging/record.ts";
import type { HookSource } from "../settings/hooks.ts";
import type { Settings } from "../settings/table.ts";
import type { Owner } from "./listener.ts";
import type { Note } from "./notes.ts";
import type { SpawnOptions } from "./process.ts";
import type { Arbiter, ArbiterEvent, Effect } from "./step/state.ts";
import type { Tls } from "./tls.ts";
import type { Upgrade } from "./upgrade.ts";
import type { WorkerClass } from "./worker_class.ts";

/** What a HUP found: settings to go on with, or why there are none. */
export type Reread =
  | { readonly settings: Settings; readonly pending: readonly string[]; readonly hooks?: HookSource }
  | { readonly refused: string };

export interface SuperviseOptions {
  readonly version: string;
  readonly settings: Settings;
  /** The config file's hooks. */
  readonly hooks?: HookSource;
  /** The number of workers that the settings ask for on this machine. */
  readonly workers: (settings: Settings) => number;
  /** How many there may be at most. */
  readonly mostWorkers?: (settings: Settings) => number;
  /** Reads the configuration again. `pending` names what changed but takes effect at the next start only. */
  readonly reread: () => Promise<Reread>;
  readonly log: Log;
  readonly surroundings: (settings: Settings, slot: number) => Surroundings;
  /** With --reload: watches what is served from now on, and tells when a change has settled, by one file of it. */
  readonly watch: (settings: Settings, changed: (file: string) => void) => Watch;
  /** The worker class that the settings name; by default the one that comes with tsgi. */
  readonly classOf?: (settings: Settings) => WorkerClass;
  /** What the settings' certificates are, as they were when the settings were read; null without TLS. */
  readonly tls?: (settings: Settings) => Tls | null;
  /** Whom unix sockets are given to. */
  readonly owner?: (settings: Settings) => Owner | undefined;
  readonly reopenLogs?: () => void;
  /** A generation serves with `settings`; the first one too. */
  readonly onServing?: (settings: Settings) => void;
  /** A worker could not boot. */
  readonly onFailed?: (reason: string) => void;
  /** Called once, when workers begin to be started, with what can be asked of the server until the end and after it. */
  readonly onControls?: (controls: Controls) => void;
  /** With --admin-bind: what a worker says went wrong, and how much more there was. */
  readonly onNoted?: (from: { readonly pid: number; readonly slot: number }, notes: readonly Note[], lost: number) => void;
  /** Asked for from outside: until the next reload. */
  readonly setLogLevel?: (level: Level) => void;
  /** How often the kernel has ended a process for want of memory; null where nobody tells. */
  readonly oomKills?: () => number | null;
  /** Told after every step, and what it ordered. */
  readonly onStep?: (before: Arbiter, after: Arbiter, step: { readonly event: ArbiterEvent; readonly effects: readonly Effect[] }) => void;
  /** A worker with `settings` died: what it left. */
  readonly onDeath?: (box: BlackBox, settings: Settings) => unknown;
  /** How USR2 is carried out. */
  readonly upgrade?: Upgrade;
  /** What the log says after the addresses: what does not work here. */
  readonly notes?: readonly string[];
}

export interface Watch {
  close(): void;
}

/** What a worker finds around it. */
export type Surroundings = Pick<SpawnOptions, "env" | "directory" | "appDirectory" | "permissions" | "identity" | "onOutput">;

/** What `ps` shows: `tsgi: master [NAME]`, and for the worker in slot 0 `tsgi: worker [NAME] #0`. */
export function title(role: "master" | "worker", settings: Settings, which = ""): string {
  return `tsgi: ${role} [${settings.name ?? settings.app}]${which}`;
}
