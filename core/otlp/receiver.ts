/** Sends JSON to an OTLP receiver. It never throws: what becomes of it is the answer, and the log tells when that changes. */
import type { Log } from "../logging/record.ts";

/** `lost` is what no second try would bring through; what is `refused` may be taken later. */
export type Sent = "sent" | "refused" | "lost";

export interface ReceiverOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds for one try. */
  readonly timeout: number;
  readonly log: Log;
  /** What is sent: `spans`, `metrics`. */
  readonly what: string;
}

/** The statuses that OTLP asks to try again after. */
const LATER = [429, 502, 503, 504];
// Before the application comes and wraps it in spans of its own.
const send = globalThis.fetch;

export class Receiver {
  readonly #options: ReceiverOptions;
  #isAway = false;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  async post(body: string, signal: AbortSignal | null = null): Promise<Sent> {
    const { url, headers, timeout } = this.#options;
    const signals = [AbortSignal.timeout(timeout), ...(signal === null ? [] : [signal])];
    try {
      const response = await send(url, { method: "POST", headers: { ...headers, "content-type": "application/json" }, body, redirect: "error", signal: AbortSignal.any(signals) });
      await response.body?.cancel();
      if (response.ok) this.#back();
      else this.#away(`it answered ${response.status}`);
      return response.ok ? "sent" : LATER.includes(response.status) ? "refused" : "lost";
    } catch (error) {
      this.#away((error as Error).message);
      return "refused";
    }
  }

  #away(reason: string): void {
    const { log, what, url } = this.#options;
    if (!this.#isAway) log("warning", "otlp-failed", { what, url, reason });
    this.#isAway = true;
  }

  #back(): void {
    const { log, what, url } = this.#options;
    if (this.#isAway) log("info", "otlp-recovered", { what, url });
    this.#isAway = false;
  }
}
