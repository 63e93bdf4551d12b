/** The commands of the control socket: gunicorn's, and what its users ask for. */
import type { Signal } from "../arbiter/process.ts";
import { type Level, LEVELS } from "../logging/record.ts";
import { nearest } from "../settings/nearest.ts";
import { configObject } from "../settings/usage.ts";
import type { Controls } from "./controls.ts";

export interface Verb {
  /** What follows the name, as help shows it. */
  readonly args: string;
  readonly help: string;
  /** The data of the reply. Throws {@linkcode CommandError} for what cannot be done. */
  readonly run: (controls: Controls, args: readonly string[]) => unknown;
}

/** What a command could not do, and why. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** By name; a name may be of two words. */
export const VERBS: Readonly<Record<string, Verb>> = {
  "show all": { args: "", help: "Everything below at once", run: (c) => ({ stats: summary(c), workers: c.stats().workers, listeners: c.stats().listeners, config: configObject(c.settings()) }) },
  "show workers": { args: "", help: "The workers: pid, slot, generation, age, requests, memory, lag", run: (c) => ({ workers: c.stats().workers, count: c.stats().workers.length }) },
  "show stats": { args: "", help: "The server: uptime, workers, restarts by cause, reloads, requests, latency", run: summary },
  "show listeners": { args: "", help: "The addresses, and who waits there to be accepted", run: (c) => ({ listeners: c.stats().listeners, count: c.stats().listeners.length }) },
  "show config": { args: "", help: "The settings in force, without secrets", run: (c) => configObject(c.settings()) },
  inspect: { args: "", help: "The requests in flight, by worker", run: (c) => ({ workers: c.inspect() }) },
  blackbox: { args: "", help: "What the workers left that died last: their last requests and log lines", run: (c) => ({ deaths: c.deaths() }) },
  "worker add": { args: "[N]", help: "N workers more, by default one (TTIN)", run: (c, args) => resize(c, "TTIN", args) },
  "worker remove": { args: "[N]", help: "N workers less, but never less than one (TTOU)", run: (c, args) => resize(c, "TTOU", args) },
  "worker kill": { args: "PID", help: "Ends a worker gracefully (TERM); another takes its place", run: (c, args) => killWorker(c, args) },
  "worker replace": { args: "PID", help: "Replaces a worker: its successor first, then it finishes what it has", run: (c, args) => replaceWorker(c, args) },
  reload: { args: "[--wait]", help: "Reads configuration and application again (HUP); with --wait, answers when that holds or was given up", run: reload },
  reopen: { args: "", help: "Opens the log files again, after a rotation (USR1)", run: (c) => signalled(c, "USR1") },
  drain: { args: "[on|off]", help: "Has /readyz say 503, so that load balancers send nobody; requests are still answered", run: (c, args) => drain(c, args) },
  "log-level": { args: "LEVEL", help: `Changes the log level until the next reload: ${LEVELS.join(", ")}`, run: (c, args) => logLevel(c, args) },
  tail: { args: "", help: "The access log, as it is written", run: () => { throw new CommandError("Cannot tail in a single reply"); } },
  shutdown: { args: "[graceful|quick]", help: "Ends the server: gracefully (TERM, the default) or at once (INT)", run: (c, args) => shutdown(c, args) },
  help: { args: "", help: "This list", run: () => ({ commands: Object.fromEntries(Object.entries(VERBS).map(([name, { args, help }]) => [`${name} ${args}`.trim(), help])) }) },
};

/** The verb that `command` and `args` begin with, and what follows it. Throws {@linkcode CommandError} with the nearest one. */
export function findVerb(command: string, args: readonly (string | number)[]): { readonly name: string; readonly verb: Verb; readonly args: readonly string[] } {
  const words = [...command.trim().split(/\s+/), ...args.map(String)].filter((word) => word !== "");
  for (const length of [2, 1]) {
    const name = words.slice(0, length).join(" ");
    if (Object.hasOwn(VERBS, name) && words.length >= length) return { name, verb: VERBS[name]!, args: words.slice(length) };
  }
  const said = words.join(" ");
  const meant = nearest(words.slice(0, 2).join(" "), Object.keys(VERBS)) ?? nearest(words[0] ?? "", Object.keys(VERBS));
  throw new CommandError(`Unknown command ${JSON.stringify(said)}${meant === undefined ? "" : `, did you mean ${JSON.stringify(meant)}?`}; "help" lists all`);
}

/** gunicorn's names, and what else there is to tell. */
function summary(controls: Controls): unknown {
  const { workers, listeners: _, application: __, ...stats } = controls.stats();
  const { ledger } = stats;
  return {
    ...stats,
    workers_current: workers.length,
    workers_target: stats.target,
    workers_spawned: ledger.spawned,
    workers_killed: ledger.exits.silent + ledger.exits["boot-timeout"] + ledger.exits.overdue,
    reloads: ledger.reloads.succeeded,
    draining: controls.isDraining(),
  };
}

function resize(controls: Controls, signal: "TTIN" | "TTOU", args: readonly string[]): unknown {
  const count = args.length === 0 ? 1 : Number(args[0]);
  if (args.length > 1 || !Number.isInteger(count) || count < 1 || count > 1000) throw new CommandError(`Cannot ${signal === "TTIN" ? "add" : "remove"} ${args.join(" ")} workers: expected a number from 1 to 1000`);
  const before = controls.stats().target;
  for (let i = 0; i < count; i++) controls.signal(signal);
  return { previous: before, total: controls.stats().target };
}

function killWorker(controls: Controls, args: readonly string[]): unknown {
  const pid = pidOf(args);
  if (!controls.kill(pid, "TERM")) throw new CommandError(`No worker has pid ${pid}; "show workers" lists them`);
  return { success: true, killed: pid };
}

function replaceWorker(controls: Controls, args: readonly string[]): unknown {
  const pid = pidOf(args);
  if (!controls.replace(pid)) throw new CommandError(`No worker of pid ${pid} serves; "show workers" lists them`);
  return { success: true, replacing: pid };
}

function pidOf(args: readonly string[]): number {
  const pid = Number(args[0]);
  if (args.length !== 1 || !Number.isInteger(pid) || pid < 1) throw new CommandError(`Cannot use ${JSON.stringify(args.join(" "))} as the pid of a worker`);
  return pid;
}

async function reload(controls: Controls, args: readonly string[]): Promise<unknown> {
  if (args.some((arg) => arg !== "--wait" && arg !== "-w")) throw new CommandError(`Cannot reload ${args.join(" ")}: expected nothing or --wait`);
  if (args.length === 0) return signalled(controls, "HUP");
  const outcome = await controls.reload();
  if ("refused" in outcome) throw new CommandError(`The reload was given up, and nothing has changed: ${outcome.refused}`);
  return { success: true, generation: outcome.generation };
}

function signalled(controls: Controls, signal: Signal): unknown {
  controls.signal(signal);
  return { success: true, signal: `SIG${signal}` };
}

function drain(controls: Controls, args: readonly string[]): unknown {
  const [word = "on"] = args;
  if (args.length > 1 || (word !== "on" && word !== "off")) throw new CommandError(`Cannot drain ${args.join(" ")}: expected on or off`);
  controls.setDraining(word === "on");
  return { success: true, draining: word === "on" };
}

function logLevel(controls: Controls, args: readonly string[]): unknown {
  const level = LEVELS.find((one) => one === args[0]);
  if (args.length !== 1 || level === undefined) throw new CommandError(`Cannot set the log level to ${JSON.stringify(args.join(" "))}: expected one of ${LEVELS.join(", ")}`);
  controls.setLogLevel(level satisfies Level);
  return { success: true, level };
}

function shutdown(controls: Controls, args: readonly string[]): unknown {
  const [mode = "graceful"] = args;
  if (args.length > 1 || (mode !== "graceful" && mode !== "quick")) throw new CommandError(`Cannot shut down ${args.join(" ")}: expected graceful or quick`);
  controls.signal(mode === "quick" ? "INT" : "TERM");
  return { success: true, mode };
}
