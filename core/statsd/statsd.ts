/** Sends the figures of a running server to a StatsD server, once a second, and once more at the end. */
import type { Timer } from "../arbiter/process.ts";
import type { Controls } from "../control/controls.ts";
import type { Log } from "../logging/record.ts";
import type { Stats } from "../metrics/stats.ts";
import type { Settings } from "../settings/table.ts";
import { packets, statsdLines } from "./lines.ts";
import { parseStatsdTarget, type StatsdTarget } from "./target.ts";

/** What takes datagrams to one place. */
export interface Datagrams {
  /** Never waits and never throws: what cannot be sent is lost, and `failed` was told. */
  send(packet: string): void;
  /** Resolves when what was sent has left, or after a moment. */
  close(): Promise<void>;
}

export interface StatsdOptions {
  readonly controls: Pick<Controls, "stats">;
  readonly log: Log;
  /** What is not to be sent any more; null for nothing. */
  readonly before: Stats | null;
  readonly every: (period: number, run: () => void) => Timer;
  /** Throws the reason why nothing can be sent there. */
  readonly open: (target: StatsdTarget, failed: (reason: string) => void) => Datagrams;
}

const PERIOD = 1000;
/** A server that is away is told of again when so long has passed. */
const QUIET = 60_000 / PERIOD;

type Names = Pick<Settings, "statsdHost" | "statsdPrefix" | "dogstatsdTags" | "statsdCompat">;

export class Statsd {
  readonly #options: StatsdOptions;
  readonly #timer: Timer;
  #settings: Names;
  #datagrams: Datagrams | null;
  #before: Stats | null;
  #silence = 0;

  constructor(settings: Names, options: StatsdOptions) {
    this.#options = options;
    this.#settings = settings;
    this.#before = options.before;
    this.#datagrams = this.#open(settings);
    this.#timer = options.every(PERIOD, () => this.#flush());
  }

  /** A reload brought other settings. */
  use(settings: Names): void {
    const isElsewhere = settings.statsdHost !== this.#settings.statsdHost;
    this.#settings = settings;
    if (!isElsewhere) return;
    if (this.#datagrams === null) this.#before = this.#options.controls.stats();
    else void this.#datagrams.close();
    this.#datagrams = this.#open(settings);
  }

  async close(): Promise<void> {
    this.#timer.stop();
    this.#flush();
    await this.#datagrams?.close();
  }

  #open({ statsdHost }: Names): Datagrams | null {
    if (statsdHost === null) return null;
    this.#silence = 0;
    try {
      return this.#options.open(parseStatsdTarget(statsdHost), (reason) => this.#failed(reason));
    } catch (error) {
      this.#failed((error as Error).message);
      return null;
    }
  }

  #flush(): void {
    if (this.#silence > 0) this.#silence--;
    if (this.#datagrams === null) return;
    const { statsdPrefix: prefix, dogstatsdTags: tags, statsdCompat: compat } = this.#settings;
    const now = this.#options.controls.stats();
    for (const packet of packets(statsdLines(now, this.#before, { prefix, tags, compat }))) this.#datagrams.send(packet);
    this.#before = now;
  }

  #failed(reason: string): void {
    if (this.#silence > 0) return;
    this.#silence = QUIET;
    this.#options.log("warning", "statsd-failed", { address: this.#settings.statsdHost, reason });
  }
}
