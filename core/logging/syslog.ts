/**
 * Syslog: where it is, and what a line looks like there.
 *
 * Rules:
 *
 * - The form `gunicorn` is gunicorn's, `<14>tsgi.PREFIX.error: [18933] Booting worker with pid: 18933`, which every receiver reads, /dev/log too:
 *   priority, tag and message, to which the receiver adds time and host. gunicorn's NUL at the end is left out.
 * - The form `rfc5424` has time, host and process in fields of their own. RFC 5424 with NILVALUE for what is unknown.
 * - A message is one line: a stack goes out line by line, each a message with the same head.
 * - What is cut off because no datagram would hold it is counted: `[+N]`.
 */
import type { Settings } from "../settings/table.ts";
import type { Level } from "./record.ts";
import { FACILITIES } from "./syslog_names.ts";

/** Where the receiver is. A unix socket whose type is not said is tried as both, datagrams first. */
export type SyslogAddress =
  | { readonly kind: "udp" | "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string; readonly type: "dgram" | "stream" | null };

const SEVERITY: Readonly<Record<Level, number>> = { debug: 7, info: 6, warning: 4, error: 3, critical: 2 };
const DEFAULT_PORT = 514;
/** RFC 5424 6.2.5. */
const LONGEST_APP_NAME = 48;

/**
 * Reads gunicorn's `udp://HOST:PORT`, `tcp://HOST:PORT` and `unix://PATH`, with `#dgram` or `#stream` behind a path.
 *
 * Throws SyntaxError for anything else.
 *
 * @example
 * ```ts
 * parseSyslogAddress("udp://[::1]"); // { kind: "udp", host: "::1", port: 514 }
 * ```
 */
export function parseSyslogAddress(text: string): SyslogAddress {
  const unix = /^unix:\/\/([^#]+)(?:#(dgram|stream))?$/.exec(text);
  if (unix !== null && !unix[1]!.includes("\0")) return { kind: "unix", path: unix[1]!, type: (unix[2] ?? null) as "dgram" | "stream" | null };
  const net = /^(udp|tcp):\/\/(?:\[([\da-fA-F:.%\w]+)\]|([^[\]:/?#@\s]*))(?::(\d{1,5}))?$/.exec(text);
  const port = net?.[4] === undefined ? DEFAULT_PORT : Number(net[4]);
  if (net === null || port < 1 || port > 65_535) throw new SyntaxError("expected udp://HOST:PORT, tcp://HOST:PORT, or unix://PATH with #dgram or #stream behind it if that is known");
  return { kind: net[1] as "udp" | "tcp", host: (net[2] ?? net[3]!).toLowerCase() || "localhost", port };
}

/** As it is written in the settings. */
export function showSyslogAddress(address: SyslogAddress): string {
  if (address.kind === "unix") return `unix://${address.path}${address.type === null ? "" : `#${address.type}`}`;
  return `${address.kind}://${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
}

export interface SyslogOrigin {
  readonly pid: number;
  /** The machine's name; for RFC 5424. */
  readonly hostname: string;
  readonly time?: () => Date;
}

/** Makes messages of lines: those of the error log, as `error`, and of the access log, as `access`. */
export type SyslogForm = (log: "error" | "access", level: Level, text: string) => readonly string[];

export function syslogForm(settings: Pick<Settings, "logSyslogFacility" | "logSyslogPrefix" | "logSyslogFormat" | "name" | "app">, origin: SyslogOrigin): SyslogForm {
  const facility = FACILITIES[settings.logSyslogFacility] * 8;
  const tag = `tsgi.${settings.logSyslogPrefix ?? settings.name ?? settings.app ?? "app"}`.replace(/[^\w.-]+/g, ".");
  const { pid, time = () => new Date() } = origin;
  const hostname = /^[\x21-\x7e]{1,255}$/.test(origin.hostname) ? origin.hostname : "-";
  const head = settings.logSyslogFormat === "rfc5424"
    ? (log: string) => `1 ${time().toISOString()} ${hostname} ${tag.slice(0, LONGEST_APP_NAME)} ${pid} ${log} - `
    : (log: string) => `${tag}.${log}: [${pid}] `;
  return (log, level, text) => {
    const begun = `<${facility + SEVERITY[level]}>${head(log)}`;
    return text.includes("\n") ? text.split("\n").map((line) => begun + line) : [begun + text];
  };
}
