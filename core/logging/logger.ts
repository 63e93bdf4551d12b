/** Makes a {@linkcode Log} that writes lines: filters by level, formats, and hands each on. */
import { formatLine, formatMessage, type LogFormat } from "./format.ts";
import { type Level, LEVELS, type Log } from "./record.ts";

export interface LoggerOptions {
  /** The quietest level that is written; a function is asked each time. */
  readonly level: Level | (() => Level);
  readonly format: LogFormat;
  readonly pid: number;
  /** The id of the worker that writes; absent in the arbiter. */
  readonly worker?: number;
  /** Its TSGI_WORKER_ID. */
  readonly workerId?: number;
  /** Takes one record, without the line end. Must not throw. */
  readonly write: (line: string) => void;
  /** Takes it once more as syslog wants it: what says the time and the level otherwise is left out of text. */
  readonly syslog?: (level: Level, text: string) => void;
  readonly time?: () => Date;
}

/**
 * A log that writes what is at least as loud as `level`.
 *
 * @example
 * ```ts
 * const log = createLogger({ level: "info", format: "text", pid: 18892, write: (line) => console.error(line) });
 * log("info", "booting", { pid: 18933 }); // [2026-11-20 15:07:07 +0000] [18892] [INFO] Booting worker with pid: 18933
 * ```
 */
export function createLogger(options: LoggerOptions): Log {
  const { format, pid, write, syslog, time = () => new Date() } = options;
  const { level: threshold, worker, workerId } = options;
  const quietest = typeof threshold === "function" ? threshold : () => threshold;
  const who = { ...(worker === undefined ? {} : { worker }), ...(workerId === undefined ? {} : { workerId }) };
  return (level, event, fields = {}) => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(quietest())) return;
    const record = { level, event, fields };
    const origin = { time: time(), pid, ...who };
    write(formatLine(record, origin, format));
    syslog?.(level, formatMessage(record, origin, format));
  };
}
