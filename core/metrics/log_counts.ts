/** How many log records of a kind were made, whatever of them the log level lets through. */
import type { EventName, Fields, Level, Log } from "../logging/record.ts";

/** A record of level error with a stack, or of which the application wrote more than one line, is an exception, and no error besides. */
export const LOG_KINDS = ["warning", "error", "critical", "exception"] as const;
export type LogKind = (typeof LOG_KINDS)[number];
export type LogStats = Readonly<Record<LogKind, number>>;

/** `log`, with each record of a kind told to `note`. */
export function counted(log: Log, note: (kind: LogKind) => void): Log {
  return (level, event, fields) => {
    const kind = kindOf(level, event, fields);
    if (kind !== null) note(kind);
    log(level, event, fields);
  };
}

export function addLogged(parts: readonly LogStats[]): Record<LogKind, number> {
  const sums = { warning: 0, error: 0, critical: 0, exception: 0 };
  for (const part of parts) for (const kind of LOG_KINDS) sums[kind] += part[kind];
  return sums;
}

function kindOf(level: Level, event: EventName, fields: Fields | undefined): LogKind | null {
  const hasStack = fields?.stack !== undefined || (event === "application" && fields?.detail !== undefined);
  if (level === "error" && hasStack) return "exception";
  return level === "debug" || level === "info" ? null : level;
}
