/**
 * The arbiter's side of the hooks. arbiter.ts decides without knowing of them; arbiter_loop.ts calls them around what it carries out.
 *
 * The rules:
 *
 * 1. Hooks run one after another, in gunicorn's order. What the arbiter must do in time (kill, reap, tick) waits for none.
 * 2. What waits: the start of the server for nworkersChanged, onStarting and whenReady; a reload for nworkersChanged and onReload; the
 *    start of a worker for its preFork; the server's exit for onExit and all before it. Each of them for a limited time.
 * 3. A worker's hooks are those of the configuration it was started with, also when that serves no more.
 * 4. childExit is called once for every process of a worker, however far it came.
 */
import type { Log } from "../logging/record.ts";
import { hasWorkerHooks, type HookArbiter, type HookCalls, type HookName, type Hooks, type HookSource, type HookUnborn, type HookWorker } from "../settings/hooks.ts";
import type { Settings } from "../settings/table.ts";
import { hookFailure, hookLimit, hookLog, logHookFailure } from "./hook_log.ts";
import { type HookJob, HookQueue, type Outcome } from "./hook_queue.ts";
import type { HooksOrder } from "./message.ts";
import type { ArbiterSystem, Ending } from "./process.ts";

/** What the server is at the time of a call. */
export interface HookView {
  readonly source: HookSource;
  readonly settings: Settings;
  readonly addresses: readonly string[];
  readonly numWorkers: number;
}

export interface Spawning {
  readonly id: number;
  readonly slot: number;
  readonly generation: number;
}

/** A worker as its hooks are told of it. */
interface Told {
  readonly hooks: Hooks;
  readonly worker: { -readonly [K in keyof HookWorker]: K extends "pid" ? number | null : HookWorker[K] };
}

export class ServerHooks {
  readonly #system: ArbiterSystem;
  readonly #log: Log;
  readonly #queue: HookQueue;
  readonly #workers = new Map<number, Told>();
  /** What to do with the workers whose preFork is not over, if they are not wanted any more. */
  readonly #unborn = new Map<number, () => void>();

  constructor(system: ArbiterSystem, log: Log) {
    this.#system = system;
    this.#log = log;
    this.#queue = new HookQueue((time) => system.wait(time));
  }

  /** Calls hooks that must succeed, one after another. Resolves with the reason why what they are part of must not be; null if it may. */
  async must(view: HookView, calls: readonly Call[]): Promise<string | null> {
    for (const { name, args } of calls) {
      const hook = view.source.hooks[name] as ((...args: readonly unknown[]) => unknown) | undefined;
      if (hook === undefined) continue;
      const limit = hookLimit(name, view.settings.bootTimeout);
      const outcome = await new Promise<Outcome>((done) => {
        this.#queue.add({ call: () => hook(this.#server(view), ...args), limit, forStart: true, done });
      });
      // A veto is no accident.
      if (name !== "onReload") logHookFailure(this.#log, name, outcome, limit);
      const failure = hookFailure(name, outcome, limit);
      if (failure !== null) return failure;
    }
    return null;
  }

  /** Something is as it is, whatever the hook says. */
  resized(view: HookView, before: number): void {
    this.#notify("nworkersChanged", view, (hook, server) => hook(server, view.numWorkers, before));
  }

  /**
   * Has `spawn` called when the worker's preFork has been: at once if there is none. `failed` is called instead with the reason why not to
   * spawn, and null means that nobody wants the worker any more.
   */
  preFork(view: HookView, order: Spawning, { spawn, failed }: { readonly spawn: () => void; readonly failed: (reason: string | null) => void }): void {
    const { hooks } = view.source;
    const { preFork } = hooks;
    if (preFork !== undefined || hooks.childExit !== undefined) this.#workers.set(order.id, this.#told(view, order));
    if (preFork === undefined) return spawn();
    const limit = hookLimit("preFork", view.settings.bootTimeout);
    const { worker } = this.#workers.get(order.id)!;
    this.#unborn.set(order.id, () => failed(null));
    this.#queue.add({
      call: () => (this.#unborn.has(order.id) ? preFork(this.#server(view), worker as HookUnborn) : undefined),
      limit,
      forStart: true,
      done: (outcome) => {
        if (!this.#unborn.delete(order.id)) return;
        if (outcome.type === "failed") return failed(hookFailure("preFork", outcome, limit));
        logHookFailure(this.#log, "preFork", outcome, limit);
        spawn();
      },
    });
  }

  /** The worker's process runs. */
  born(id: number, pid: number): void {
    const told = this.#workers.get(id);
    if (told !== undefined) told.worker.pid = pid;
  }

  /** It has no process, and never will. */
  unborn(id: number): void {
    this.#workers.delete(id);
  }

  /** The server is to end: nothing is waited for that would not be used, and who waits for its preFork is not started. */
  halting(): void {
    for (const [id, giveUp] of [...this.#unborn]) {
      this.#unborn.delete(id);
      giveUp();
    }
    this.#queue.abandon((job) => job.forStart);
  }

  /** The worker told how many requests it has had. */
  counted(id: number, requests: number): void {
    const told = this.#workers.get(id);
    if (told !== undefined) told.worker.requests = requests;
  }

  childExit(view: HookView, id: number, ending: Ending): void {
    const told = this.#workers.get(id);
    this.#workers.delete(id);
    if (told === undefined) return;
    this.#notify("childExit", { ...view, source: { ...view.source, hooks: told.hooks } }, (hook, server) => hook(server, told.worker as HookWorker, ending));
  }

  /** Has `exit` called when all hooks are over, onExit the last of them: at most twice its limit from now. */
  exit(view: HookView, exit: () => void): void {
    const limit = hookLimit("onExit", view.settings.bootTimeout);
    let isOver = false;
    const last: HookJob = {
      call: () => view.source.hooks.onExit?.(this.#server(view)),
      limit,
      forStart: false,
      done: (outcome) => {
        isOver = true;
        logHookFailure(this.#log, "onExit", outcome, limit);
        exit();
      },
    };
    this.#queue.add(last);
    // Many hooks that never end would otherwise add up.
    if (!isOver) void this.#system.wait(limit).then(() => this.#queue.abandon((job) => job !== last));
  }

  /** What a worker is told of hooks: nothing, unless there are any for it. */
  orderFor({ source, addresses }: HookView): { readonly hooks: HooksOrder } | undefined {
    if (source.file === null || !hasWorkerHooks(source.hooks)) return undefined;
    return { hooks: { file: source.file, pid: this.#system.pid, addresses } };
  }

  #notify<K extends HookName>(name: K, view: HookView, call: (hook: HookCalls[K], server: HookArbiter) => unknown): void {
    const hook = view.source.hooks[name] as HookCalls[K] | undefined;
    if (hook === undefined) return;
    const limit = hookLimit(name, view.settings.bootTimeout);
    this.#queue.add({ call: () => call(hook, this.#server(view)), limit, forStart: false, done: (outcome) => logHookFailure(this.#log, name, outcome, limit) });
  }

  #server({ settings, addresses, numWorkers }: HookView): HookArbiter {
    return { pid: this.#system.pid, log: hookLog(this.#log), settings, addresses, numWorkers };
  }

  #told({ source, settings }: HookView, { id, slot, generation }: Spawning): Told {
    return { hooks: source.hooks, worker: { id: slot, pid: null, age: id, generation, log: hookLog(this.#log), settings, requests: 0 } };
  }
}

/** A hook and what it is called with after the server. */
export interface Call {
  readonly name: "nworkersChanged" | "onStarting" | "whenReady" | "onReload" | "preExec";
  readonly args: readonly unknown[];
}
