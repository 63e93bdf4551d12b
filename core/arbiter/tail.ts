/** The access log of a worker, told to the arbiter too while somebody looks. */
import type { LogTarget, WorkerSystem } from "./process.ts";

/** How often lines are told, in milliseconds. */
const PERIOD = 100;
/** More lines than a person reads in that time are counted only: the channel is for the arbiter's own affairs. */
const MOST = 500;

export class Tail implements LogTarget {
  readonly #target: LogTarget;
  readonly #system: Pick<WorkerSystem, "every" | "send">;
  #lines: string[] = [];
  #lost = 0;
  #timer: { stop(): void } | null = null;

  constructor(target: LogTarget, system: Pick<WorkerSystem, "every" | "send">) {
    this.#target = target;
    this.#system = system;
  }

  turn(on: boolean): void {
    if (on) this.#timer ??= this.#system.every(PERIOD, () => this.#tell());
    else {
      this.#timer?.stop();
      this.#timer = null;
    }
  }

  /** Several at once, too: threads send theirs together. */
  write(lines: string): void {
    this.#target.write(lines);
    if (this.#timer === null) return;
    for (const line of lines.split("\n")) {
      if (this.#lines.length < MOST) this.#lines.push(line);
      else this.#lost++;
    }
  }

  reopen(): void {
    this.#target.reopen();
  }

  close(): void {
    if (this.#timer !== null) this.#tell();
    this.turn(false);
    this.#target.close();
  }

  #tell(): void {
    if (this.#lines.length === 0) return;
    this.#system.send({ type: "accessed", lines: this.#lines, lost: this.#lost });
    this.#lines = [];
    this.#lost = 0;
  }
}
