/** What `tsgi doctor` thinks of a machine and settings: pure judgement over what was read. */

/** What was read; null where this system does not tell. */
export interface Readings {
  readonly platform: string;
  readonly settings: Judged;
  /** The runtime of the workers, as it would be started. */
  readonly runtime: { readonly name: string; readonly version: string | null; readonly minimum: string };
  /** Why sockets cannot be handed to workers. */
  readonly noAdoption: string | null;
  readonly somaxconn: number | null;
  /** Descriptors a worker may have. */
  readonly openFiles: { readonly soft: number; readonly hard: number } | null;
  readonly migratesRequests: boolean | null;
  /** CPUs that this process may use, quotas included. */
  readonly cpus: number;
  /** Bytes that this process and its workers may have together. */
  readonly memory: number | null;
  /** The commands of this process's ancestors, the nearest first. */
  readonly ancestors: readonly (readonly string[])[];
  readonly pid: number;
  /** The command of PID 1 as seen from here. */
  readonly init: readonly string[] | null;
  readonly uid: number | null;
  /** Why tsgi would be gone some day from where it is. */
  readonly temporary: string | null;
  /** The certificates that are to be served, and from when until when they hold, in milliseconds since 1970. */
  readonly certificates: readonly { readonly path: string; readonly from: number; readonly until: number }[];
  readonly now: number;
  /** Places that must be written to, and why that cannot be done. */
  readonly places: readonly { readonly what: string; readonly path: string; readonly problem: string | null }[];
}

/** Those of the settings that a machine can be wrong for. */
export interface Judged {
  readonly backlog: number;
  readonly reusePort: boolean;
  readonly workers: number;
  readonly workerConnections: number;
  readonly maxRss: number;
  readonly reloadStrategy: string;
  readonly maxSurge: number;
  readonly user: string | null;
}

/** error: it will not serve, or not as set. warning: it serves, and something will hurt. ok: looked at. */
export interface Finding {
  readonly check: string;
  readonly level: "ok" | "warning" | "error";
  readonly message: string;
  /** What to do about it. */
  readonly remedy?: string;
}

/** One finding for each thing that could be looked at, in this order. */
export function diagnose(readings: Readings): Finding[] {
  return CHECKS.flatMap((check) => check(readings) ?? []);
}

const CHECKS: readonly ((readings: Readings) => Finding | readonly Finding[] | null)[] = [
  runtime, installation, sockets, backlog, migration, openFiles, cpus, memory, starter, firstProcess, identity, certificates, places,
];

/** Descriptors of a worker besides its connections: files, the runtime's own, outgoing connections. */
const SPARE_DESCRIPTORS = 100;
/** MiB of a worker that has loaded next to nothing. */
const SMALLEST_WORKER = 60;
const MIB = 2 ** 20;
const DAY = 86_400_000;
/** certbot renews when a third of the time is left, which is 30 days of Let's Encrypt's 90. */
const FEW_DAYS = 14;
const RENEW = "certbot renew; the server takes the new one by itself";

function runtime({ runtime: { name, version, minimum } }: Readings): Finding {
  if (version === null) return error("runtime", `${name} is to run the workers, and it is not in PATH`, `install ${name}, or leave --runtime out`);
  if (isOlder(version, minimum)) return error("runtime", `${name} ${version} is older than ${minimum}, and has holes that tsgi relies on being closed`, `update ${name}`);
  return ok("runtime", `${name} ${version}`);
}

function installation({ temporary }: Readings): Finding | null {
  return temporary === null ? null : warning("installation", temporary, "npm install tsgi where your application is, and start node_modules/.bin/tsgi");
}

function sockets({ platform: name, noAdoption, settings }: Readings): Finding {
  if (settings.reusePort) return ok("sockets", "workers bind by themselves, as --reuse-port says");
  if (noAdoption !== null) {
    return warning("sockets", `${noAdoption}: workers bind by themselves, and a reload can lose connections that wait`, name === "linux" ? "allow FFI, on glibc or musl" : "deploy on Linux");
  }
  return ok("sockets", "held by the arbiter: a reload loses no connection");
}

function backlog({ somaxconn, settings }: Readings): Finding | null {
  if (somaxconn === null) return null;
  if (somaxconn >= settings.backlog) return ok("backlog", `${settings.backlog} connections may wait, and net.core.somaxconn allows ${somaxconn}`);
  return warning("backlog", `${settings.backlog} connections are to wait, and net.core.somaxconn allows ${somaxconn}`, `sysctl -w net.core.somaxconn=${settings.backlog}, or --backlog ${somaxconn}`);
}

function migration({ migratesRequests, settings, noAdoption, platform: name }: Readings): Finding | null {
  if (name !== "linux" || (!settings.reusePort && noAdoption === null) || migratesRequests === null) return null;
  if (migratesRequests) return ok("migration", "net.ipv4.tcp_migrate_req is on: what waits at a worker that leaves goes to another");
  return warning("migration", "workers bind by themselves, and net.ipv4.tcp_migrate_req is off: what waits at a worker that leaves is lost", "sysctl -w net.ipv4.tcp_migrate_req=1");
}

function openFiles({ openFiles: limit, settings }: Readings): Finding | null {
  if (limit === null) return null;
  const wanted = settings.workerConnections + SPARE_DESCRIPTORS;
  if (limit.soft >= wanted) return ok("open files", `a worker may have ${count(limit.soft)}, and needs some ${wanted}`);
  const how = limit.hard >= wanted ? `ulimit -n ${wanted}` : `LimitNOFILE=${wanted} in the unit, or /etc/security/limits.conf`;
  return warning("open files", `a worker may have ${count(limit.soft)} open files, and --worker-connections ${settings.workerConnections} needs some ${wanted}`, `${how}; or --worker-connections ${Math.max(1, limit.soft - SPARE_DESCRIPTORS)}`);
}

function cpus({ cpus: number, settings }: Readings): Finding {
  const { workers } = settings;
  if (workers > 2 * number + 1) return warning("cpus", `${workers} workers share ${number} ${number === 1 ? "CPU" : "CPUs"}: they take turns, and memory`, `--workers auto, which is ${number} here`);
  return ok("cpus", `${workers} ${workers === 1 ? "worker" : "workers"} on ${number} ${number === 1 ? "CPU" : "CPUs"}`);
}

/** A reload that replaces all at once has both generations in memory. */
function memory({ memory: limit, settings }: Readings): Finding | null {
  if (limit === null) return null;
  const { workers, maxRss, reloadStrategy, maxSurge } = settings;
  const surplus = reloadStrategy === "rolling" ? maxSurge : workers;
  const [processes, allowed] = [workers + surplus + 1, Math.floor(limit / MIB)];
  if (processes * SMALLEST_WORKER > allowed) {
    return warning("memory", `${allowed} MiB are allowed, and a reload has ${processes} processes of at least ${SMALLEST_WORKER} MiB`, surplus > 1 ? "fewer --workers, or --reload-strategy rolling" : "fewer --workers, or a higher limit");
  }
  if (maxRss * workers > allowed) {
    return warning("memory", `${allowed} MiB are allowed, and ${workers} workers may grow to ${maxRss} MiB each (--max-rss): the kernel kills them first`, `--max-rss ${Math.floor(allowed / processes)}`);
  }
  return ok("memory", `${allowed} MiB for ${processes} processes during a reload`);
}

function starter({ ancestors }: Readings): Finding {
  const found = ancestors.map(runnerOf).find((name) => name !== null);
  if (found === undefined) return ok("starter", "no package runner between tsgi and who started it");
  return warning("starter", `${found} started it, stays as its parent, and does not pass every signal on`, "start node_modules/.bin/tsgi, as the units of tsgi init do");
}

function runnerOf(command: readonly string[]): string | null {
  const [first = "", second = "", third = ""] = command.map((word) => word.split("/").at(-1)!);
  const runsScript = /^(?:node|bun|deno)(?:\.exe)?$/.test(first);
  const program = (runsScript ? second : first).replace(/\.[cm]?js$/, "").replace(/-cli$/, "");
  const verb = runsScript ? third : second;
  if (program === "bunx" || program === "npx") return program;
  if (first === "bun" && second === "x") return "bun x";
  const runs = { npm: ["exec", "x", "run", "start"], pnpm: ["dlx", "exec", "run", "start"], yarn: ["dlx", "exec", "run", "start"] };
  for (const [name, verbs] of Object.entries(runs)) if (program === name && verbs.includes(verb)) return `${name} ${verb}`;
  // npm calls itself "npm exec tsgi", all in one word.
  return /^(npm (?:exec|run|start)|npx|bunx)\b/.exec(first)?.[1] ?? null;
}

function firstProcess({ init, pid }: Readings): Finding | null {
  if (pid === 1) return ok("pid 1", "tsgi is it: it passes signals on to its workers, and takes care of orphans");
  const [name = ""] = init?.map((word) => word.split("/").at(-1)!.replace(/^-/, "")) ?? [];
  if (!["sh", "bash", "dash", "ash", "busybox", "npm", "npx", "bunx"].includes(name)) return init === null ? null : ok("pid 1", name);
  return warning("pid 1", `${name} is the first process here, and does not pass TERM on: a container is killed in the middle of its requests`, 'CMD ["bun", ...] as a list, or exec before the command in a script');
}

function identity({ uid, settings }: Readings): Finding | null {
  if (uid !== 0) return null;
  if (settings.user !== null) return ok("user", `the workers run as ${settings.user}`);
  return warning("user", "the workers run as root", "--user, or start it as another user, as the units and images of tsgi init do");
}

function certificates({ certificates: all, now }: Readings): readonly Finding[] {
  return all.map(({ path, from, until }) => {
    const days = Math.floor((until - now) / DAY);
    if (now > until) return error("certificate", `${path} has expired ${-days === 1 ? "less than a day" : `${-days - 1} ${-days === 2 ? "day" : "days"}`} ago: clients refuse it`, RENEW);
    if (now < from) return error("certificate", `${path} is not valid yet, but from ${new Date(from).toISOString()} on`, "set this machine's clock, or serve the one before");
    if (days < FEW_DAYS) return warning("certificate", `${path} expires in ${days === 0 ? "less than a day" : `${days} ${days === 1 ? "day" : "days"}`}: whatever renews it does not`, RENEW);
    return ok("certificate", `${path} is valid for ${days} days`);
  });
}

function places({ places: all }: Readings): readonly Finding[] {
  return all.map(({ what, path, problem }) => problem === null ? ok(what, `${path} can be written to`) : error(what, `${path}: ${problem}`, "create it, or give its user the right to it; or name another place"));
}

/** `a` and `b` as 1.4.5, or 1.4.5-canary. */
function isOlder(a: string, b: string): boolean {
  const [left, right] = [a, b].map((text) => text.split(/[.+-]/).map(Number));
  const at = right!.findIndex((number, i) => number !== left![i]);
  return at >= 0 && (left![at] ?? 0) < right![at]!;
}

function count(limit: number): string {
  return limit === Infinity ? "any number" : String(limit);
}

function ok(check: string, message: string): Finding {
  return { check, level: "ok", message };
}

function warning(check: string, message: string, remedy: string): Finding {
  return { check, level: "warning", message, remedy };
}

function error(check: string, message: string, remedy: string): Finding {
  return { check, level: "error", message, remedy };
}
