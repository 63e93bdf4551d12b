/** Keeps signals from opening a debugger in a server. */
import { constants } from "node:os";
import { libc } from "./libc.ts";

const PERIOD = 10;

/**
 * Has the kernel drop USR1 for this process, for good.
 *
 * Deno sets a handler of its own half a second after the start, on the same loop as our timer, and only once: until it has come, we look
 * again. Where the C library cannot be called nothing is done: until Deno's handler comes, USR1 ends the process.
 */
export function ignoreUsr1(): void {
  if (libc instanceof Error) return;
  const c = libc;
  c.ignore(constants.signals.SIGUSR1);
  const timer = setInterval(() => {
    if (c.ignore(constants.signals.SIGUSR1)) clearInterval(timer);
  }, PERIOD);
  (timer as unknown as { unref(): void }).unref();
}
