/**
 * The requests of a worker that are being handled: who they are, for the logs, and who still waits for an answer, for the end.
 *
 * The rules:
 *
 * 1. A request that is answered at once costs nothing but its entry in the register, if there is one.
 * 2. An awaited answer can be given by us instead, once: when the worker has to end, nobody is left without one.
 * 3. A slow request is told of once, while it is slow if the loop turns, else when it is over.
 */
import type { Log } from "../logging/record.ts";
import type { Meter } from "../metrics/meter.ts";
import type { Settings } from "../settings/table.ts";
import { identityFields, requestIdentity } from "../tracing/request_identity.ts";
import { isAwaited, plainAnswer } from "./fetch_answer.ts";
import type { NativeHandler } from "./listener.ts";
import type { Millis } from "./process.ts";
import { type Register, requestLine } from "./register.ts";
import type { RequestLog } from "./request_log.ts";

export interface InFlightOptions {
  readonly settings: Pick<Settings, "slowRequest" | "loopLag"> & Partial<Pick<Settings, "requestId">>;
  /** Null without a watchdog. */
  readonly register: Register | null;
  /** Null with --no-metrics. */
  readonly meter: Meter | null;
  readonly log: Log;
  /** Where those are written who are answered here; null without an access log. */
  readonly requestLog: RequestLog | null;
  readonly now: () => Millis;
}

/** A request whose answer is awaited. */
interface Awaited {
  readonly request: Request;
  readonly platform: unknown;
  readonly since: Millis;
  readonly answer: (response: Response) => void;
  isSlow: boolean;
  /** Where it stands among those who are awaited; -1 once it is over. */
  place: number;
}

/** The handler call that held the loop up longest. */
interface Longest {
  readonly line: string;
  readonly time: Millis;
}

export class InFlight {
  readonly #options: InFlightOptions;
  /**
   * No Set: V8's leads from each table that it has outgrown to the next, so one old table kept what had been awaited since, until a full
   * collection: nine in ten scavenges took up to 8 ms, and take up to 1.
   */
  readonly #awaited: Awaited[] = [];
  readonly #slow: Millis;
  #longest: Longest | null = null;
  #isRefusing = false;

  constructor(options: InFlightOptions) {
    this.#options = options;
    this.#slow = options.settings.slowRequest * 1000 || Infinity;
  }

  /** `handler`, with an eye on each request. */
  attend(handler: NativeHandler): NativeHandler {
    const { register, meter, settings, now } = this.#options;
    const isNamed = settings.requestId === true;
    const attended: NativeHandler = (request, platform) => {
      const begun = meter === null ? 0 : meter.begin();
      const slot = register === null ? 0 : register.enter(request.method, request.url, isNamed ? requestIdentity(request)?.id : undefined);
      const answer = handler(request, platform);
      if (isAwaited(answer)) return this.#follow({ request, platform }, slot, begun, answer);
      const { status } = answer;
      register?.leave(slot, status);
      if (meter !== null) meter.end(begun, status);
      return answer;
    };
    if (settings.slowRequest === 0 && settings.loopLag === 0) return attended;
    return (request, platform) => {
      const since = now();
      const answer = attended(request, platform);
      this.#called(request, now() - since, !isAwaited(answer));
      return answer;
    };
  }

  /** Tells of the awaited requests that have become slow. To be called twice a second. */
  look(): void {
    const now = this.#options.now();
    for (const one of this.#awaited) {
      if (one.isSlow || now - one.since <= this.#slow) continue;
      one.isSlow = true;
      this.#options.log("warning", "slow-request", { request: requestLine(one.request), seconds: (now - one.since) / 1000, over: false, ...identityFields(one.request) });
    }
  }

  /** Whom to suspect when the loop was held up for `lag`: the call that took at least half of that, else those who are awaited. */
  suspects(lag: Millis): string {
    const longest = this.#longest;
    this.#longest = null;
    if (longest !== null && longest.time * 2 >= lag) return longest.line;
    const oldest = [...this.#awaited].sort((a, b) => a.since - b.since).slice(0, 10);
    return oldest.map(({ request }) => requestLine(request)).join(", ");
  }

  /** Forgets the calls so far: the loop turned in time. */
  relax(): void {
    this.#longest = null;
  }

  /** Answers everybody who waits, and whoever comes from now on and would have to wait, with 503; how many waited. */
  refuse(): number {
    this.#isRefusing = true;
    const waiting = this.#awaited.splice(0);
    for (const one of waiting) {
      one.place = -1;
      this.#refuse(one);
    }
    return waiting.length;
  }

  #called(request: Request, time: Millis, isOver: boolean): void {
    if (this.#longest === null || time > this.#longest.time) this.#longest = { line: requestLine(request), time };
    if (isOver && time > this.#slow) this.#options.log("warning", "slow-request", { request: requestLine(request), seconds: time / 1000, over: true, ...identityFields(request) });
  }

  #forget(one: Awaited): void {
    if (one.place < 0) return;
    const last = this.#awaited.pop()!;
    if (last !== one) {
      this.#awaited[one.place] = last;
      last.place = one.place;
    }
    one.place = -1;
  }

  #refuse(one: Awaited): void {
    const response = plainAnswer(503, TEXT, { connection: "close" });
    this.#options.requestLog?.refuse(one, response, TEXT.length);
    one.answer(response);
  }

  #follow({ request, platform }: Pick<Awaited, "request" | "platform">, slot: number, begun: Millis, answer: Promise<Response>): Promise<Response> {
    const { register, meter, now } = this.#options;
    const since = now();
    register?.wait(slot, since);
    return new Promise((resolve, reject) => {
      let isMetered = meter !== null;
      const end = (status: number) => {
        if (isMetered) meter!.end(begun, status);
        isMetered = false;
      };
      const give = (response: Response) => {
        end(response.status);
        resolve(response);
      };
      const one: Awaited = { request, platform, since, answer: give, isSlow: false, place: -1 };
      if (this.#isRefusing) this.#refuse(one);
      else one.place = this.#awaited.push(one) - 1;
      const over = (status: number) => {
        this.#forget(one);
        register?.leave(slot, status);
      };
      answer.then((response) => {
        over(response.status);
        give(response);
      }, (error) => {
        over(500);
        end(500);
        reject(error);
      });
    });
  }
}

const TEXT = "Service Unavailable\n";
