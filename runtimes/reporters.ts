/** Who tells others of a running server's figures: each is loaded when the settings ask for it, at the start or at a reload. */
import type { Controls } from "../core/control/controls.ts";
import type { Log } from "../core/logging/record.ts";
import type { Env } from "../core/settings/environment.ts";
import type { Settings } from "../core/settings/table.ts";
import { every } from "./system.ts";

interface Reporter {
  use(settings: Settings): void;
  close(): Promise<void>;
}

type Kind = "statsd" | "otlp";

export class Reporters {
  readonly #log: Log;
  readonly #envOf: (settings: Settings) => Env;
  readonly #running = new Map<Kind, Promise<Reporter | null>>();
  #controls: Controls | null = null;
  #settings: Settings | null = null;

  /** `envOf` is the environment that workers with these settings have. */
  constructor(log: Log, envOf: (settings: Settings) => Env) {
    this.#log = log;
    this.#envOf = envOf;
  }

  /** The server begins. */
  begin(controls: Controls, settings: Settings): void {
    this.#controls = controls;
    this.use(settings);
  }

  /** These settings hold from now on. */
  use(settings: Settings): void {
    const isFirst = this.#settings === null;
    this.#settings = settings;
    for (const running of this.#running.values()) void running.then((reporter) => reporter?.use(settings));
    if (settings.statsdHost !== null) this.#start("statsd", () => statsd(this.#controls!, this.#log, settings, isFirst));
    if (settings.otlpEndpoint !== null) this.#start("otlp", () => otlp(this.#controls!, this.#log, settings, this.#envOf));
  }

  /** The server has ended: what it did last is told, for a moment. */
  async close(): Promise<void> {
    await Promise.all([...this.#running.values()].map(async (running) => await (await running)?.close()));
  }

  #start(kind: Kind, start: () => Promise<Reporter>): void {
    if (this.#running.has(kind)) return;
    this.#running.set(kind, start().catch((error: Error) => {
      this.#log("warning", "limitation", { text: `Nothing is sent to ${kind}: ${error.message}` });
      return null;
    }));
  }
}

/** All there is since the start if it is there from the start on. */
async function statsd(controls: Controls, log: Log, settings: Settings, isFirst: boolean): Promise<Reporter> {
  const [{ Statsd }, { openDatagrams }] = await Promise.all([import("../core/statsd/statsd.ts"), import("./datagrams.ts")]);
  return new Statsd(settings, { controls, log, every, open: openDatagrams, before: isFirst ? null : controls.stats() });
}

async function otlp(controls: Controls, log: Log, settings: Settings, envOf: (settings: Settings) => Env): Promise<Reporter> {
  const [{ OtlpMetrics }, { processResource: resource }] = await Promise.all([import("../core/otlp/metrics.ts"), import("./process_resource.ts")]);
  return new OtlpMetrics(settings, { controls, log, every, envOf, resource });
}
