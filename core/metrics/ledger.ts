/** What the arbiter's life adds up to: who was started, why who ended, and how the reloads went. Read off its events, one by one. */
import type { Arbiter, ArbiterEvent, Effect, Worker } from "../arbiter/step/state.ts";
import type { Ending } from "../arbiter/process.ts";

/**
 * Why a worker ended. Told to: `reload`, `shrunk` (TTOU), `worn` (it had served enough), `faulty` (something in it broke), `halted` (the
 * server ends), `told` (by somebody else). Murdered: `silent` (--timeout), `boot-timeout`, `overdue` (--graceful-timeout). By itself:
 * `boot-failed`, `crashed` (an exit, or a signal that was not ours).
 */
export const EXIT_CAUSES = ["reload", "shrunk", "worn", "faulty", "halted", "told", "silent", "boot-timeout", "overdue", "boot-failed", "crashed"] as const;
export type ExitCause = (typeof EXIT_CAUSES)[number];

/** Ends that nobody takes the place of. */
const FINAL: readonly ExitCause[] = ["shrunk", "halted"];

export interface LedgerStats {
  /** Processes started so far. */
  readonly spawned: number;
  readonly spawnFailures: number;
  readonly exits: Readonly<Record<ExitCause, number>>;
  /** Exits that another worker follows. */
  readonly restarts: number;
  readonly reloads: { readonly succeeded: number; readonly failed: number };
}

export class Ledger {
  #spawned = 0;
  #spawnFailures = 0;
  readonly #exits = Object.fromEntries(EXIT_CAUSES.map((cause) => [cause, 0])) as Record<ExitCause, number>;
  #succeeded = 0;
  #failed = 0;
  readonly #faulty = new Set<number>();

  /** Notes an event, with the state before it and what came of it. */
  note(before: Arbiter, event: ArbiterEvent, effects: readonly Effect[]): void {
    if (event.type === "spawned") this.#spawned++;
    else if (event.type === "spawn-failed") this.#spawnFailures++;
    else if (event.type === "tired" && event.faulty) this.#faulty.add(event.id);
    else if (event.type === "exited") this.#reaped(before, event.id, event.ending);
    for (const effect of effects) {
      if (effect.type !== "log") continue;
      if (effect.event === "reloaded") this.#succeeded++;
      else if (effect.event === "reload-failed") this.#failed++;
    }
  }

  stats(): LedgerStats {
    const restarts = EXIT_CAUSES.filter((cause) => !FINAL.includes(cause)).reduce((sum, cause) => sum + this.#exits[cause], 0);
    return {
      spawned: this.#spawned,
      spawnFailures: this.#spawnFailures,
      exits: { ...this.#exits },
      restarts,
      reloads: { succeeded: this.#succeeded, failed: this.#failed },
    };
  }

  #reaped(before: Arbiter, id: number, ending: Ending): void {
    const worker = before.workers.find((w) => w.id === id);
    // Without a process, nothing ended.
    if (worker !== undefined && worker.pid !== null) this.#exits[this.#causeOf(before, worker, ending)]++;
    this.#faulty.delete(id);
  }

  #causeOf(before: Arbiter, worker: Worker, ending: Ending): ExitCause {
    switch (worker.cause) {
      case "halted":
      case "silent":
      case "boot-timeout":
      case "overdue":
        return worker.cause;
      case "failed":
        return "boot-failed";
      case "leaving":
        return "told";
      case "retired":
        if (this.#faulty.has(worker.id)) return "faulty";
        if (worker.outgoing) return "worn";
        return worker.generation === before.generation && worker.slot >= before.target ? "shrunk" : "reload";
      case null:
        return ending.code === 0 && before.halt !== null ? "halted" : "crashed";
    }
  }
}
