import type { Body, Environ, Middleware } from "../gateway/types.ts";
import { onEnd } from "./on_end.ts";

/**
 * Lets one request at a time into the application: the next enters when the body of the last is closed, or when it threw.
 *
 * For code that keeps state across an `await` and cannot be told apart otherwise. It holds within one worker only, and one slow client
 * holds up everybody behind it. `tsgi.nonblocking` is false inside.
 *
 * @example
 * ```ts
 * const application = lock()(ledger);
 * ```
 */
export function lock(): Middleware {
  return (app) => {
    const queue = new Queue();
    return (environ, startResponse) => {
      const run = (): Body | PromiseLike<Body> => {
        environ["tsgi.nonblocking"] = false;
        return onEnd(app, environ, startResponse, () => queue.leave());
      };
      return queue.isFree ? queue.enter(run) : queue.wait(environ).then(run);
    };
  };
}

class Queue {
  #isHeld = false;
  readonly #waiting: (() => void)[] = [];

  get isFree(): boolean {
    return !this.#isHeld;
  }

  enter<T>(run: () => T): T {
    this.#isHeld = true;
    return run();
  }

  /** Rejects if the client leaves before its turn comes. */
  wait(environ: Environ): Promise<void> {
    const signal = environ["tsgi.signal"];
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const turn = (): void => {
        signal.removeEventListener("abort", gone);
        resolve();
      };
      const gone = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        reject(signal.reason);
      };
      signal.addEventListener("abort", gone, { once: true });
      this.#waiting.push(turn);
    });
  }

  /** The lock passes on without being free in between: a newcomer cannot overtake. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#isHeld = false;
    else next();
  }
}
