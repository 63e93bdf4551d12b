/** Sends the arbiter's metrics, which are those of all workers, to an OpenTelemetry receiver, from time to time and once more at the end. */
import type { Timer } from "../arbiter/process.ts";
import type { Controls } from "../control/controls.ts";
import type { Log } from "../logging/record.ts";
import { families } from "../metrics/families.ts";
import type { Env } from "../settings/environment.ts";
import type { Settings } from "../settings/table.ts";
import { VERSION } from "../version.ts";
import { metricsJson } from "./metric_json.ts";
import { otlpOptions } from "./options.ts";
import { Receiver } from "./receiver.ts";
import { SDK } from "./tracing.ts";
import type { Attributes } from "./values.ts";

export interface OtlpMetricsOptions {
  readonly controls: Pick<Controls, "stats">;
  readonly log: Log;
  readonly every: (period: number, run: () => void) => Timer;
  readonly envOf: (settings: Settings) => Env;
  /** What is said of this process. */
  readonly resource: Attributes;
}

/** How long the last ones may take, in milliseconds. */
const LAST = 2000;

interface Running {
  readonly receiver: Receiver;
  readonly resource: Attributes;
  readonly timer: Timer;
}

export class OtlpMetrics {
  readonly #options: OtlpMetricsOptions;
  #running: Running | null;
  #isSending = false;
  /** When the server began, in milliseconds since 1970; null before the first look. */
  #since: number | null = null;

  constructor(settings: Settings, options: OtlpMetricsOptions) {
    this.#options = options;
    this.#running = this.#start(settings);
  }

  /** A reload brought other settings. */
  use(settings: Settings): void {
    this.#running?.timer.stop();
    this.#running = this.#start(settings);
  }

  async close(): Promise<void> {
    this.#running?.timer.stop();
    await this.#send(AbortSignal.timeout(LAST));
  }

  #start(settings: Settings): Running | null {
    const { log, every, envOf, resource } = this.#options;
    const otlp = otlpOptions(settings, envOf(settings));
    if (otlp === null) return null;
    for (const text of otlp.notes) log("warning", "limitation", { text });
    if (otlp.metrics === null) return null;
    return {
      receiver: new Receiver({ url: otlp.metrics, headers: otlp.headers, timeout: otlp.timeout, log, what: "metrics" }),
      resource: { ...otlp.resource, ...SDK, ...resource },
      timer: every(otlp.metricPeriod, () => void this.#send(null)),
    };
  }

  /** Totals: one that is lost is made good by the next. */
  async #send(signal: AbortSignal | null): Promise<void> {
    if (this.#running === null || (this.#isSending && signal === null)) return;
    const { receiver, resource } = this.#running;
    this.#isSending = true;
    const stats = this.#options.controls.stats();
    const at = stats.time * 1000;
    // Once: a beginning that moves would be a new one each time.
    this.#since ??= at - stats.uptime * 1000;
    await receiver.post(metricsJson(families(stats), { since: this.#since, at }, { resource, version: VERSION }), signal);
    this.#isSending = false;
  }
}
