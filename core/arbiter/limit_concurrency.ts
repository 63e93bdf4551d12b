/** Load that a worker refuses: beyond a number of requests in flight, an answer at once is worth more than a place in a queue. */
import type { Log } from "../logging/record.ts";
import type { Meter } from "../metrics/meter.ts";
import { plainAnswer } from "./fetch_answer.ts";
import type { NativeHandler } from "./listener.ts";
import type { Millis } from "./process.ts";
import type { RequestLog } from "./request_log.ts";
import type { Traffic } from "./traffic.ts";

/** It is said at most this often that requests are refused. */
const TELL: Millis = 1000;
const TEXT = "Service Unavailable\n";

/** Refuses requests for all the native servers of one worker. */
export class ConcurrencyLimit {
  readonly #limit: number;
  readonly #log: Log;
  readonly #requestLog: RequestLog | null;
  readonly #meter: Meter | null;
  /** Refused, and not yet told. */
  #refused = 0;

  constructor(limit: number, log: Log, requestLog: RequestLog | null = null, meter: Meter | null = null) {
    this.#limit = limit;
    this.#log = log;
    this.#requestLog = requestLog;
    this.#meter = meter;
  }

  /** `handler`, which is not called while `traffic` is at the limit: the answer is a 503 that asks to try again in a second. */
  guard(handler: NativeHandler, traffic: Pick<Traffic, "inFlight">, door: { readonly closing: boolean }): NativeHandler {
    return (request, platform) => {
      if (traffic.inFlight < this.#limit) return handler(request, platform);
      this.#meter?.end(this.#meter.begin(), 503);
      if (this.#refused++ === 0) setTimeout(() => this.#tell(), TELL);
      const closing = door.closing ? { connection: "close" } : {};
      const response = plainAnswer(503, TEXT, { "retry-after": "1", ...closing });
      this.#requestLog?.refuse({ since: performance.now(), request, platform }, response, TEXT.length);
      return response;
    };
  }

  /** A burst is told once, when it has lasted a second. */
  #tell(): void {
    this.#log("warning", "overloaded", { refused: this.#refused, limit: this.#limit });
    this.#refused = 0;
  }
}
