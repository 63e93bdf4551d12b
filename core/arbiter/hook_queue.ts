/**
 * Calls hooks one after another, as a process that did nothing else would, without stopping anything else: what has to wait for a hook
 * says so with `done`. While nothing is under way and hooks do not return promises, everything happens at once.
 */
import type { Millis } from "./process.ts";

/** How a hook ended. `late`: it is not waited for any longer. `abandoned`: nor does it matter, because the server ends. */
export type Outcome = { readonly type: "done" } | { readonly type: "failed"; readonly error: unknown } | { readonly type: "late" | "abandoned" };

export interface HookJob {
  /** Calls the hook. */
  readonly call: () => unknown;
  /** 0 is for ever. */
  readonly limit: Millis;
  /** Something waits for it that is not worth waiting for once the server is to end. */
  readonly forStart: boolean;
  readonly done: (outcome: Outcome) => void;
}

export class HookQueue {
  readonly #wait: (time: Millis) => Promise<void>;
  #jobs: HookJob[] = [];
  #current: HookJob | null = null;

  constructor(wait: (time: Millis) => Promise<void>) {
    this.#wait = wait;
  }

  add(job: HookJob): void {
    this.#jobs.push(job);
    this.#next();
  }

  /** Waits no more for the jobs that `isDropped` says, and does not call those that wait themselves. */
  abandon(isDropped: (job: HookJob) => boolean): void {
    const { waiting, current } = { waiting: this.#jobs, current: this.#current };
    const dropped = (current === null ? waiting : [current, ...waiting]).filter(isDropped);
    this.#jobs = waiting.filter((job) => !dropped.includes(job));
    if (current !== null && dropped.includes(current)) this.#current = null;
    for (const job of dropped) job.done({ type: "abandoned" });
    this.#next();
  }

  #next(): void {
    while (this.#current === null) {
      const job = this.#jobs.shift();
      if (job === undefined) return;
      this.#current = job;
      const outcome = attempt(job.call, job.limit, this.#wait);
      if (outcome instanceof Promise) outcome.then((later) => this.#end(job, later));
      else this.#end(job, outcome);
    }
  }

  #end(job: HookJob, outcome: Outcome): void {
    if (this.#current !== job) return; // It was abandoned.
    this.#current = null;
    job.done(outcome);
    this.#next();
  }
}

/** Calls `call`, and waits for the promise it may return for at most `limit`; 0 is for ever. Never throws or rejects. */
export function attempt(call: () => unknown, limit: Millis, wait: (time: Millis) => Promise<void>): Outcome | Promise<Outcome> {
  try {
    const result = call();
    return isThenable(result) ? outcomeOf(result, limit, wait) : { type: "done" };
  } catch (error) {
    return { type: "failed", error };
  }
}

async function outcomeOf(result: PromiseLike<unknown>, limit: Millis, wait: (time: Millis) => Promise<void>): Promise<Outcome> {
  const ended = Promise.resolve(result).then((): Outcome => ({ type: "done" }), (error: unknown): Outcome => ({ type: "failed", error }));
  return await (limit > 0 ? Promise.race([ended, wait(limit).then((): Outcome => ({ type: "late" }))]) : ended);
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
