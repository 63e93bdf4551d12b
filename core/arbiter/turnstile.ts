/** One request at a time, for workers of class `sync`: the others wait for their turn, in the order they came. */
import type { NativeHandler } from "./listener.ts";

export class Turnstile {
  #isTaken = false;
  readonly #waiting: (() => void)[] = [];

  /** `handler`, called when it is the request's turn. */
  around(handler: NativeHandler): NativeHandler {
    return (request, platform) => {
      if (!this.#isTaken) {
        this.#isTaken = true;
        return handler(request, platform);
      }
      return new Promise((resolve) => this.#waiting.push(() => resolve(handler(request, platform))));
    };
  }

  /** The request whose turn it was is over. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#isTaken = false;
  }
}
