/**
 * Carries out what a worker decides, and tells it what happened: loads the application, serves it at the places it is told, and ends.
 */
import type { Log } from "../logging/record.ts";
import { counted } from "../metrics/log_counts.ts";
import { measure } from "../metrics/worker_metrics.ts";
import type { Tracing } from "../otlp/tracing.ts";
import type { Settings } from "../settings/table.ts";
import { AppLoadError, explain } from "./app_load_error.ts";
import type { Application } from "./application.ts";
import { beginApplication } from "./begin_application.ts";
import { plainAnswer } from "./fetch_answer.ts";
import { createHandler, type Handler, type Handling } from "./handler.ts";
import { type Gate, openGate } from "./gate.ts";
import { identified } from "./identify.ts";
import { InFlight } from "./in_flight.ts";
import type { Served } from "./listener.ts";
import { ConcurrencyLimit } from "./limit_concurrency.ts";
import { openLogs } from "./logs.ts";
import { watchLoop } from "./loop_lag.ts";
import type { Breakage, Place, ToWorker } from "./message.ts";
import { Notes } from "./notes.ts";
import type { Signal, ThreadPlace, WorkerSystem } from "./process.ts";
import { Pulse } from "./pulse.ts";
import { redirectToHttps } from "./redirect.ts";
import { Refusals } from "./refusals.ts";
import { requestLog as openRequestLog } from "./request_log.ts";
import { WORKER_SIGNALS } from "./signals.ts";
import type { Door, Traffic } from "./traffic.ts";
import { Tail } from "./tail.ts";
import { tallied } from "./tally.ts";
import { Turnstile } from "./turnstile.ts";
import { type OpenSocket, WebSockets } from "./web_sockets.ts";
import { wrapped } from "./wrapped.ts";
import type { WorkerHooks } from "./worker_hooks.ts";
import { builtInClass, threadCount, type WorkerClass } from "./worker_class.ts";
import type { Wear, WorkerEffect, WorkerEvent } from "./worker.ts";
import { WorkerLoop } from "./worker_loop.ts";

/** A beat is missed twice before anybody worries: see SILENT in step/state.ts. */
const BEAT = 500;

/** How long after a worker has left its WebSockets are closed, in milliseconds. */
const LEFT = 200;

/** How long the last spans may take, in milliseconds. */
const LAST_SPANS = 2000;

export type Start = Extract<ToWorker, { type: "start" }>;

/** Runs this process, or a thread of it, as a worker until it ends. */
export function serve(system: WorkerSystem): void {
  let running: Running | null = null;
  system.onMessage((message) => {
    if (message.type !== "start") return running?.told(message);
    const { workerClass } = message.settings;
    const builtIn = builtInClass(workerClass);
    if (builtIn && (threadCount(message.settings) === null || system.thread)) running ??= run(system, message, builtIn);
    else void prepare(message);
  });
  /** What most workers do not need is loaded first. Nobody tells this one anything but signals until it is ready. */
  async function prepare(message: Start): Promise<void> {
    if (system.crew && threadCount(message.settings) !== null) {
      const { runCrew } = await import("./crew.ts");
      const crew = await system.crew();
      running ??= runCrew(system, crew, message);
      return;
    }
    const { readWorkerClass } = await import("./worker_class_file.ts");
    const { workerClass, problems } = await readWorkerClass(await system.configReader(), message.settings.workerClass);
    running ??= run(system, message, workerClass, problems);
  }
  for (const signal of WORKER_SIGNALS) {
    system.onSignal(signal, () => {
      if (running) running.signalled(signal);
      else if (signal === "TERM" || signal === "QUIT") system.exit(0);
    });
  }
  system.onOrphaned(() => {
    if (running) running.tell({ type: "orphaned", at: system.now() });
    else system.exit(0);
  });
  system.send({ type: "hello" });
}

export interface Running {
  readonly tell: (event: WorkerEvent) => void;
  readonly signalled: (signal: Signal) => void;
  readonly told: (message: ToWorker) => void;
}

/** A place this worker listens at, with its native server. */
interface Open {
  readonly slot: number;
  readonly door: Door;
  readonly served: Served;
  readonly webSockets: WebSockets;
}

function run(system: WorkerSystem, start: Start, workerClass: WorkerClass, problems: readonly string[] = []): Running {
  const { settings } = start;
  const { thread } = system;
  const shared = settings.watchdog || settings.metrics ? system.takeShared() : null;
  const { log: written, errors, access, setLevel } = openLogs(system, start, shared?.log ?? null);
  const notes = settings.adminBind === null ? null : new Notes(system);
  const log = counted(notes === null ? written : notes.hear(written), (kind) => metrics?.meter.logged(kind));
  const limit = workerClass.limit ?? settings.workerConnections;
  const shares = workerClass.sockets === "shared" || thread !== undefined;
  const own: Traffic = {
    inFlight: 0,
    handled: 0,
    limit,
    full: false,
    onFull: () => becomeFull(),
    worn: thread ? Infinity : wornAt(settings),
    onWorn: () => tell({ type: "worn", at: system.now() }),
    turnstile: new Turnstile(limit),
  };
  const traffic = thread ? threadTraffic(own, thread) : own;
  const tail = access === null ? null : new Tail(access, system);
  const requestLog = tail === null ? null : openRequestLog({ target: tail, settings, pid: system.pid, requestHeaders: system.requestHeaders });
  const register = settings.watchdog && shared !== null ? shared.register : null;
  const metrics = settings.metrics ? measure(system, shared, log) : null;
  const meter = metrics?.meter ?? null;
  const inFlight = new InFlight({ settings, register, meter, log, requestLog, now: system.now });
  const concurrency = settings.limitConcurrency > 0 ? new ConcurrencyLimit(settings.limitConcurrency, log, requestLog, meter) : null;
  const refusals = new Refusals({ log, requestLog, counter: metrics?.refused ?? null, lastAnswer: system.lastAnswer });
  let gate: Gate | null = null;
  let tracing: Tracing | null = null;
  const tally = start.canary ? { answers: 0, errors: 0 } : null;
  const open: Open[] = [];
  let application: Application | null = null;
  let hooks: WorkerHooks | null = null;
  let breakage: Breakage | null = null;
  let closing = false;
  let lacksDescriptors = false;
  const loop = new WorkerLoop(system, carryOut);
  const pulse = new Pulse(system, { show: shared?.beat ?? null, metrics });

  system.onFault((kind, error) => tell({ type: "faulted", kind, ...explain(error), at: system.now() }));
  const limits: Wear = {
    rss: settings.maxRss === 0 || thread ? Infinity : settings.maxRss * 2 ** 20,
    lifetime: settings.maxLifetime === 0 || thread ? Infinity : settings.maxLifetime * 1000 * (1 + Math.random() / 10),
  };
  look();
  system.every(BEAT, () => {
    look();
    tick();
  });
  tell({ type: "started", gracefulTimeout: settings.gracefulTimeout * 1000, limits, multiplexes: start.tls !== undefined, at: system.now() });
  return { tell, signalled, told };

  /** A sync worker is busy as often as it has a request: nobody is told, whoever is idle takes the next connection. */
  function becomeFull(): void {
    const full = traffic.full || lacksDescriptors;
    if (shares) rest(full);
    else tell({ type: "counted", full, at: system.now() });
  }

  function rest(full: boolean): void {
    if (loop.state.phase !== "serving") return;
    for (const { served } of open) full ? served.pause() : served.resume();
  }

  function tick(): void {
    // A sync worker beats between requests only, so that timeout is its request timeout, as in gunicorn.
    if (workerClass.beats === "between-requests" && traffic.inFlight > 0) return;
    const rss = limits.rss === Infinity ? 0 : system.memory();
    tell({ type: "ticked", inFlight: traffic.inFlight + openSockets(), handled: traffic.handled, rss, ...(tally === null ? {} : { tally: { ...tally } }), at: system.now() });
  }

  function openSockets(): number {
    return open.reduce((sum, { webSockets }) => sum + webSockets.size, 0);
  }

  function look(): void {
    inFlight.look();
    countDescriptors();
  }

  /** Without a descriptor for the next connection, Bun's server spins and Deno's ends: neither may try to accept it. */
  function countDescriptors(): void {
    if (system.hasDescriptors() !== lacksDescriptors) return;
    lacksDescriptors = !lacksDescriptors;
    if (lacksDescriptors && thread === undefined) log("warning", "no-descriptors", { pid: system.pid });
    becomeFull();
  }

  function told(message: ToWorker): void {
    if (message.type === "log-level") setLevel(message.level);
    else if (message.type === "tail") tail?.turn(message.on);
    else if (message.type === "show-error") breakage = message.breakage;
    else loop.told(message);
  }

  function tell(event: WorkerEvent): void {
    loop.tell(event);
  }

  function signalled(signal: Signal): void {
    loop.signalled(signal, hooks?.signalled(signal) ?? null);
  }

  function carryOut(effect: WorkerEffect): void {
    switch (effect.type) {
      case "load":
        return void load();
      case "listen":
        return void listen(loop.takeOrder());
      case "let-go":
        return void letGo(effect.slot);
      case "reopen-logs":
        errors.reopen();
        return access?.reopen();
      case "pause":
        return open.forEach((o) => o.served.pause());
      case "resume":
        return open.forEach((o) => o.served.resume());
      case "announce-close":
        closing = true;
        return open.forEach((o) => (o.door.closing = true));
      case "leave":
        return void leaveSoon(open);
      case "close":
        return void close(effect.deadline);
      case "abort":
        return void abort(effect.deadline);
      case "report":
        register?.beat(system.now());
        return effect.message.type === "beat" ? pulse.beat(effect.message) : system.send(effect.message);
      case "log":
        return thread && TOLD_BY_PROCESS.has(effect.event) ? undefined : log(effect.level, effect.event, effect.fields);
      case "exit":
        return void exit(effect.code);
    }
  }

  async function exit(code: number): Promise<void> {
    if (hooks) await hooks.workerExit();
    await tracing?.close(Math.min(LAST_SPANS, settings.gracefulTimeout * 1000));
    notes?.tell();
    if (metrics) system.send({ type: "measured", report: metrics.report() });
    access?.close();
    errors.close();
    system.exit(code);
  }

  async function load(): Promise<void> {
    try {
      if (problems.length > 0) throw new AppLoadError(`Cannot use --worker-class: ${problems.join("; ")}`, 3);
      if (settings.otlpEndpoint !== null) tracing = await (await import("../otlp/tracing.ts")).startTracing({ system, settings, log, worker: start });
      const isFirst = start.slot === 0 && start.generation === 1 && (thread?.index ?? 0) === 0;
      const [loaded, lacks] = await Promise.all([start.hooks ? beginHooked() : beginPlain(), isFirst ? import("./limitations.ts") : null, tryAdoption()]);
      if (settings.warmup.length > 0 && start.breakage === undefined) {
        const { warmUp } = await import("./warmup.ts");
        await warmUp(loaded, { system, settings, log, multiprocess: start.multiprocess });
      }
      // Whoever brings an SDK of his own has set it up by now.
      await tracing?.connect();
      gate = await openGate(settings, refusals);
      application = loaded;
      if (settings.loopLag > 0) watchLoop(system, settings.loopLag * 1000, { inFlight, log });
      for (const text of lacks?.limitations(settings, loaded) ?? []) log("warning", "limitation", { text });
      tell({ type: "loaded", at: system.now() });
    } catch (error) {
      const exitCode = error instanceof AppLoadError ? error.exitCode : 3;
      tell({ type: "load-failed", exitCode, ...explain(error), at: system.now() });
    }
  }

  async function beginHooked(): Promise<Application> {
    const { workerHooks } = await import("./worker_hooks.ts");
    hooks = await workerHooks({ system, start, log, handled: () => thread?.gauges.totalHandled() ?? traffic.handled });
    if (thread) hooks = ofRequests(hooks);
    await hooks.postFork();
    const loaded = await beginPlain();
    await hooks.postWorkerInit();
    return loaded;
  }

  async function beginPlain(): Promise<Application> {
    return settings.reload ? await beginInDevelopment() : await beginApplication(system, settings, log);
  }

  /** With --reload, a page about what is broken may take the application's place, at once or later. */
  async function beginInDevelopment(): Promise<Application> {
    const { errorApplication, orErrorPage } = await import("./error_page.ts");
    if (start.breakage !== undefined) return errorApplication(start.breakage);
    return orErrorPage(await beginApplication(system, settings, log), () => breakage);
  }

  async function tryAdoption(): Promise<void> {
    if (settings.reusePort) return;
    try {
      await system.selfTest();
    } catch (error) {
      system.send({ type: "cannot-adopt", reason: explain(error).reason });
    }
  }

  async function listen({ slot, places }: Extract<ToWorker, { type: "listen" }>): Promise<void> {
    try {
      const descriptors = system.takeDescriptors(places.filter((p) => p.mode !== "reuse-port").length);
      await Promise.all(places.map((place) => openPlace(slot, place, place.mode === "reuse-port" ? null : descriptors.shift()!)));
      tell({ type: "listened", slot, at: system.now() });
    } catch (error) {
      tell({ type: "listen-failed", slot, own: slot === start.slot, reason: explain(error).reason, at: system.now() });
    }
  }

  async function openPlace(slot: number, place: Place, descriptor: number | null): Promise<void> {
    const door: Door = { inFlight: 0, closing: closing || workerClass.keepAlive === false, madeUpHost: null };
    const served: Application = place.redirect === undefined ? application! : { kind: "fetch", fetch: redirectToHttps({ port: place.redirect, noHost: () => door.madeUpHost }) };
    const tls = place.redirect === undefined ? start.tls : undefined;
    const handling: Handling = { system, settings, address: place.address, scheme: tls === undefined ? "http" : "https", door, traffic, log, requestLog, register, metrics, requestHooks: hooks?.requests ?? null, refusals, multiprocess: start.multiprocess };
    const made = classed(createHandler(served, handling));
    const gated = gate!(made.handler, () => door.madeUpHost);
    const attended = inFlight.attend(tally === null ? gated : tallied(gated, tally));
    const guarded = concurrency === null ? attended : concurrency.guard(attended, thread ? { get inFlight() { return thread.gauges.totalInFlight(); } } : traffic, door);
    const noted = notes === null ? guarded : notes.watch(guarded);
    const traced = tracing === null ? noted : tracing.around(noted, place.address);
    const webSockets = new WebSockets({ wait: system.wait, counted: (change) => metrics?.meter.flow(change) });
    const options = {
      ...made,
      handler: identified(traced, settings),
      onError: refuse,
      keepAlive: settings.keepAlive,
      headTimeout: settings.requestHeaderTimeout,
      ...(settings.limitRequestBody > 0 ? { mostBody: settings.limitRequestBody } : {}),
      backlog: settings.backlog,
      ...(served.kind === "fetch" ? { webSockets: { handlers: served.websocket ?? null, opened: (socket: OpenSocket) => webSockets.opened(socket) } } : {}),
      ...(tls === undefined ? {} : { tls }),
    };
    const native = descriptor === null
      ? await system.bind(place.address, options)
      : await system.adopt(descriptor, options).finally(() => system.closeDescriptor(descriptor));
    door.madeUpHost = native.madeUpHost;
    const one: Open = { slot, door, served: native, webSockets };
    open.push(one);
    native.ended.then((reason) => {
      const at = open.indexOf(one);
      if (at >= 0) open.splice(at, 1);
      if (reason !== undefined) tell({ type: "server-ended", reason: explain(reason).reason, at: system.now() });
    });
    if (closing) native.leave();
    else if (traffic.full) native.pause();
  }

  function classed(made: Handler): Handler {
    if (workerClass.wrap === undefined) return made;
    return { handler: wrapped(workerClass, made.handler, { id: start.slot, pid: system.pid, settings, log }) };
  }

  /** The owner of a slot we covered is back: what came to us through it is still answered. */
  async function letGo(slot: number): Promise<void> {
    const covered = open.filter((o) => o.slot === slot);
    for (const one of covered) {
      open.splice(open.indexOf(one), 1);
      one.door.closing = true;
      one.served.leave();
      one.webSockets.goAway();
    }
    const since = system.now();
    const limit = settings.gracefulTimeout * 1000;
    do await system.wait(BEAT); while (covered.some((o) => o.door.inFlight > 0) && system.now() - since < limit);
    await Promise.all(covered.map((o) => o.served.close(limit)));
  }

  /** Connections that are in the queue already are accepted in the next turns of the loop: nobody else will take them at the end. */
  async function leaveSoon(places: readonly Open[]): Promise<void> {
    const all = [...places];
    await system.wait(20);
    for (const one of all) one.served.leave();
    tell({ type: "left", at: system.now() });
    // By then the others of this generation have left too, and nobody who comes back is sent away twice.
    await system.wait(LEFT);
    for (const one of all) one.webSockets.goAway();
  }

  async function close(deadline: number): Promise<void> {
    const begun = system.now();
    await Promise.all([...open].map((o) => o.served.close(deadline)));
    await hooks?.requests?.settled(Math.max(100, deadline - (system.now() - begun)));
    await end(application, Math.max(100, deadline - (system.now() - begun)));
    tell({ type: "closed", at: system.now() });
  }

  /** A second later the arbiter is done with us; those whose handlers never answer get what there is. */
  async function abort(deadline: number): Promise<void> {
    for (const one of open) {
      one.served.leave();
      one.webSockets.goAway();
    }
    const requests = inFlight.refuse();
    if (requests > 0) log("warning", "aborted-requests", { requests });
    await Promise.race([Promise.all([...open].map((o) => o.served.close(deadline))), system.wait(deadline)]);
    tell({ type: "closed", at: system.now() });
  }

  async function end(loaded: Application | null, limit: number): Promise<void> {
    try {
      await Promise.race([loaded?.shutdown?.(), system.wait(limit)]);
    } catch (error) {
      log("error", "shutdown-failed", explain(error));
    }
  }
}

/** A thread is nobody's news. */
const TOLD_BY_PROCESS: ReadonlySet<string> = new Set(["booting", "exiting", "load-failed"]);

/** The requests after which a worker is worn. */
export function wornAt({ maxRequests, maxRequestsJitter, interface: kind }: Settings): number {
  // With Python, it is the processes of the worker that wear.
  return maxRequests === 0 || kind === "wsgi" ? Infinity : maxRequests + Math.floor(Math.random() * (maxRequestsJitter + 1));
}

/** Counts where the worker's main thread sees it. */
function threadTraffic(traffic: Traffic, { index, gauges }: ThreadPlace): Traffic {
  return Object.defineProperties(traffic, {
    inFlight: { get: () => gauges.inFlight(index), set: (count: number) => gauges.setInFlight(index, count) },
    handled: { get: () => gauges.handled(index), set: (count: number) => gauges.setHandled(index, count) },
  });
}

/** A worker's other hooks are called once, by its main thread. */
function ofRequests({ requests }: WorkerHooks): WorkerHooks {
  const nothing = () => Promise.resolve();
  return { postFork: nothing, postWorkerInit: nothing, signalled: () => null, workerExit: nothing, requests };
}

function refuse(): Response {
  return plainAnswer(500, "Internal Server Error");
}
