/** The main thread's side of a worker's threads: web workers, whose every message is one of those below. */
import type { FromWorker, ToWorker } from "../core/arbiter/message.ts";
import { threadCount } from "../core/arbiter/worker_class.ts";
import type { Objection } from "../core/settings/problem.ts";
import type { Settings } from "../core/settings/table.ts";
import type { CrewSystem, Signal, Thread, ThreadOptions } from "../core/arbiter/process.ts";
import { cutConnections } from "./connections.ts";
import { closeDescriptor } from "./descriptor_channel.ts";
import { inside } from "./inside.ts";
import { type Libc, libc } from "./libc.ts";
import { CHANNEL_DESCRIPTOR } from "./system.ts";
import type { Runtime } from "./runtime.ts";
import { takeThreadMemory, type ThreadMemory } from "./shared_memory.ts";

/** What a thread is told. Under one key of our own, because the application may post messages too. */
export type ToThread = { readonly tsgi: ThreadBegin | { readonly message: ToWorker; readonly descriptors: readonly number[] } | { readonly signal: Signal } };

export interface ThreadBegin {
  readonly index: number;
  /** Shared counters: core/arbiter/gauges.ts. */
  readonly gauges: SharedArrayBuffer;
  /** Where all threads note and count their requests. Null if they need not. */
  readonly memory: ThreadMemory | null;
}

/** What a thread tells. */
export type FromThread = {
  readonly tsgi:
    /** It can be told things: what Bun is told before is lost while a thread's modules load. */
    | { readonly listens: true }
    | { readonly message: FromWorker }
    | { readonly line: string; readonly kind: "errors" | "access" }
    /** Its loop's epoll. */
    | { readonly epoll: number }
    /** It has closed its copy. */
    | { readonly closed: number }
    | { readonly exit: number };
};

/** How long a thread that is terminated may take to end. */
const LAST_MOMENTS = 2000;

/** Which settings ask for threads where there are none. */
export function threadObjections(settings: Pick<Settings, "runtime" | "workerClass" | "threads">): Objection[] {
  if (settings.runtime !== "node" || threadCount(settings) === null) return [];
  return [{ name: settings.threads > 1 ? "threads" : "workerClass", reason: `${settings.workerClass} needs Bun or Deno, where the threads of a worker share its socket; on Node use async or sync, and more workers` }];
}

export function crewSystem(runtime: Runtime): CrewSystem {
  let memory: ThreadMemory | null = null;
  return {
    endsThreads: runtime.endsThreads,
    share: (threads) => {
      const taken = takeThreadMemory(CHANNEL_DESCRIPTOR, threads);
      memory = taken.memory;
      return { parts: taken.parts, beat: taken.beat };
    },
    start: (options) => start(runtime, options, { index: options.index, gauges: options.gauges.buffer, memory }),
  };
}

function start(runtime: Runtime, { onMessage, onLine, onExit }: ThreadOptions, begin: ThreadBegin): Thread {
  const worker = new Worker(threadScript(), { type: "module" });
  /** Descriptors that the thread has not closed yet. */
  const copies = new Set<number>();
  let epoll: number | null = null;
  let isOver = false;
  const over = new Promise<boolean>((resolve) => worker.addEventListener("close", () => resolve(true)));
  worker.addEventListener("message", ({ data }: MessageEvent<Partial<FromThread> | null>) => {
    const told = data?.tsgi;
    if (told === undefined || isOver) return;
    if ("listens" in told) post({ tsgi: begin });
    else if ("message" in told) onMessage(told.message);
    else if ("line" in told) onLine(told.line, told.kind);
    else if ("epoll" in told) epoll = told.epoll;
    else if ("closed" in told) copies.delete(told.closed);
    else exited(told.exit);
  });
  // A thread that could not even begin; what is thrown later it hears itself.
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    if (isOver) return;
    onLine(`A thread ended: ${event.message}`, "errors");
    exited(1);
  });
  void over.then(() => exited(0)); // Where the runtime tells.
  return {
    send: (message, descriptors = []) => post({ tsgi: { message, descriptors: descriptors.map((one) => copy(libc as Libc, one)) } }),
    signal: (signal) => post({ tsgi: { signal } }),
    terminate: async () => {
      isOver = true;
      // Where it will not end, it is left alone: its clients may still get their answers.
      if (runtime.endsThreads && epoll !== null) cutConnections(epoll);
      worker.terminate();
      const ended = await Promise.race([over, new Promise<false>((resolve) => setTimeout(resolve, LAST_MOMENTS, false))]);
      if (ended) for (const one of copies) closeDescriptor(one);
      return ended;
    },
  };

  function post(message: ToThread): void {
    if (!isOver) worker.postMessage(message);
  }

  function copy(c: Libc, descriptor: number): number {
    const made = c.duplicate(descriptor);
    copies.add(made);
    return made;
  }

  function exited(code: number): void {
    if (isOver) return;
    isOver = true;
    onExit(code);
  }
}

/** What a thread runs: a file in the same language as this one, or once more the one file that this is in. */
function threadScript(): string {
  return inside() === null ? import.meta.url.replace(/threads(\.\w+)$/, "thread$1") : import.meta.url;
}
