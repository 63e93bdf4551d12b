/**
 * `worker-allow-*`: what workers may do, where the runtime asks (Deno). Whoever gives one of them takes everything else from workers, but for what
 * they cannot do without: to read tsgi, the application and its configuration, to write their logs, and to listen.
 *
 * To adopt a socket takes the C library, which is everything, and /proc, which Deno shows only to who may do everything. So workers have to
 * bind by themselves, and do without all else that the C library is for.
 */
import { cannotUse, type Problem } from "../settings/problem.ts";
import type { SettingName, Settings } from "../settings/table.ts";

/** Paths, hosts and programs, by Deno's names; `*` is all of them. */
export interface Permissions {
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly net: readonly string[];
  readonly run: readonly string[];
}

const NAMES = ["workerAllowRead", "workerAllowWrite", "workerAllowNet", "workerAllowRun"] as const;

/** Null where workers may do everything. `logs` are the files that they write, `sources` the folders that they cannot do without. */
export function permissionsOf(settings: Settings, { logs, sources }: { readonly logs: readonly string[]; readonly sources: readonly string[] }): Permissions | null {
  if (!isRestricted(settings)) return null;
  const { workerAllowRead, workerAllowWrite, workerAllowNet, workerAllowRun, bind } = settings;
  const places = bind.flatMap((address) => address.kind === "tcp" ? [placeOf(address.host === "" ? "0.0.0.0" : address.host, address.port)] : []);
  return { read: [...workerAllowRead, ...sources, ...logs], write: [...workerAllowWrite, ...logs], net: [...workerAllowNet, ...places], run: workerAllowRun };
}

export function permissionProblems(settings: Settings, sources: Readonly<Record<SettingName, string>>): Problem[] {
  const reason = isRestricted(settings) ? obstacle(settings) : null;
  return NAMES.flatMap((name) => {
    const isWrong = settings[name].some((value) => value === "" || value.includes(","));
    const why = settings[name].length === 0 ? null : isWrong ? `expected values without commas, or *, got ${JSON.stringify(settings[name])}` : reason;
    return why === null ? [] : [cannotUse(sources[name], why)];
  });
}

/** Whether workers may not do everything. */
export function isRestricted(settings: Pick<Settings, typeof NAMES[number]>): boolean {
  return NAMES.some((name) => settings[name].length > 0);
}

/** Why workers cannot be restricted; null if they can. */
function obstacle({ runtime, reusePort, bind, workerClass, interface: kind, initgroups, logSyslog }: Settings): string | null {
  if (runtime !== "deno") return `${runtime === "bun" ? "Bun" : "Node"} asks for no permission of this kind; use --runtime deno, or what the system has, such as systemd's ProtectSystem and SystemCallFilter`;
  if (!reusePort) return "to adopt the arbiter's socket a worker needs the C library, with which it may do everything; add --reuse-port, and read in DESIGN.md what that costs";
  if (bind.some((address) => address.kind !== "tcp")) return "with --reuse-port workers bind TCP addresses alone; leave out the others";
  if (kind === "wsgi") return "Python is not bound by Deno's permissions; use what the system has, such as systemd's ProtectSystem";
  if (workerClass !== "async") return "worker classes other than async share sockets by the C library; leave out --worker-class and --threads";
  if (initgroups) return "--initgroups needs the C library in workers; leave it out, --user and --group do without";
  if (logSyslog) return "--log-syslog needs the C library in workers; log to a file or to standard output";
  return null;
}

function placeOf(host: string, port: number): string {
  const written = host.includes(":") ? `[${host}]` : host;
  return port === 0 ? written : `${written}:${port}`;
}
