/**
 * What a worker tells the arbiter for its status page: what it logs as warning or worse, and the requests it answers with 5xx, of which an
 * application need not log a word. In lots, and never more than a person reads.
 */
import { cut, escape } from "../logging/escape.ts";
import { MESSAGES } from "../logging/messages.ts";
import { type EventName, type Fields, type Level, LEVELS, type Log } from "../logging/record.ts";
import type { NativeHandler } from "./listener.ts";
import type { WorkerSystem } from "./process.ts";
import { requestLine } from "./register.ts";

export interface Note {
  /** Seconds since 1970. */
  readonly time: number;
  readonly level: Level;
  /** The log's word for it, or `answered-5xx`. */
  readonly event: string;
  /** One line, without control characters. */
  readonly text: string;
}

/** How often they are told, in milliseconds. */
const PERIOD = 500;
/** In that time; what is beyond is counted. */
const MOST = 20;
const LONGEST = 500;

/** A log record as a note. Of what follows in lines of its own, the first says why; the rest is in the log. */
export function noteOf(level: Level, event: EventName, fields: Fields): Note {
  const [why = ""] = typeof fields.detail === "string" ? fields.detail.trim().split("\n") : [];
  const text = sentence(event, fields) + (why === "" ? "" : `: ${why}`);
  return { time: Date.now() / 1000, level, event, text: escape(cut(text, LONGEST), "text") };
}

/** As in format.ts: a strange value must not stop whoever logs it. */
function sentence(event: EventName, fields: Fields): string {
  try {
    return (MESSAGES[event] as (fields: Fields) => string)(fields);
  } catch {
    return event;
  }
}

/** Whether a record is for the eyes of everybody. */
export function isLoud(level: Level): boolean {
  return LEVELS.indexOf(level) >= LEVELS.indexOf("warning");
}

export class Notes {
  readonly #send: WorkerSystem["send"];
  #notes: Note[] = [];
  #lost = 0;
  /** The requests whose failure the log has told, as `GET /path`: their 500 is no news. */
  readonly #told = new Set<string>();

  constructor(system: Pick<WorkerSystem, "every" | "send">) {
    this.#send = (message) => system.send(message);
    system.every(PERIOD, () => this.tell());
  }

  /** `log`, with an ear to it. */
  hear(log: Log): Log {
    return (level, event, fields = {}) => {
      log(level, event, fields);
      if (!isLoud(level)) return;
      const failed = failedRequest(event, fields);
      if (failed !== null && this.#told.size < MOST) this.#told.add(failed);
      this.#add(noteOf(level, event, fields));
    };
  }

  /** `handler`, with an eye on what it answers with 5xx. */
  watch(handler: NativeHandler): NativeHandler {
    return (request, platform) => {
      const answer = handler(request, platform);
      if (answer instanceof Response) this.#look(request, answer);
      else answer.then((response) => this.#look(request, response), () => {}); // The native server is told.
      return answer;
    };
  }

  /** What there is to tell. */
  tell(): void {
    this.#told.clear();
    if (this.#notes.length === 0) return;
    this.#send({ type: "noted", notes: this.#notes, lost: this.#lost });
    this.#notes = [];
    this.#lost = 0;
  }

  #look(request: Request, { status }: Response): void {
    if (status < 500) return;
    const line = requestLine(request);
    if (!this.#told.has(line)) this.#add({ time: Date.now() / 1000, level: "error", event: "answered-5xx", text: `${line} was answered with ${status}` });
  }

  #add(note: Note): void {
    if (this.#notes.length < MOST) this.#notes.push(note);
    else this.#lost++;
  }
}

/** What request a record says has failed: a Fetch handler's has fields, a TSGI application's is the first line of what the gateway writes. */
function failedRequest(event: EventName, fields: Fields): string | null {
  if (event === "request-error") return requestLine({ method: String(fields.method), url: String(fields.path) });
  return event === "application" ? /^Error handling request (\S+ \S+)/.exec(String(fields.text))?.[1] ?? null : null;
}
