/**
 * Carries out what the arbiter decides, and tells it what happened. One loop: an event, a step, its effects in order.
 * Whatever an effect brings about comes back as an event behind those already waiting.
 */
import type { Log } from "../logging/record.ts";
import type { Settings } from "../settings/table.ts";
import { arbiter, type Arbiter, type ArbiterEvent, type Effect, type Limits, step } from "./arbiter.ts";
import { bind } from "./bind.ts";
import { type Address, addressText, type Held } from "./listener.ts";
import type { Breakage, FromWorker } from "./message.ts";
import type { ArbiterSystem, Child } from "./process.ts";
import { ARBITER_SIGNALS } from "./signals.ts";

const TICK = 250;

/** What a HUP found: settings to go on with, or why there are none. */
export type Reread =
  | { readonly settings: Settings; readonly pending: readonly string[] }
  | { readonly refused: string };

export interface SuperviseOptions {
  readonly version: string;
  readonly settings: Settings;
  /** The number of workers that the settings ask for on this machine. */
  readonly workers: (settings: Settings) => number;
  /** Reads the configuration again. `pending` names what changed but takes effect at the next start only. */
  readonly reread: () => Promise<Reread>;
  readonly log: Log;
  readonly surroundings: (settings: Settings, slot: number) => Surroundings;
  /** With --reload: watches what is served from now on, and tells when a change has settled, by one file of it. */
  readonly watch: (settings: Settings, changed: (file: string) => void) => Watch;
}

export interface Watch {
  close(): void;
}

/** What a worker finds around it. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string>>;
  /** Its working directory. */
  readonly directory: string;
  /** Where its application is, and so the configuration of the runtime for it. */
  readonly appDirectory: string;
}

/**
 * Serves an application from several processes until told to stop; resolves with the exit code.
 *
 * Not for a platform that already runs many copies of you: there, serve from one process.
 */
export async function supervise(system: ArbiterSystem, options: SuperviseOptions): Promise<number> {
  const { log, settings } = options;
  log("info", "starting", { version: options.version });
  // Handlers come before anything that others can see: people get trigger-happy as soon as a port answers.
  const early: ArbiterEvent[] = [];
  let happen = (event: ArbiterEvent): void => void early.push(event);
  for (const signal of ARBITER_SIGNALS) {
    system.onSignal(signal, () => happen({ type: "signalled", signal, at: system.now() }));
  }
  const mode = settings.reusePort ? "reuse-port" : "adopt";
  const held = await bind(settings.bind, { backlog: settings.backlog, mode }, { system, log });
  if (held === null) return 1;
  announce(system, options, held);
  const { code, tell } = run(system, options, held);
  happen = tell;
  tell({ type: "started", at: system.now() });
  for (const event of early) tell(event);
  return await code;
}

function announce(system: ArbiterSystem, { log, settings }: SuperviseOptions, held: readonly Held[]): void {
  log("debug", "arbiter-booted");
  log("info", "listening", { addresses: held.map((h) => addressText(h.address)).join(","), pid: system.pid });
  log("info", "using", { workerClass: settings.workerClass });
  if (settings.reload) log("warning", "reloader-on");
  if (held.some((h) => h.mode === "reuse-port")) log(settings.reusePort ? "info" : "warning", "reuse-port");
}

interface Running {
  readonly code: Promise<number>;
  readonly tell: (event: ArbiterEvent) => void;
}

/** What a generation of workers runs with. */
interface Generation {
  readonly settings: Settings;
  readonly held: readonly Held[];
}

function run(system: ArbiterSystem, options: SuperviseOptions, opened: readonly Held[]): Running {
  const { log } = options;
  const children = new Map<number, Child>();
  const generations = new Map<number, Generation>([[1, { settings: options.settings, held: opened }]]);
  const generationOf = new Map<number, number>();
  let candidate: Generation | null = null;
  let state: Arbiter = arbiter(limits(options.settings), { covers: opened.some((h) => h.mode === "slots") }, system.now());
  let finish: (code: number) => void;
  const code = new Promise<number>((resolve) => (finish = resolve));
  const waiting: ArbiterEvent[] = [];
  let stepping = false;
  let watch = watchFor(options.settings);
  let watched = whatToWatch(options.settings);
  const timer = system.every(TICK, () => tell({ type: "ticked", at: system.now() }));
  return { code, tell };

  function tell(event: ArbiterEvent): void {
    waiting.push(event);
    if (stepping) return;
    stepping = true;
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const before = state;
      const [after, effects] = step(state, next);
      state = after;
      if (candidate && after.reload?.phase === "booting") {
        generations.set(after.reload.generation, candidate);
        candidate = null;
      }
      for (const effect of effects) carryOut(effect);
      if (after.reload !== before.reload || after.phase !== before.phase) forgetGenerations();
    }
    stepping = false;
  }

  function carryOut(effect: Effect): void {
    switch (effect.type) {
      case "spawn":
        return spawn(effect);
      case "listen":
        return sendListen(effect.id, effect.slot);
      case "unlisten":
        return children.get(effect.id)?.send({ type: "unlisten", slot: effect.slot });
      case "kill":
        return children.get(effect.id)?.kill(effect.signal);
      case "log":
        return log(effect.level, effect.event, effect.fields);
      case "read-configuration":
        return void reread();
      case "show-error":
        for (const [id, child] of children) if (generationOf.get(id) === state.generation) child.send({ type: "show-error", breakage: effect.breakage });
        return;
      case "exit":
        timer.stop();
        watch?.close();
        return finish(effect.code);
    }
  }

  function spawn({ id, slot, generation }: Extract<Effect, { type: "spawn" }>): void {
    const { settings } = generations.get(generation)!;
    generationOf.set(id, generation);
    const multiprocess = state.target > 1;
    try {
      const child = system.spawn({
        title: title("worker", settings),
        runtime: settings.runtime,
        ...options.surroundings(settings, slot),
        onMessage: (message) => {
          if (message.type === "hello") child.send({ type: "start", id, slot, generation, settings, multiprocess, ...breakageFor(generation) });
          else hear(id, message);
        },
        onExit: (ending) => {
          children.delete(id);
          generationOf.delete(id);
          tell({ type: "exited", id, ending, at: system.now() });
        },
      });
      children.set(id, child);
      tell({ type: "spawned", id, pid: child.pid, at: system.now() });
    } catch (error) {
      tell({ type: "spawn-failed", id, reason: reasonOf(error), at: system.now() });
    }
  }

  /** Only newer code can mend what is broken: until it comes, a new worker of the serving generation shows what is wrong. */
  function breakageFor(generation: number): { readonly breakage?: Breakage } {
    return state.broken !== null && generation === state.generation ? { breakage: state.broken } : {};
  }

  function watchFor(settings: Settings): Watch | null {
    return settings.reload ? options.watch(settings, (file) => tell({ type: "changed", file, at: system.now() })) : null;
  }

  function hear(id: number, message: FromWorker): void {
    const at = system.now();
    switch (message.type) {
      case "ready":
        return tell({ type: "readied", id, at });
      case "failed":
        return tell({ type: "failed", id, exitCode: message.exitCode, reason: message.reason, ...(message.stack === undefined ? {} : { stack: message.stack }), at });
      case "listening":
        return tell({ type: "listening", id, slot: message.slot, at });
      case "beat":
        return tell({ type: "beat", id, at });
      case "full":
        return tell({ type: "filled", id, full: message.full, at });
      case "tired":
        return tell({ type: "tired", id, faulty: message.faulty, at });
      case "leaving":
        return tell({ type: "left", id, at });
      case "cannot-adopt":
        return void fallBack(message.reason);
    }
  }

  function sendListen(id: number, slot: number): void {
    const child = children.get(id);
    const generation = generations.get(generationOf.get(id) ?? state.generation);
    if (!child || !generation) return;
    const descriptors: number[] = [];
    const places = generation.held.map((h) => {
      const descriptor = h.descriptor(slot);
      if (descriptor !== null) descriptors.push(descriptor);
      return { address: h.address, mode: h.mode };
    });
    child.hand(descriptors);
    child.send({ type: "listen", slot, places });
  }

  /** The native server does not take our sockets after all: workers bind by themselves. */
  async function fallBack(reason: string): Promise<void> {
    const current = generations.get(state.generation)!;
    if (current.held.every((h) => h.mode === "reuse-port")) return;
    for (const h of current.held) h.close();
    log("warning", "cannot-adopt", { reason });
    tell({ type: "fell-back", at: system.now() });
    const addresses = current.held.map((h) => h.address);
    const held = await bind(addresses, { backlog: current.settings.backlog, mode: "reuse-port" }, { system, log });
    if (held === null) return tell({ type: "signalled", signal: "TERM", at: system.now() });
    generations.set(state.generation, { ...current, held });
    for (const worker of state.workers) for (const slot of worker.listens) sendListen(worker.id, slot);
  }

  async function reread(): Promise<void> {
    const found = await options.reread();
    if ("refused" in found) return tell({ type: "refused", reason: found.refused, at: system.now() });
    if (found.pending.length > 0) log("warning", "needs-restart", { settings: found.pending.join(", ") });
    const held = await rebind(found.settings);
    if (held === null) return tell({ type: "refused", reason: "an address could not be bound", at: system.now() });
    candidate = { settings: found.settings, held };
    // Before the new workers read anything: what changes from here on is one more reload.
    if (whatToWatch(found.settings) !== watched) {
      watch?.close();
      watch = watchFor(found.settings);
      watched = whatToWatch(found.settings);
    }
    tell({ type: "configured", limits: limits(found.settings), at: system.now() });
  }

  /** The sockets that the new settings ask for: those we hold already, and new ones. */
  async function rebind(settings: Settings): Promise<readonly Held[] | null> {
    const before = generations.get(state.generation)!;
    const same = (wanted: Address, index: number) =>
      // Port 0 is the port the system gave, for as long as it is asked for in the same place.
      before.held.find((h, i) => addressText(h.address) === addressText(wanted) || (i === index && isSame(before.settings.bind[i], wanted)));
    const fresh = settings.bind.filter((wanted, index) => !same(wanted, index));
    const mode = before.held.every((h) => h.mode === "reuse-port") ? "reuse-port" : "adopt";
    const bound = await bind(fresh, { backlog: settings.backlog, mode }, { system, log });
    if (bound === null) return null;
    if (bound.length > 0) log("info", "listening", { addresses: bound.map((h) => addressText(h.address)).join(","), pid: system.pid });
    const queue = [...bound];
    return settings.bind.map((wanted, index) => same(wanted, index) ?? queue.shift()!);
  }

  /** Drops what belongs to no generation any more: at the end of a reload, and at the end of all. */
  function forgetGenerations(): void {
    const wanted = new Set([state.generation, state.reload?.phase === "booting" ? state.reload.generation : state.generation]);
    const all = new Set([...generations.values()].flatMap((g) => g.held));
    for (const generation of generations.keys()) if (!wanted.has(generation)) generations.delete(generation);
    // At the end nobody new is let in; workers let go of their copies themselves.
    const kept = new Set(state.phase === "serving" ? [...generations.values()].flatMap((g) => g.held) : []);
    for (const h of all) if (!kept.has(h)) h.close();
  }

  function limits(settings: Settings): Limits {
    return {
      workers: options.workers(settings),
      timeout: settings.timeout * 1000,
      bootTimeout: settings.bootTimeout * 1000,
      gracefulTimeout: settings.gracefulTimeout * 1000,
      development: settings.reload,
    };
  }
}

/** Whatever of the settings decides what is watched, and how, in one text. */
function whatToWatch({ reload, app, chdir, config, reloadEngine, reloadExtraFile }: Settings): string {
  return JSON.stringify(reload ? [app, chdir, config, reloadEngine, reloadExtraFile] : null);
}

function isSame(a: Address | undefined, b: Address): boolean {
  return a !== undefined && addressText(a) === addressText(b);
}

/** What `ps` shows: `tsgi: master [NAME]`, `tsgi: worker [NAME]`. */
export function title(role: "master" | "worker", settings: Settings): string {
  return `tsgi: ${role} [${settings.name ?? settings.app}]`;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
