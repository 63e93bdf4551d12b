/** The arbiter's own way to syslog. */
import { hostname } from "node:os";
import process from "node:process";
import type { Level, Log } from "../core/logging/record.ts";
import { parseSyslogAddress, syslogForm } from "../core/logging/syslog.ts";
import type { Objection } from "../core/settings/problem.ts";
import type { Settings } from "../core/settings/table.ts";
import { openSyslog, syslogObstacle } from "./syslog.ts";

export interface ArbiterSyslog {
  readonly write: (level: Level, text: string) => void;
  close(): void;
}

/** Null if the settings ask for none. */
export function arbiterSyslog(settings: Settings, log: Log): ArbiterSyslog | null {
  if (!settings.logSyslog) return null;
  const syslog = openSyslog(parseSyslogAddress(settings.logSyslogTo), {
    away: (fields) => log("warning", "syslog-away", fields),
    back: (fields) => log("warning", "syslog-back", fields),
  });
  const form = syslogForm(settings, { pid: process.pid, hostname: hostname() });
  return {
    write: (level, text) => form("error", level, text).forEach((message) => syslog.send(message)),
    close: () => syslog.close(),
  };
}

/** What this machine has against syslog. */
export function syslogObjections({ logSyslog }: Pick<Settings, "logSyslog">): Objection[] {
  return logSyslog && syslogObstacle !== null ? [{ name: "logSyslog", reason: `its sockets are opened through the C library, which is not possible here: ${syslogObstacle}` }] : [];
}
