/**
 * The two forms of a record. Text is gunicorn's: `[2026-11-20 15:07:07 +0000] [18892] [INFO] Booting worker with pid: 18933`;
 * JSON is one object per line.
 *
 * Rules:
 *
 * - A sentence is one line whatever its fields contain.
 * - A field `request_id` stands behind the sentence, in brackets.
 * - Fields `stack` and `detail` follow in text form on lines of their own, each indented, so that none can begin like a record.
 * - In JSON the record's own names win: a field that is called like one of them is written as `field_NAME`. The process in question
 *   (`pid` of a worker that the arbiter murdered) is not the process that writes.
 * - Nothing throws: a log that fails on a strange value hides the error that was to be logged.
 */
import { cut, escape, escapeJson, FIELD_LIMIT } from "./escape.ts";
import { MESSAGES } from "./messages.ts";
import type { Fields, LogRecord } from "./record.ts";
import { errorLogTime } from "./time.ts";

export const LOG_FORMATS = ["text", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Who writes, and when. */
export interface LineOrigin {
  readonly time: Date;
  readonly pid: number;
  /** The worker's id; the arbiter has none. JSON only. */
  readonly worker?: number;
  /** Its TSGI_WORKER_ID, which its successor has too. JSON only. */
  readonly workerId?: number;
}

/** One record as text, without the line end. Only `stack` and `detail` in text form make more than one line. */
export function formatLine(record: LogRecord, origin: LineOrigin, format: LogFormat): string {
  return format === "json" ? jsonLine(record, origin) : textLine(record, origin);
}

/** One record without what syslog has in fields of its own. */
export function formatMessage(record: LogRecord, origin: LineOrigin, format: LogFormat): string {
  return format === "json" ? jsonLine(record, origin) : textMessage(record);
}

const DETAILS = ["stack", "detail"] as const;
/** The longest stack in code units, and the most lines of it. */
const DETAIL_LIMIT = 65_536;
const DETAIL_LINES = 200;

function textLine(record: LogRecord, { time, pid }: LineOrigin): string {
  return `${errorLogTime(time.getTime())} [${pid}] [${record.level.toUpperCase()}] ${textMessage(record)}`;
}

function textMessage(record: LogRecord): string {
  const { request_id: id } = record.fields;
  let text = escape(sentence(record), "text") + (typeof id === "string" ? ` (request ${escape(id, "text")})` : "");
  for (const name of DETAILS) {
    const detail = record.fields[name];
    if (typeof detail === "string" && detail !== "") text += indented(detail);
  }
  return text;
}

function indented(detail: string): string {
  const lines = cut(detail, DETAIL_LIMIT).split(/\r?\n/);
  const more = lines.length > DETAIL_LINES ? `\n  [+${lines.length - DETAIL_LINES} lines]` : "";
  return lines.slice(0, DETAIL_LINES).map((line) => `\n  ${escape(line, "text")}`).join("") + more;
}

const RESERVED = new Set(["time", "level", "pid", "worker", "workerId", "event", "message"]);

function jsonLine(record: LogRecord, { time, pid, worker, workerId }: LineOrigin): string {
  const object: Record<string, unknown> = { time: time.toISOString(), level: record.level, pid };
  if (worker !== undefined) object.worker = worker;
  if (workerId !== undefined) object.workerId = workerId;
  object.event = record.event;
  object.message = sentence(record);
  for (const [name, value] of Object.entries(record.fields)) object[RESERVED.has(name) ? `field_${name}` : name] = value;
  return jsonText(object);
}

/** Any object as one line of JSON: what JSON cannot hold becomes text. */
export function jsonText(object: Readonly<Record<string, unknown>>): string {
  try {
    return escapeJson(JSON.stringify(object, plain));
  } catch {
    // A cycle, or a getter that throws. Field by field, so that the others are kept.
    return escapeJson(JSON.stringify(Object.fromEntries(Object.entries(object).map(([name, value]) => [name, alone(value)]))));
  }
}

function alone(value: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(value, plain) ?? "null");
  } catch (error) {
    return `[cannot be written: ${textOf(error)}]`;
  }
}

function plain(name: string, value: unknown): unknown {
  if (typeof value === "string") return cut(value, name === "stack" || name === "detail" ? DETAIL_LIMIT : FIELD_LIMIT);
  if (typeof value === "bigint" || typeof value === "symbol") return String(value);
  if (typeof value === "function") return "[function]";
  if (value instanceof Error) return { name: value.name, message: value.message, stack: value.stack };
  return value;
}

function sentence(record: LogRecord): string {
  try {
    return (MESSAGES[record.event] as (fields: Fields) => string)(record.fields);
  } catch {
    // A field that cannot be made text: the event word says which record it was.
    return record.event;
  }
}

function textOf(error: unknown): string {
  try {
    return cut(String(error), 200);
  } catch {
    return "unknown";
  }
}
