/** The logs of a worker: files and standard streams, and syslog beside them. */
import type { LogRing } from "../black_box/log_ring.ts";
import { createLogger } from "../logging/logger.ts";
import type { Level, Log } from "../logging/record.ts";
import { parseSyslogAddress, syslogForm } from "../logging/syslog.ts";
import type { ToWorker } from "./message.ts";
import type { LogTarget, WorkerSystem } from "./process.ts";

type System = Pick<WorkerSystem, "pid" | "openLog" | "openSyslog" | "hostname">;

export interface Logs {
  readonly log: Log;
  /** Closes syslog too: to be closed last. */
  readonly errors: LogTarget;
  /** Null if nobody wants a line per request. */
  readonly access: LogTarget | null;
  readonly setLevel: (level: Level) => void;
}

/** `ring` keeps the last records for the arbiter. */
export function openLogs(system: System, { settings, id, slot }: Extract<ToWorker, { type: "start" }>, ring: LogRing | null): Logs {
  // What is told of a log is written into the error log, which is there by the time there is something to tell.
  const told = (reason: string) => log("error", "log-lost", { reason });
  const errors = system.openLog(settings.errorLogfile, "errors", told);
  const file = settings.accessLogfile === null ? null : system.openLog(settings.accessLogfile, "access", told);
  const syslog = settings.logSyslog
    ? system.openSyslog(parseSyslogAddress(settings.logSyslogTo), {
      away: (fields) => log("warning", "syslog-away", fields),
      back: (fields) => log("warning", "syslog-back", fields),
    })
    : null;
  const form = syslog === null ? null : syslogForm(settings, { pid: system.pid, hostname: system.hostname() });
  let level = settings.logLevel;
  const log = createLogger({
    level: () => level,
    format: settings.logFormat,
    pid: system.pid,
    worker: id,
    workerId: slot,
    write: (line) => {
      ring?.write(line);
      errors.write(line);
    },
    ...(syslog === null ? {} : { syslog: (severity, text) => form!("error", severity, text).forEach((message) => syslog.send(message)) }),
  });
  const access = syslog === null || settings.disableRedirectAccessToSyslog ? file : {
    write: (line: string) => {
      file?.write(line);
      for (const message of form!("access", "info", line)) syslog.send(message);
    },
    reopen: () => file?.reopen(),
    close: () => file?.close(),
  };
  const both = syslog === null ? errors : {
    write: (line: string) => errors.write(line),
    reopen: () => errors.reopen(),
    close: () => {
      // What becomes of it is still to be told.
      syslog.close();
      errors.close();
    },
  };
  return { log, errors: both, access, setLevel: (to) => (level = to) };
}
