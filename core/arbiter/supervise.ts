/** The life of a server: its hooks, its sockets, then the arbiter's loop until the end. */
import type { Log } from "../logging/record.ts";
import { Census } from "../metrics/census.ts";
import { counted } from "../metrics/log_counts.ts";
import { NO_HOOKS } from "../settings/hooks.ts";
import { addressesOf } from "../settings/tls.ts";
import { runArbiter } from "./arbiter_loop.ts";
import { bind } from "./bind.ts";
import { access, addressTexts, holdMode, withoutTls } from "./holding.ts";
import type { Address, Held } from "./listener.ts";
import type { ArbiterSystem } from "./process.ts";
import { type Call, type HookView, ServerHooks } from "./server_hooks.ts";
import { ARBITER_SIGNALS } from "./signals.ts";
import type { ArbiterEvent } from "./step/state.ts";
import type { SuperviseOptions } from "./supervise_options.ts";

/**
 * Serves an application from several processes until told to stop; resolves with the exit code.
 *
 * Not for a platform that already runs many copies of you: there, serve from one process.
 */
export async function supervise(system: ArbiterSystem, options: SuperviseOptions): Promise<number> {
  const { settings } = options;
  const census = new Census({ system, version: options.version, log: options.log });
  const log = counted(options.log, (kind) => census.logged(kind));
  const hooks = new ServerHooks(system, log);
  // Handlers come before anything that others can see: people get trigger-happy as soon as a port answers.
  const early: ArbiterEvent[] = [];
  let happen = (event: ArbiterEvent): void => {
    early.push(event);
    if (isStop(event)) hooks.halting();
  };
  for (const signal of ARBITER_SIGNALS) {
    system.onSignal(signal, () => happen({ type: "signalled", signal, at: system.now() }));
  }
  const view = (addresses: readonly Address[]): HookView => {
    return { source: options.hooks ?? NO_HOOKS, settings, addresses: addressTexts(settings, addresses), numWorkers: options.workers(settings) };
  };
  const cannot = async (at: readonly Address[], calls: readonly Call[]): Promise<number | null> => {
    const reason = await hooks.must(view(at), calls);
    return reason === null ? null : giveUp(log, early, reason);
  };
  const uncounted = await cannot(addressesOf(settings), [{ name: "nworkersChanged", args: [options.workers(settings), null] }]);
  if (uncounted !== null) return uncounted;
  log("info", "starting", { version: options.version });
  const unprepared = await cannot(addressesOf(settings), [{ name: "onStarting", args: [] }]);
  if (unprepared !== null) return unprepared;
  const mode = settings.reusePort ? "reuse-port" : holdMode(options, settings);
  const held = await bind(addressesOf(settings), { backlog: settings.backlog, mode, ...access(options, settings) }, { system, log });
  if (held === null) return 1;
  const plain = withoutTls(settings, held);
  if (plain !== null) {
    for (const h of held) h.close();
    return giveUp(log, early, plain);
  }
  announce(system, { ...options, log }, held);
  const unready = await cannot(held.map((h) => h.address), [{ name: "whenReady", args: [] }]);
  if (unready !== null) {
    for (const h of held) h.close();
    return unready;
  }
  const { code, tell } = runArbiter(system, { ...options, log }, held, { hooks, census });
  happen = tell;
  tell({ type: "started", at: system.now() });
  for (const event of early) tell(event);
  return await code;
}

function announce(system: ArbiterSystem, { log, settings, classOf, notes = [] }: SuperviseOptions, held: readonly Held[]): void {
  log("debug", "arbiter-booted");
  log("info", "listening", { addresses: addressTexts(settings, held.map((h) => h.address)).join(","), pid: system.pid });
  log("info", "using", { workerClass: classOf?.(settings).name ?? settings.workerClass });
  if (settings.reload) log("warning", "reloader-on");
  if (held.some((h) => h.mode === "reuse-port")) log(settings.reusePort ? "info" : "warning", "reuse-port");
  for (const text of notes) log("warning", "limitation", { text });
}

/** A hook without which the server cannot start did not succeed, or was not waited for because the server is to end: the exit code. */
function giveUp(log: Log, early: readonly ArbiterEvent[], reason: string): number {
  const stop = early.find(isStop);
  if (stop) log("info", "handling-signal", { signal: stop.signal.toLowerCase() });
  log(stop ? "info" : "error", "shutting-down");
  if (!stop) log("error", "reason", { reason });
  return stop ? 0 : 1;
}

function isStop(event: ArbiterEvent): event is Extract<ArbiterEvent, { type: "signalled" }> {
  return event.type === "signalled" && ["TERM", "INT", "QUIT"].includes(event.signal);
}
