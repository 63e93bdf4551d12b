/** Requests that never reach the application: what each is told, and who else hears of it. */
import { status } from "../gateway/status.ts";
import type { Log } from "../logging/record.ts";
import type { Counter } from "../metrics/registry.ts";
import { identityFields } from "../tracing/request_identity.ts";
import type { Millis } from "./process.ts";
import { peerOf, type RequestLog } from "./request_log.ts";

/** Why a request was refused, as the metric's label has it. */
export type Why = "host" | "target" | "method" | "underscore" | "line" | "fields" | "field-size" | "header" | "coding" | "expectation" | "scheme" | "body" | "body-timeout";

export interface Refusal {
  readonly status: 400 | 405 | 408 | 413 | 414 | 417 | 431 | 501;
  readonly why: Why;
  /** For the log, the end of "Invalid request from ip=...: ". */
  readonly reason: string;
}

/** Lines within a second, beyond which refusals are counted and told together: nobody may fill the log. */
const MOST_LINES = 10;
const SECOND: Millis = 1000;

/** Makes an answer after which the connection is closed; where `Connection: close` alone does not do it, the system has its own way. */
export type LastAnswer = (text: string, init: { readonly status: number; readonly headers: Record<string, string> }) => Response;

export interface RefusalsOptions {
  readonly log: Log;
  readonly requestLog: RequestLog | null;
  /** Of refusals, by `why`; null with --no-metrics. */
  readonly counter: Counter | null;
  readonly lastAnswer?: LastAnswer | undefined;
}

/** Refuses for all the native servers of one worker. */
export class Refusals {
  readonly #options: RefusalsOptions;
  #lines = 0;
  #untold = 0;

  constructor(options: RefusalsOptions) {
    this.#options = options;
  }

  /** The answer, which is in the access log by then. It closes the connection: what follows on it may have been meant as anything. */
  refuse(request: Request, platform: unknown, refusal: Refusal): Response {
    this.note(request, platform, refusal);
    const { requestLog, lastAnswer = plainly } = this.#options;
    const text = `${status(refusal.status).slice(4)}\n`;
    const headers: Record<string, string> = { "content-type": "text/plain; charset=utf-8", connection: "close" };
    const init = { status: refusal.status, headers };
    const response = request.method === "HEAD" ? new Response(null, init) : lastAnswer(text, init);
    requestLog?.refuse({ since: performance.now(), request, platform }, response, text.length);
    return response;
  }

  /** Counts and logs what somebody else answers. */
  note(request: Request, platform: unknown, { why, reason }: Pick<Refusal, "why" | "reason">): void {
    const { log, counter } = this.#options;
    counter?.inc({ why });
    if (this.#lines === 0) setTimeout(() => this.#begin(), SECOND);
    if (++this.#lines <= MOST_LINES) log("warning", "refused", { peer: peerOf(request, platform) ?? "-", reason, why, ...identityFields(request) });
    else this.#untold++;
  }

  #begin(): void {
    if (this.#untold > 0) this.#options.log("warning", "refused-more", { requests: this.#untold });
    this.#lines = 0;
    this.#untold = 0;
  }
}

function plainly(text: string, init: Parameters<LastAnswer>[1]): Response {
  return new Response(text, init);
}

/** A bit of a client's text, between quotes. What could not stand in a log line, the log escapes. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text);
}

/** What `check` has against the first header it does not take. On Deno, `for of` would take seven times as long. */
export function firstRefusal(headers: Headers, check: (value: string, name: string) => Refusal | null): Refusal | null {
  let found: Refusal | null = null;
  headers.forEach((value, name) => {
    found ??= check(value, name);
  });
  return found;
}
