/** What a thread of a worker runs: serve.ts, on a system that goes through the worker's main thread. */
import { hostname } from "node:os";
import process from "node:process";
import { Gauges } from "../core/arbiter/gauges.ts";
import type { Served } from "../core/arbiter/listener.ts";
import type { FromWorker, ToWorker } from "../core/arbiter/message.ts";
import type { LogTarget, Signal, WorkerSystem } from "../core/arbiter/process.ts";
import { serve } from "../core/arbiter/serve.ts";
import { adopt, bindReusePort, ownEpoll, selfTest } from "./adoption.ts";
import { clock, findZone } from "./clock.ts";
import { cutConnections } from "./connections.ts";
import { runtime } from "./current.ts";
import { closeDescriptor } from "./descriptor_channel.ts";
import { loader } from "./loader.ts";
import { every, now, wait } from "./system.ts";
import { hasDescriptors, memoryStats } from "./resources.ts";
import { openThreadMemory } from "./shared_memory.ts";
import { openSyslog } from "./syslog.ts";
import type { FromThread, ThreadBegin, ToThread } from "./threads.ts";

/** Lines of the access log go to the main thread together: a message costs more than a line. */
const BATCH = 100;
const BATCH_LENGTH = 65_536;

/** The global object of a web worker, as far as we need it; the types are those of a main thread. */
const scope = globalThis as unknown as {
  postMessage(message: FromThread): void;
  addEventListener<E>(type: string, listen: (event: E) => void): void;
};

scope.addEventListener<MessageEvent<Partial<ToThread> | null>>("message", ({ data }) => {
  const told = data?.tsgi;
  if (told === undefined) return;
  if ("index" in told) begin(told);
  else if ("signal" in told) signals.get(told.signal)?.();
  else {
    descriptors.push(...told.descriptors);
    hear(told.message);
  }
});

const signals = new Map<Signal, () => void>();
const descriptors: number[] = [];
let hear: (message: ToWorker) => void = () => {};

tell({ listens: true });

function begin(order: ThreadBegin): void {
  // Whatever ends this thread, also the application, the main thread hears of it.
  process.on("exit", (code) => {
    const epoll = ownEpoll();
    if (epoll !== null) cutConnections(epoll);
    tell({ exit: code });
  });
  runtime.followUpgrades?.();
  findZone();
  serve(threadSystem(order));
}

function threadSystem({ index, gauges, memory }: ThreadBegin): WorkerSystem {
  return {
    pid: process.pid,
    now,
    every,
    wait,
    onSignal: (signal, run) => void signals.set(signal, run),
    onMessage: (run) => void (hear = run),
    onOrphaned: () => {}, // The main thread hears of it.
    onFault,
    send: (message: FromWorker) => tell({ message }),
    takeDescriptors: (count) => descriptors.splice(0, count),
    takeShared: () => (memory === null ? null : openThreadMemory(memory, index)),
    clock,
    thread: { index, gauges: new Gauges(gauges) },
    adopt: (descriptor, options) => adopt(runtime, descriptor, options).then(watched),
    bind: (address, options) => bindReusePort(runtime, address, options).then(watched),
    selfTest: () => selfTest(runtime),
    loader,
    memory: () => memoryStats().rss,
    memoryStats,
    hasDescriptors,
    wsgi: async () => await (await import("./wsgi.ts")).importWsgi(),
    tracingHost: async () => (await import("./tracing_host.ts")).tracingHost,
    configReader: async () => (await import("./files.ts")).configReader,
    closeDescriptor: (descriptor) => {
      closeDescriptor(descriptor);
      tell({ closed: descriptor });
    },
    openSyslog,
    hostname,
    openLog: (_target, kind) => kind === "access" ? accessLog() : { write: (line) => tell({ line, kind }), reopen: () => {}, close: () => {} },
    rawUrls: runtime.rawUrls,
    ...(runtime.lastAnswer ? { lastAnswer: runtime.lastAnswer } : {}),
    isWhole: (response) => runtime.isWhole(response),
    requestHeaders: runtime.requestHeaders,
    responseHeader: runtime.responseHeader,
    checkHeaders: runtime.checkHeaders,
    ...(runtime.isUpgraded ? { isUpgraded: runtime.isUpgraded } : {}),
    exit: (code) => tell({ exit: code }), // And then it is terminated.
  };
}

function watched(served: Served): Served {
  const epoll = ownEpoll();
  if (epoll !== null) tell({ epoll });
  return served;
}

function tell(tsgi: FromThread["tsgi"]): void {
  scope.postMessage({ tsgi });
}

/** Deno tells a worker of an exception by both events, and of a rejection by its own; Bun by node's. */
function onFault(run: (kind: "exception" | "rejection", error: unknown) => void): void {
  let last: unknown;
  process.on("uncaughtException", exception);
  process.on("unhandledRejection", (error) => run("rejection", error));
  scope.addEventListener<ErrorEvent>("error", (event) => {
    event.preventDefault();
    exception(event.error);
  });
  scope.addEventListener<PromiseRejectionEvent>("unhandledrejection", (event) => {
    event.preventDefault();
    run("rejection", event.reason);
  });

  function exception(error: unknown): void {
    if (error === last) return;
    last = error;
    run("exception", error);
  }
}

function accessLog(): LogTarget {
  let lines: string[] = [];
  let length = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    write: (line) => {
      lines.push(line);
      length += line.length;
      if (length >= BATCH_LENGTH) flush();
      else timer ??= setTimeout(flush, BATCH);
    },
    reopen: () => {},
    close: flush,
  };

  function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (lines.length > 0) tell({ line: lines.join("\n"), kind: "access" });
    lines = [];
    length = 0;
  }
}
