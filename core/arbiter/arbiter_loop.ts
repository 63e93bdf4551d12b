/**
 * Carries out what the arbiter decides, and tells it what happened. One loop: an event, a step, its effects in order.
 * Whatever an effect brings about comes back as an event behind those already waiting.
 */
import { type BlackBox, blackBox, blackBoxFields, isDeath, type Remains } from "../black_box/black_box.ts";
import { LastLines } from "../black_box/last_lines.ts";
import { Steering } from "../control/steering.ts";
import type { Fields } from "../logging/record.ts";
import type { Census } from "../metrics/census.ts";
import type { Stats } from "../metrics/stats.ts";
import { changes } from "../settings/changes.ts";
import { NO_HOOKS } from "../settings/hooks.ts";
import type { Settings } from "../settings/table.ts";
import { addressesOf } from "../settings/tls.ts";
import { step } from "./arbiter.ts";
import { arbiter, type Arbiter, type ArbiterEvent, type Effect, type Limits } from "./step/state.ts";
import { bind } from "./bind.ts";
import { type Generation, Generations, heldFor } from "./generations.ts";
import { access, addressTexts, holdMode, portOf, slotsOf, withoutTls } from "./holding.ts";
import { addressText, type Held } from "./listener.ts";
import type { Breakage, FromWorker, Place } from "./message.ts";
import { type Preflight, preflight } from "./preflight.ts";
import type { Note } from "./notes.ts";
import type { ArbiterSystem, Child, Ending, Millis } from "./process.ts";
import type { HookView, ServerHooks } from "./server_hooks.ts";
import { type SuperviseOptions, title, type Watch } from "./supervise_options.ts";
import type { Tls } from "./tls.ts";
import { threadCount } from "./worker_class.ts";

const TICK = 250;

export interface Running {
  readonly code: Promise<number>;
  readonly tell: (event: ArbiterEvent) => void;
}

export interface Office {
  readonly hooks: ServerHooks;
  readonly census: Census;
}

export function runArbiter(system: ArbiterSystem, options: SuperviseOptions, opened: readonly Held[], { hooks, census }: Office): Running {
  const { log } = options;
  const children = new Map<number, Child>();
  const generations = new Generations({ settings: options.settings, held: opened, hooks: options.hooks ?? NO_HOOKS });
  const generationOf = new Map<number, number>();
  let candidate: Generation | null = null;
  let flight: Preflight | null = null;
  let state: Arbiter = arbiter(limits(options.settings), {
    covers: opened.some((h) => h.mode === "slots"),
    daemon: options.settings.daemon,
    slots: Math.max(...opened.map(slotsOf)),
    parent: options.upgrade?.parent ?? null,
  }, system.now());
  let finish: (code: number) => void;
  const code = new Promise<number>((resolve) => (finish = resolve));
  const waiting: ArbiterEvent[] = [];
  let stepping = false;
  let watch = watchFor(options.settings);
  /** What nworkersChanged was told last. */
  let toldTarget = state.target;
  let watched = whatToWatch(options.settings);
  const steering = new Steering({
    now: () => system.now(),
    state: () => state,
    tell,
    stats,
    settings: () => generations.of(state.generation).settings,
    children,
    setLogLevel: (level) => options.setLogLevel?.(level),
  });
  options.onControls?.(steering);
  let killsBefore = options.oomKills?.() ?? null;
  const timer = system.every(TICK, () => {
    tell({ type: "ticked", beats: beats(), at: system.now() });
    if (state.parent !== null && !options.upgrade?.parentLives()) tell({ type: "parent-exited", at: system.now() });
  });
  return { code, tell };

  function tell(event: ArbiterEvent): void {
    waiting.push(event);
    if (stepping) return;
    stepping = true;
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const before = state;
      const [after, effects] = step(state, next);
      state = after;
      census.ledger.note(before, next, effects);
      steering.note(after, effects);
      if (candidate && (after.reload?.phase === "checking" || after.reload?.phase === "booting")) {
        generations.add(after.reload.generation, candidate);
        candidate = null;
      }
      if (after.target !== toldTarget && after.reload?.phase !== "reading" && after.reload?.phase !== "checking") {
        hooks.resized(view(), toldTarget);
        toldTarget = after.target;
      }
      if (after.phase !== before.phase) hooks.halting();
      if (after.leavingSince !== before.leavingSince) steering.setDraining(true);
      options.onStep?.(before, after, { event: next, effects });
      for (const effect of effects) carryOut(effect);
      if ((after.everServed && !before.everServed) || after.generation !== before.generation) options.onServing?.(generations.of(after.generation).settings);
      if (after.reload !== before.reload || after.phase !== before.phase || generations.count > 1) generations.forget(after);
    }
    stepping = false;
  }

  function carryOut(effect: Effect): void {
    switch (effect.type) {
      case "spawn":
        return hooks.preFork(view(effect.generation), effect, {
          // Its reload may have been given up meanwhile.
          spawn: () => (generations.has(effect.generation) ? spawn(effect) : notSpawned(effect.id, null)),
          failed: (reason) => notSpawned(effect.id, reason),
        });
      case "listen":
        return sendListen(effect.id, effect.slot);
      case "unlisten":
        return children.get(effect.id)?.send({ type: "unlisten", slot: effect.slot });
      case "kill":
        return children.get(effect.id)?.kill(effect.signal);
      case "log":
        return log(effect.level, effect.event, effect.of === undefined ? effect.fields : withRequests(effect.fields, effect.of));
      case "reopen-logs":
        options.reopenLogs?.();
        return children.forEach((child) => child.send({ type: "reopen-logs" }));
      case "read-configuration":
        return void reread();
      case "preflight":
        return fly(effect.generation);
      case "end-preflight":
        return flight?.end();
      case "upgrade":
        return void upgrade();
      case "promote":
        return options.upgrade?.promoted();
      case "show-error":
        for (const [id, child] of children) if (generationOf.get(id) === state.generation) child.send({ type: "show-error", breakage: effect.breakage });
        return;
      case "exit":
        timer.stop();
        watch?.close();
        return hooks.exit(view(), () => finish(effect.code));
    }
  }

  /** Those that are seen, and not told. */
  function beats(): ReadonlyMap<number, Millis> {
    const now = system.now();
    return new Map([...children].map(([id, child]) => [id, now - child.sinceBeat()]));
  }

  function stats(): Stats {
    const { settings, held } = generations.of(state.generation);
    return census.stats(state, settings.runtime, held, addressTexts(settings, held.map((h) => h.address)));
  }

  /** What the worker cannot say itself: its loop stands still. */
  function withRequests(fields: Fields, id: number): Fields {
    const inFlight = children.get(id)?.inFlight(Number(fields.seconds) * 1000) ?? null;
    return inFlight === null ? fields : { ...fields, inFlight };
  }

  function fly(generation: number): void {
    const { settings } = generations.of(generation);
    const numWorkers = options.workers(settings);
    flight = preflight(system, {
      settings,
      title: title("worker", settings),
      surroundings: options.surroundings(settings, 0),
      generation,
      multiprocess: numWorkers > 1,
      ...hooks.orderFor({ ...view(generation), numWorkers }),
    });
    if (flight.pid !== null) log("info", "preflight", { pid: flight.pid, generation });
    void flight.outcome.then((breakage) => tell({ type: "preflighted", generation, breakage, at: system.now() }));
  }

  function spawn({ id, slot, generation, canary }: Extract<Effect, { type: "spawn" }>): void {
    const { settings } = generations.of(generation);
    generationOf.set(id, generation);
    const multiprocess = state.target > 1;
    const order = hooks.orderFor(view(generation));
    const around = options.surroundings(settings, slot);
    const output = new LastLines();
    const { onOutput } = around;
    try {
      const child = system.spawn({
        title: title("worker", settings, ` #${slot}`),
        runtime: settings.runtime,
        ...around,
        ...(onOutput === undefined ? {} : { onOutput: (line) => {
          output.write(line);
          onOutput(line);
        } }),
        watchdog: settings.watchdog,
        metrics: settings.metrics,
        threads: threadCount(settings) ?? 1,
        descriptors: () => generations.of(generation).held.map((h) => h.descriptor(slot)).filter((fd) => fd !== null),
        onMessage: (message) => {
          if (message.type !== "hello") return hear(id, message);
          child.send({ type: "start", id, slot, generation, settings: steering.settingsFor(settings), multiprocess, ...order, ...breakageFor(generation), ...(canary ? { canary } : {}), ...tlsOf(settings) });
          steering.started(child);
        },
        onExit: (ending) => {
          children.delete(id);
          generationOf.delete(id);
          const box = boxOf(id, ending, { settings, sinceBeat: child.sinceBeat(), remains: () => ({ ...child.remains(), output: output.read() }) });
          census.died(id);
          hooks.childExit(view(), id, ending);
          tell({ type: "exited", id, ending, ...(ending.signal === "SIGKILL" && isOutOfMemory() ? { outOfMemory: true } : {}), at: system.now() });
          if (box !== null) found(box, settings);
        },
      });
      children.set(id, child);
      census.born(id, child, settings.metrics);
      hooks.born(id, child.pid);
      tell({ type: "spawned", id, pid: child.pid, at: system.now() });
    } catch (error) {
      hooks.unborn(id);
      tell({ type: "spawn-failed", id, reason: reasonOf(error), at: system.now() });
    }
  }

  /** What a worker left that died; null for another end. */
  function boxOf(id: number, ending: Ending, { settings, sinceBeat, remains }: { readonly settings: Settings; readonly sinceBeat: Millis; readonly remains: () => Remains }): BlackBox | null {
    const worker = state.workers.find((one) => one.id === id);
    if (worker === undefined || worker.pid === null || !isDeath(state, worker, ending)) return null;
    const at = system.now();
    const heard = Math.max(worker.heard, at - sinceBeat);
    return blackBox({ worker: { ...worker, heard }, pid: worker.pid, ending, at }, remains(), settings.blackBoxQueries);
  }

  function found(box: BlackBox, settings: Settings): void {
    log("error", "black-box", blackBoxFields(box));
    steering.died(box);
    options.onDeath?.(box, settings);
  }

  /** Whether the kernel has ended somebody for want of memory since we looked last. */
  function isOutOfMemory(): boolean {
    const kills = options.oomKills?.() ?? null;
    const more = kills !== null && killsBefore !== null && kills > killsBefore;
    // Of several that die at once, each is reported by itself.
    if (kills !== null) killsBefore = more ? killsBefore! + 1 : kills;
    return more;
  }

  /** Its preFork did not let it be, or the server is to end and nobody waits for it: then it is as good as gone. */
  function notSpawned(id: number, reason: string | null): void {
    const at = system.now();
    hooks.unborn(id);
    if (reason !== null) tell({ type: "spawn-failed", id, reason, at });
    else tell({ type: "exited", id, ending: { code: 0, signal: null }, at });
  }

  /** The server as the hooks of a generation see it, by default of the serving one. */
  function view(generation = state.generation): HookView {
    const { hooks: source, settings, held } = generations.has(generation) ? generations.of(generation) : generations.of(state.generation);
    return { source, settings, addresses: addressTexts(settings, held.map((h) => h.address)), numWorkers: state.target };
  }

  /** Only newer code can mend what is broken: until it comes, a new worker of the serving generation shows what is wrong. */
  function breakageFor(generation: number): { readonly breakage?: Breakage } {
    return state.broken !== null && generation === state.generation ? { breakage: state.broken } : {};
  }

  function tlsOf(settings: Settings): { readonly tls?: Tls } {
    const tls = options.tls?.(settings) ?? null;
    return tls === null ? {} : { tls };
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
        options.onFailed?.(message.reason);
        return tell({ type: "failed", id, exitCode: message.exitCode, reason: message.reason, ...(message.stack === undefined ? {} : { stack: message.stack }), at });
      case "listening":
        return tell({ type: "listening", id, slot: message.slot, at });
      case "beat":
        hooks.counted(id, message.handled);
        if (message.report) census.heard(id, message.report);
        return tell({ type: "beat", id, at, ...(message.tally === undefined ? {} : { tally: message.tally }) });
      case "full":
        return tell({ type: "filled", id, full: message.full, at });
      case "tired":
        return tell({ type: "tired", id, faulty: message.faulty, at });
      case "leaving":
        return tell({ type: "left", id, at });
      case "accessed":
        return steering.accessed(message.lines, message.lost);
      case "noted":
        return noted(id, message.notes, message.lost);
      case "measured":
        return census.heard(id, message.report);
      case "cannot-adopt":
        return void fallBack(message.reason);
    }
  }

  function noted(id: number, notes: readonly Note[], lost: number): void {
    const worker = state.workers.find((w) => w.id === id);
    if (worker !== undefined && worker.pid !== null) options.onNoted?.({ pid: worker.pid, slot: worker.slot }, notes, lost);
  }

  function sendListen(id: number, slot: number): void {
    const child = children.get(id);
    const generation = generationOf.get(id) ?? state.generation;
    if (!child || !generations.has(generation)) return;
    const descriptors: number[] = [];
    const { settings, held } = generations.of(generation);
    const places = held.map((h, index): Place => {
      const descriptor = h.descriptor(slot);
      if (descriptor !== null) descriptors.push(descriptor);
      return { address: h.address, mode: h.mode, ...(index < settings.bind.length ? {} : { redirect: portOf(held) }) };
    });
    child.hand(descriptors);
    child.send({ type: "listen", slot, places });
  }

  /** The native server does not take our sockets after all: workers bind by themselves. */
  async function fallBack(reason: string): Promise<void> {
    const current = generations.of(state.generation);
    if (current.held.every((h) => h.mode === "reuse-port")) return;
    for (const h of current.held) h.close();
    log("warning", "cannot-adopt", { reason });
    tell({ type: "fell-back", at: system.now() });
    const addresses = current.held.map((h) => h.address);
    const held = await bind(addresses, { backlog: current.settings.backlog, mode: "reuse-port" }, { system, log });
    if (held === null) return tell({ type: "signalled", signal: "TERM", at: system.now() });
    generations.add(state.generation, { ...current, held });
    for (const worker of state.workers) for (const slot of worker.listens) sendListen(worker.id, slot);
  }

  async function upgrade(): Promise<void> {
    const failed = (reason: string) => tell({ type: "upgrade-failed", reason, at: system.now() });
    if (options.upgrade === undefined) return failed("it is not possible here");
    const reason = await hooks.must(view(), [{ name: "preExec", args: [] }]);
    if (reason !== null) return failed(reason);
    if (state.phase !== "serving") return failed("this master is to end");
    try {
      const pid = options.upgrade.start(generations.of(state.generation).held, (end) => tell({ type: "successor-exited", ...end, at: system.now() }));
      tell({ type: "upgrade-started", pid, at: system.now() });
    } catch (error) {
      failed(reasonOf(error));
    }
  }

  async function reread(): Promise<void> {
    const found = await options.reread();
    if ("refused" in found) return tell({ type: "refused", reason: found.refused, at: system.now() });
    const source = found.hooks ?? NO_HOOKS;
    const numWorkers = options.workers(found.settings);
    const before = state.target;
    toldTarget = numWorkers;
    const reason = await hooks.must({ ...view(), source, settings: found.settings, numWorkers }, [
      { name: "nworkersChanged", args: [numWorkers, before] },
      { name: "onReload", args: [] },
    ]);
    if (reason !== null) return tell({ type: "refused", reason, at: system.now() });
    if (found.settings.runtime === "node" && generations.of(state.generation).held.some((h) => h.mode === "slots")) {
      return tell({ type: "refused", reason: "--runtime node needs sockets of another kind: stop the server and start it again", at: system.now() });
    }
    const changed = changes(generations.of(state.generation).settings, found.settings);
    if (changed.length > 0) log("info", "changes", { changes: changed.join("; ") });
    if (found.pending.length > 0) log("warning", "needs-restart", { settings: found.pending.join(", ") });
    const held = await rebind(found.settings);
    if (held === null) return tell({ type: "refused", reason: "an address could not be bound", at: system.now() });
    const plain = withoutTls(found.settings, held);
    if (plain !== null) return tell({ type: "refused", reason: plain, at: system.now() });
    candidate = { settings: found.settings, held, hooks: source };
    // Before the new workers read anything: what changes from here on is one more reload.
    if (whatToWatch(found.settings) !== watched) {
      watch?.close();
      watch = watchFor(found.settings);
      watched = whatToWatch(found.settings);
    }
    tell({ type: "configured", limits: reloadLimits(found.settings, held), at: system.now() });
  }

  /** The sockets that the new settings ask for: those we hold already, and new ones. */
  async function rebind(settings: Settings): Promise<readonly Held[] | null> {
    const before = generations.of(state.generation);
    const mode = before.held.every((h) => h.mode === "reuse-port") ? "reuse-port" : holdMode(options, settings);
    const wanted = addressesOf(settings);
    const kept = wanted.map((one, index) => heldFor(before, one, index) ?? generations.heldAt(one));
    const fresh = wanted.filter((_, index) => !kept[index]);
    const bound = await bind(fresh, { backlog: settings.backlog, mode, ...access(options, settings) }, { system, log });
    if (bound === null) return null;
    const queue = [...bound];
    const all = kept.map((held) => held ?? queue.shift()!);
    const texts = addressTexts(settings, all.map((h) => h.address)).filter((_, index) => !kept[index]);
    if (texts.length > 0) log("info", "listening", { addresses: texts.join(","), pid: system.pid });
    return all;
  }

  /** An address that the new workers do not serve is left to the old ones until the change: slot after slot, it would lose clients. */
  function reloadLimits(settings: Settings, held: readonly Held[]): Limits {
    const wanted = limits(settings);
    const lost = generations.of(state.generation).held.find((h) => !held.includes(h));
    if (wanted.maxSurge === undefined || lost === undefined) return wanted;
    log("info", "rolling-surges", { address: addressText(lost.address) });
    const { maxSurge: _, ...surging } = wanted;
    return surging;
  }

  function limits(settings: Settings): Limits {
    return {
      workers: options.workers(settings),
      ...(options.mostWorkers === undefined ? {} : { maxWorkers: options.mostWorkers(settings) }),
      timeout: settings.timeout * 1000,
      bootTimeout: settings.bootTimeout * 1000,
      gracefulTimeout: settings.gracefulTimeout * 1000,
      shutdownDelay: settings.shutdownDelay * 1000,
      development: settings.reload,
      preflight: settings.preflight,
      canary: settings.canary * 1000,
      canaryErrors: settings.canaryErrors,
      ...(settings.reloadStrategy === "rolling" ? { maxSurge: settings.maxSurge } : {}),
    };
  }
}

/** Whatever of the settings decides what is watched, and how, in one text. */
function whatToWatch({ reload, app, chdir, config, reloadEngine, reloadExtraFile }: Settings): string {
  return JSON.stringify(reload ? [app, chdir, config, reloadEngine, reloadExtraFile] : null);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
