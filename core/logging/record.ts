/**
 * A log record is data until the last moment: a level, a stable event word, and one thing per field.
 * messages.ts makes gunicorn's sentences from it, format.ts a line of text or JSON.
 */
import type { MESSAGES } from "./messages.ts";

/** From quiet to loud, gunicorn's `loglevel`. */
export const LEVELS = ["debug", "info", "warning", "error", "critical"] as const;
export type Level = (typeof LEVELS)[number];

/** Every event has its sentence in messages.ts. */
export type EventName = keyof typeof MESSAGES;

export type Fields = Readonly<Record<string, unknown>>;

export interface LogRecord {
  readonly level: Level;
  readonly event: EventName;
  readonly fields: Fields;
}

export type Log = (level: Level, event: EventName, fields?: Fields) => void;
