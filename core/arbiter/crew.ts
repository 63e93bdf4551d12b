/**
 * A worker that serves with threads. Its main thread runs nothing of the application: it beats, hears the arbiter and the signals, and
 * passes on what concerns those who serve. Each thread runs serve.ts like a worker of its own, one request at a time.
 *
 * The rules:
 *
 * 1. To the arbiter it is one worker: ready when all threads are, gone when all have gone; the first that cannot load ends it.
 * 2. The threads share the worker's slot: who is busy does not accept, so that whoever is idle does. When all have been busy for a moment,
 *    the worker is full, and a neighbour covers its slot.
 * 3. A busy thread is let run, as in gunicorn, unless thread-timeout says otherwise. Then it is terminated and started anew where the
 *    runtime can do that; where not, the worker asks for a successor, and waits for that thread no more when it goes.
 * 4. A thread that ends by itself makes the worker ask for a successor; the others serve until then.
 * 5. Limits of a worker (max-requests, max-rss, max-lifetime, limit-concurrency) hold for all its threads together, and so do its figures.
 * 6. Each thread is warmed up; of a canary, the answers of all threads count.
 */
import { CrewMetrics } from "../metrics/crew_metrics.ts";
import { settleMeter } from "../metrics/meter.ts";
import { explain } from "./app_load_error.ts";
import type { FromWorker, Tally, ToWorker } from "./message.ts";
import { Gauges } from "./gauges.ts";
import type { CrewSystem, Millis, Signal, Thread, WorkerSystem } from "./process.ts";
import { openLogs } from "./logs.ts";
import { Pulse } from "./pulse.ts";
import { inFlightText, noteUnheard } from "./register.ts";
import { type Running, type Start, wornAt } from "./serve.ts";
import { Tail } from "./tail.ts";
import { LAST_ANSWERS, type Wear, type WorkerEffect, type WorkerEvent } from "./worker.ts";
import { WorkerLoop } from "./worker_loop.ts";
import type { WorkerHooks } from "./worker_hooks.ts";

const BEAT: Millis = 500;
const LOOK: Millis = 100;
/** Busy for this long, all of them, the worker is full: less would tell of every request. */
const FULL: Millis = 300;

type Listen = Extract<ToWorker, { type: "listen" }>;

interface Member {
  /** Its place. */
  readonly index: number;
  /** Ordinal of its start, never reused. */
  readonly ordinal: number;
  thread: Thread;
  /** lost: it stands still, cannot be terminated, and is not waited for. */
  phase: "booting" | "serving" | "left" | "lost" | "gone";
  /** Its last beat. */
  heard: Millis;
  /** The request it is busy with, by its number, and since when that was seen. */
  serial: number;
  since: Millis;
}

/** A slot the worker listens on. Its descriptors are kept for threads that are started anew. */
interface Slot {
  readonly order: Listen;
  readonly descriptors: readonly number[];
  /** The threads that listen there. */
  readonly heard: Set<number>;
  told: boolean;
}

export function runCrew(system: WorkerSystem, crew: CrewSystem, start: Start): Running {
  const { settings } = start;
  // Its threads send what they serve to syslog themselves.
  const { log, errors, access, setLevel } = openLogs(system, { ...start, settings: { ...settings, disableRedirectAccessToSyslog: true } }, null);
  const tail = access === null ? null : new Tail(access, system);
  let { logLevel } = settings;
  const gauges = new Gauges(settings.threads);
  const members: Member[] = [];
  const slots = new Map<number, Slot>();
  const worn = wornAt(settings);
  const limits: Wear = {
    rss: settings.maxRss === 0 ? Infinity : settings.maxRss * 2 ** 20,
    lifetime: settings.maxLifetime === 0 ? Infinity : settings.maxLifetime * 1000 * (1 + Math.random() / 10),
  };
  const threadLimit = settings.threadTimeout === 0 ? Infinity : settings.threadTimeout * 1000;
  let hooks: WorkerHooks | null = null;
  let cannotAdopt = false;
  let loading: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | null = null;
  let hasLeft = false;
  let isFull = false;
  let lacksDescriptors = false;
  let started = 0;
  let fullSince: Millis | null = null;
  const loop = new WorkerLoop(system, carryOut);

  const memory = settings.watchdog || settings.metrics ? crew.share(settings.threads) : null;
  const metrics = settings.metrics ? new CrewMetrics(system, memory!) : null;
  const pulse = new Pulse(system, { show: memory?.beat ?? null, metrics });
  /** Of a canary, what each thread has answered; of those too that have ended. */
  const tallies = new Map<number, Tally>();
  system.onFault((kind, error) => tell({ type: "faulted", kind, ...explain(error), at: system.now() }));
  system.every(BEAT, tick);
  system.every(LOOK, look);
  tell({ type: "started", gracefulTimeout: settings.gracefulTimeout * 1000, limits, at: system.now() });
  return { tell, signalled, told };

  function tell(event: WorkerEvent): void {
    loop.tell(event);
  }

  function told(message: ToWorker): void {
    if (message.type === "show-error") everybody((thread) => thread.send(message));
    else if (message.type === "log-level") changeLevel(message);
    else if (message.type === "tail") tail?.turn(message.on);
    else loop.told(message);
  }

  function changeLevel(message: Extract<ToWorker, { type: "log-level" }>): void {
    logLevel = message.level;
    setLevel(logLevel);
    everybody((thread) => thread.send(message));
  }

  function signalled(signal: Signal): void {
    loop.signalled(signal, hooks?.signalled(signal) ?? null);
  }

  function carryOut(effect: WorkerEffect): void {
    switch (effect.type) {
      case "load":
        return void load();
      case "listen":
        return listen(loop.takeOrder());
      case "let-go":
        return letGo(effect.slot);
      case "reopen-logs":
        errors.reopen();
        return access?.reopen();
      // Each thread pauses by itself, and says `Connection: close` when it is told to leave.
      case "pause":
      case "resume":
      case "announce-close":
        return;
      case "leave":
        return leave();
      case "close":
        return tell({ type: "closed", at: system.now() });
      case "abort":
        return void abort();
      case "report":
        return effect.message.type === "beat" ? pulse.beat(effect.message) : system.send(effect.message);
      case "log":
        return log(effect.level, effect.event, effect.fields);
      case "exit":
        return void exit(effect.code);
    }
  }

  async function load(): Promise<void> {
    try {
      if (start.hooks) {
        const { workerHooks } = await import("./worker_hooks.ts");
        hooks = await workerHooks({ system, start, log, handled: () => gauges.totalHandled() });
        await hooks.postFork();
      }
      await new Promise<void>((resolve, reject) => {
        loading = { resolve, reject };
        for (let index = 0; index < settings.threads; index++) members.push(member(index));
      });
      await hooks?.postWorkerInit();
      tell({ type: "loaded", at: system.now() });
    } catch (error) {
      const { exitCode = 3 } = error as { readonly exitCode?: 3 | 4 };
      tell({ type: "load-failed", exitCode, ...(error instanceof NotLoaded ? error.failure : explain(error)), at: system.now() });
    }
  }

  function member(index: number): Member {
    const now = system.now();
    gauges.setInFlight(index, 0);
    const one: Member = { index, ordinal: started++, thread: null as unknown as Thread, phase: "booting", heard: now, serial: -1, since: now };
    one.thread = crew.start({
      index,
      gauges,
      onMessage: (message) => hear(one, message),
      onLine: (line, kind) => (kind === "errors" ? errors : tail)?.write(line),
      onExit: () => ended(one),
    });
    return one;
  }

  function hear(one: Member, message: FromWorker): void {
    one.heard = system.now();
    switch (message.type) {
      case "hello":
        return one.thread.send({ ...start, settings: { ...settings, logLevel }, multiprocess: start.multiprocess || settings.threads > 1 });
      case "ready":
        return ready(one);
      case "failed":
        if (loading !== null) return loading.reject(new NotLoaded(message));
        log("error", "load-failed", { reason: message.reason, stack: message.stack });
        return ended(one);
      case "cannot-adopt":
        if (!cannotAdopt) system.send(message);
        cannotAdopt = true;
        return;
      case "beat":
        if (message.report !== undefined) metrics?.heard(one.ordinal, message.report);
        if (message.tally !== undefined) tallies.set(one.ordinal, message.tally);
        return;
      case "noted":
        return system.send(message);
      case "measured":
        return metrics?.heard(one.ordinal, message.report);
      case "listening":
        return listening(one, message.slot);
      case "leaving":
        if (one.phase === "serving") one.phase = "left";
        return haveLeft();
      case "tired":
        return tell({ type: "thread-tired", at: system.now() });
    }
  }

  function ready(one: Member): void {
    one.phase = "serving";
    for (const slot of slots.values()) one.thread.send(slot.order, slot.descriptors);
    if (loop.state.phase === "draining") one.thread.signal("TERM");
    if (loading === null || members.length < settings.threads || members.some((m) => m.phase !== "serving")) return;
    loading.resolve();
    loading = null;
  }

  /** Bound by each thread itself, sockets are told apart by when they came: one thread after another. */
  function listen(order: Listen): void {
    try {
      const slot: Slot = { order, descriptors: system.takeDescriptors(order.places.filter((p) => p.mode !== "reuse-port").length), heard: new Set(), told: false };
      slots.set(order.slot, slot);
      const isBound = order.places.some((p) => p.mode === "reuse-port");
      for (const one of isBound ? members.slice(0, 1) : members) if (one.phase === "serving") one.thread.send(order, slot.descriptors);
    } catch (error) {
      tell({ type: "listen-failed", slot: order.slot, own: order.slot === start.slot, reason: explain(error).reason, at: system.now() });
    }
  }

  /** A thread that is busy hears of a slot to cover when it is not busy any more: nobody waits for that. */
  function listening(one: Member, at: number): void {
    const slot = slots.get(at);
    if (slot === undefined) return;
    slot.heard.add(one.index);
    const isBound = slot.order.places.some((p) => p.mode === "reuse-port");
    const next = isBound ? members.find((m) => m.phase === "serving" && !slot.heard.has(m.index)) : undefined;
    if (next) return next.thread.send(slot.order, slot.descriptors);
    if (slot.told || (at === start.slot && members.some((m) => m.phase === "serving" && !slot.heard.has(m.index)))) return;
    slot.told = true;
    tell({ type: "listened", slot: at, at: system.now() });
  }

  function letGo(at: number): void {
    const slot = slots.get(at);
    if (slot === undefined) return;
    slots.delete(at);
    everybody((thread) => thread.send({ type: "unlisten", slot: at }));
    for (const descriptor of slot.descriptors) system.closeDescriptor(descriptor);
  }

  /** As a process that is told TERM: each thread stops accepting, answers what it has, and ends. */
  function leave(): void {
    for (const slot of slots.values()) for (const descriptor of slot.descriptors) system.closeDescriptor(descriptor);
    slots.clear();
    everybody((thread) => thread.signal("TERM"));
    haveLeft();
  }

  /** What is blocked does not accept either. */
  function haveLeft(): void {
    if (hasLeft || loop.state.phase !== "draining" || members.some((m) => m.phase === "serving" && !isStill(m))) return;
    hasLeft = true;
    tell({ type: "left", at: system.now() });
  }

  async function abort(): Promise<void> {
    everybody((thread) => thread.signal("ABRT"));
    const since = system.now();
    while (members.some((m) => m.phase !== "gone") && system.now() - since < LAST_ANSWERS) await system.wait(20);
    tell({ type: "closed", at: system.now() });
  }

  async function exit(code: number): Promise<void> {
    if (hooks) await hooks.workerExit();
    if (metrics) system.send({ type: "measured", report: metrics.report() });
    errors.close();
    tail?.close();
    system.exit(code);
  }

  function everybody(run: (thread: Thread) => void): void {
    for (const one of members) if (one.phase !== "gone" && one.phase !== "lost") run(one.thread);
  }

  function ended(one: Member): void {
    const before = one.phase;
    one.phase = "gone";
    settle(one);
    void one.thread.terminate();
    if (loading !== null) return loading.reject(new NotLoaded({ exitCode: 3, reason: `thread ${one.index + 1} ended while it loaded ${settings.app}` }));
    const own = slots.get(start.slot);
    if (loop.state.phase === "serving" && own && !own.told) {
      return tell({ type: "listen-failed", slot: start.slot, own: true, reason: `thread ${one.index + 1} could not`, at: system.now() });
    }
    if (loop.state.phase !== "serving" || before === "gone" || before === "lost") return;
    log("error", "thread-ended", { thread: one.index + 1, pid: system.pid });
    tell({ type: "thread-tired", at: system.now() });
  }

  /** It has ended: what it had in flight is lost. */
  function settle({ index, ordinal }: Member): void {
    gauges.setInFlight(index, 0);
    metrics?.over(ordinal);
    if (memory === null) return;
    memory.parts[index]!.register.fill(0);
    settleMeter(memory.parts[index]!.meter);
  }

  function tick(): void {
    if (system.hasDescriptors() === lacksDescriptors) {
      lacksDescriptors = !lacksDescriptors;
      if (lacksDescriptors) log("warning", "no-descriptors", { pid: system.pid });
    }
    const rss = limits.rss === Infinity ? 0 : system.memory();
    // To go, it waits until every thread has gone; each has its own quiet time.
    const inFlight = loop.state.phase === "draining" ? members.filter((m) => m.phase !== "gone" && m.phase !== "lost").length : gauges.totalInFlight();
    tell({ type: "ticked", inFlight, handled: gauges.totalHandled(), rss, ...(start.canary ? { tally: tallied() } : {}), at: system.now() });
    if (gauges.totalHandled() >= worn && !loop.state.tired) tell({ type: "worn", at: system.now() });
    haveLeft();
  }

  function tallied(): Tally {
    const all = [...tallies.values()];
    return { answers: all.reduce((sum, one) => sum + one.answers, 0), errors: all.reduce((sum, one) => sum + one.errors, 0) };
  }

  /** Who is busy, and for how long. */
  function look(): void {
    const now = system.now();
    for (const one of members) {
      if (memory !== null && one.phase !== "gone") noteUnheard(memory.parts[one.index]!.register, now - one.heard);
      if (one.phase === "gone" || one.phase === "lost" || one.phase === "booting") continue;
      const serial = gauges.inFlight(one.index) > 0 ? gauges.handled(one.index) : -1;
      if (serial !== one.serial || serial < 0) one.since = now;
      one.serial = serial;
      const busy = Math.max(now - one.since, now - one.heard - BEAT);
      if (busy > threadLimit) void timeOut(one, busy);
    }
    fill(now);
  }

  function fill(now: Millis): void {
    const isBusy = lacksDescriptors || members.length > 0 && members.every((m) => m.phase !== "serving" || m.serial >= 0 || isStill(m));
    fullSince = isBusy ? fullSince ?? now : null;
    const full = fullSince !== null && now - fullSince >= FULL;
    if (full !== isFull && loop.state.phase === "serving") tell({ type: "counted", full, at: now });
    isFull = full;
  }

  function isStill(one: Member): boolean {
    return system.now() - one.heard > 2 * BEAT;
  }

  async function timeOut(one: Member, busy: Millis): Promise<void> {
    const named = { pid: system.pid, thread: one.index + 1 };
    const inFlight = settings.watchdog ? { inFlight: inFlightText(memory!.parts[one.index]!.register.slice(), 0) } : {};
    log("critical", "thread-timeout", { ...named, seconds: busy / 1000, ...inFlight });
    one.phase = "lost";
    if (!crew.endsThreads || !(await one.thread.terminate())) {
      log("warning", "thread-lost", named);
      return tell({ type: "thread-tired", at: system.now() });
    }
    one.phase = "gone";
    settle(one);
    if (loop.state.phase !== "serving") return;
    for (const slot of slots.values()) slot.heard.delete(one.index);
    members[one.index] = member(one.index);
    log("warning", "thread-restarted", named);
  }
}

/** Why a thread could not load the application, in its words. */
class NotLoaded extends Error {
  override readonly name = "NotLoaded";
  readonly exitCode: 3 | 4;
  readonly failure: { readonly reason: string; readonly stack?: string };
  constructor({ exitCode, reason, stack }: { readonly exitCode: 3 | 4; readonly reason: string; readonly stack?: string }) {
    super(reason);
    this.exitCode = exitCode;
    this.failure = { reason, ...(stack === undefined ? {} : { stack }) };
  }
}
