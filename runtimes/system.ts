/** What arbiter and worker both have of the process port, and what they have agreed on; process.ts has the arbiter's side, worker_process.ts the worker's. */
import process from "node:process";
import type { Millis, Signal, Timer } from "../core/arbiter/process.ts";
import { runtime } from "./current.ts";
import { ignoreUsr1 } from "./debugger.ts";

/** The descriptor under which a worker finds the channel that listening sockets come over. */
export const CHANNEL_DESCRIPTOR = 3;
/** A worker says it before it exits, and exits when it is said back. */
export interface LastWord {
  readonly type: "last-word";
}

export function now(): Millis {
  return performance.now();
}

export function every(period: Millis, run: () => void): Timer {
  const timer = setInterval(run, period);
  return { stop: () => clearInterval(timer) };
}

export function wait(time: Millis): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time));
}

export function onSignal(signal: Signal, run: () => void): void {
  if (signal === "USR1" && runtime.debugsOnUsr1) ignoreUsr1();
  else process.on(`SIG${signal}`, run);
}
