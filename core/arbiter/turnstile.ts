/** Lets a bounded number of requests in at a time: the others wait for their turn, in the order they came. */
import type { NativeHandler } from "./listener.ts";

export class Turnstile {
  readonly #room: number;
  #inside = 0;
  readonly #waiting: (() => void)[] = [];

  /** With `room` for so many at a time; for one, if the worker is of class `sync`. */
  constructor(room: number) {
    this.#room = room;
  }

  /** `handler`, called when it is the request's turn. */
  around(handler: NativeHandler): NativeHandler {
    return (request, platform) => {
      if (this.#inside < this.#room) {
        this.#inside++;
        return handler(request, platform);
      }
      return new Promise((resolve) => this.#waiting.push(() => resolve(handler(request, platform))));
    };
  }

  /** A request that was let in is over. */
  leave(): void {
    if (this.#waiting.length === 0) this.#inside--;
    else this.#waiting.shift()!();
  }
}
