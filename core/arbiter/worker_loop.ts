/** Between a worker's decisions and whoever carries them out: a process that serves (serve.ts), or one whose threads do (crew.ts). */
import type { ToWorker } from "./message.ts";
import type { Signal, WorkerSystem } from "./process.ts";
import { step, worker, type WorkerEffect, type WorkerEvent, type WorkerState } from "./worker.ts";

type Order = Extract<ToWorker, { type: "listen" }>;

export class WorkerLoop {
  readonly #system: Pick<WorkerSystem, "now">;
  readonly #carryOut: (effect: WorkerEffect) => void;
  readonly #waiting: WorkerEvent[] = [];
  readonly #orders: Order[] = [];
  #state: WorkerState;
  #isStepping = false;

  constructor(system: Pick<WorkerSystem, "now" | "pid">, carryOut: (effect: WorkerEffect) => void) {
    this.#system = system;
    this.#carryOut = carryOut;
    this.#state = worker(system.pid, system.now());
  }

  get state(): WorkerState {
    return this.#state;
  }

  /** Something happened. Whatever an effect of it brings about is an event behind those already waiting. */
  tell(event: WorkerEvent): void {
    this.#waiting.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
        const [after, effects] = step(this.#state, next);
        this.#state = after;
        for (const effect of effects) this.#carryOut(effect);
      }
    } finally {
      this.#isStepping = false; // Whatever the system refuses now, the next event is heard.
    }
  }

  /** The arbiter said something that is to be decided on. */
  told(message: ToWorker): void {
    const at = this.#system.now();
    if (message.type === "listen") {
      this.#orders.push(message);
      this.tell({ type: "told-to-listen", slot: message.slot, at });
    } else if (message.type === "unlisten") this.tell({ type: "told-to-let-go", slot: message.slot, at });
    else if (message.type === "reopen-logs") this.tell({ type: "told-to-reopen", at });
  }

  /** The order that the effect "listen" is about. */
  takeOrder(): Order {
    return this.#orders.shift()!;
  }

  /** A signal came; it is obeyed when `hook` is over, if one is called first. */
  signalled(signal: Signal, hook: Promise<void> | null): void {
    const obey = () => this.tell({ type: "signalled", signal, at: this.#system.now() });
    if (hook === null) obey();
    else void hook.then(obey);
  }
}
