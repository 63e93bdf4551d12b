/** What a worker counts of its requests. Plain numbers, changed on the hot path. */
import type { Turnstile } from "./turnstile.ts";

export interface Traffic {
  /** Requests whose answer is not over. */
  inFlight: number;
  /** Requests so far. */
  handled: number;
  /** From here on the worker accepts no more connections. */
  readonly limit: number;
  full: boolean;
  readonly onFull: (full: boolean) => void;
  /** With this many handled, the worker wants a successor; Infinity for never. */
  readonly worn: number;
  readonly onWorn: () => void;
  /** The native server accepts a burst whole: what is over the limit waits here. */
  readonly turnstile: Turnstile;
}

/** One native server of the worker: a place it listens at. */
export interface Door {
  inFlight: number;
  /** Every answer says `Connection: close`. */
  closing: boolean;
  /** As of Served: known when the native server runs. */
  madeUpHost: string | null;
}

export function enter(traffic: Traffic, door: Door): void {
  if (++traffic.handled === traffic.worn) traffic.onWorn();
  door.inFlight++;
  if (++traffic.inFlight >= traffic.limit && !traffic.full) {
    traffic.full = true;
    traffic.onFull(true);
  }
}

export function leave(traffic: Traffic, door: Door): void {
  door.inFlight--;
  if (--traffic.inFlight < traffic.limit && traffic.full) {
    traffic.full = false;
    traffic.onFull(false);
  }
  traffic.turnstile.leave();
}
