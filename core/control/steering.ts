/** The controls of a supervised server: what supervise() lends to whoever asks from outside. */
import type { ArbiterEvent, Arbiter, Effect } from "../arbiter/step/state.ts";
import type { ToWorker } from "../arbiter/message.ts";
import type { BlackBox } from "../black_box/black_box.ts";
import type { Child, Millis, Signal } from "../arbiter/process.ts";
import type { Level } from "../logging/record.ts";
import type { Stats } from "../metrics/stats.ts";
import type { Settings } from "../settings/table.ts";
import type { Controls, InFlightStats, ReloadOutcome } from "./controls.ts";

export interface Helm {
  readonly now: () => Millis;
  readonly state: () => Arbiter;
  readonly tell: (event: ArbiterEvent) => void;
  readonly stats: () => Stats;
  readonly settings: () => Settings;
  readonly children: ReadonlyMap<number, Child>;
  readonly setLogLevel: (level: Level) => void;
}

/** How many dead workers are remembered. */
const MOST_DEATHS = 10;

interface Asked {
  /** The reload that was asked for is under way, not one before it. */
  hasBegun: boolean;
  readonly resolve: (outcome: ReloadOutcome) => void;
}

export class Steering implements Controls {
  readonly #helm: Helm;
  readonly #asked = new Set<Asked>();
  readonly #tails = new Set<(text: string) => void>();
  #deaths: readonly BlackBox[] = [];
  #isDraining = false;
  /** In force instead of the settings' own; null if nobody has changed it since the last reload. */
  #level: Level | null = null;

  constructor(helm: Helm) {
    this.#helm = helm;
  }

  stats(): Stats {
    return this.#helm.stats();
  }

  settings(): Settings {
    return this.#helm.settings();
  }

  signal(signal: Signal): void {
    this.#helm.tell({ type: "signalled", signal, at: this.#helm.now() });
  }

  reload(): Promise<ReloadOutcome> {
    if (this.#helm.state().halt !== null) return Promise.resolve({ refused: "the server is shutting down" });
    return new Promise((resolve) => {
      this.#asked.add({ hasBegun: false, resolve });
      this.signal("HUP");
    });
  }

  kill(pid: number, signal: Signal): boolean {
    const worker = this.#workerOf(pid);
    const child = worker && this.#helm.children.get(worker.id);
    child?.kill(signal);
    return child !== undefined;
  }

  replace(pid: number): boolean {
    const worker = this.#workerOf(pid);
    if (worker?.phase !== "serving") return false;
    this.#helm.tell({ type: "tired", id: worker.id, faulty: false, at: this.#helm.now() });
    return true;
  }

  isDraining(): boolean {
    return this.#isDraining;
  }

  setDraining(draining: boolean): void {
    this.#isDraining = draining;
  }

  setLogLevel(level: Level): void {
    this.#level = level;
    this.#helm.setLogLevel(level);
    this.#broadcast({ type: "log-level", level });
  }

  inspect(): readonly InFlightStats[] {
    const now = this.#helm.now();
    return this.#helm.state().workers.flatMap(({ id, slot, pid, heard }) => {
      const child = this.#helm.children.get(id);
      return child === undefined || pid === null ? [] : [{ pid, id, slot, requests: child.inFlight(now - heard) }];
    });
  }

  deaths(): readonly BlackBox[] {
    return this.#deaths;
  }

  /** A worker died. */
  died(box: BlackBox): void {
    this.#deaths = [...this.#deaths, box].slice(-MOST_DEATHS);
  }

  tail(line: (text: string) => void): () => void {
    if (this.settings().accessLogfile === null) {
      throw new TypeError("There is no access log to follow: start tsgi with --access-logfile, `-` for standard output");
    }
    this.#tails.add(line);
    if (this.#tails.size === 1) this.#broadcast({ type: "tail", on: true });
    return () => {
      if (this.#tails.delete(line) && this.#tails.size === 0) this.#broadcast({ type: "tail", on: false });
    };
  }

  /** What a new worker has to know before it starts. */
  settingsFor(settings: Settings): Settings {
    const own: Settings = settings.adminToken === null ? settings : { ...settings, adminToken: null };
    return this.#level === null ? own : { ...own, logLevel: this.#level };
  }

  /** A worker was told to start. */
  started(child: Child): void {
    if (this.#tails.size > 0) child.send({ type: "tail", on: true });
  }

  accessed(lines: readonly string[], lost: number): void {
    for (const tail of this.#tails) {
      for (const line of lines) tail(line);
      if (lost > 0) tail(`(${lost} more)`);
    }
  }

  /** To be told of every step. */
  note(after: Arbiter, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type === "read-configuration") this.#begun();
      else if (effect.type === "log" && effect.event === "reloaded") this.#answer({ generation: after.generation });
      else if (effect.type === "log" && effect.event === "reload-failed") this.#answer({ refused: String(effect.fields.reason) });
    }
    if (after.halt !== null && this.#asked.size > 0) {
      this.#begun();
      this.#answer({ refused: "the server is shutting down" });
    }
  }

  #begun(): void {
    this.#level = null;
    for (const one of this.#asked) one.hasBegun = true;
  }

  #answer(outcome: ReloadOutcome): void {
    for (const one of this.#asked) {
      if (!one.hasBegun) continue;
      this.#asked.delete(one);
      one.resolve(outcome);
    }
  }

  #workerOf(pid: number) {
    return this.#helm.state().workers.find((worker) => worker.pid === pid);
  }

  #broadcast(message: ToWorker): void {
    for (const child of this.#helm.children.values()) child.send(message);
  }
}
