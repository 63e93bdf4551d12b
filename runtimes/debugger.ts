/** Keeps signals from opening a debugger in a server. */
import { constants } from "node:os";
import process from "node:process";
import { libc } from "./libc.ts";

/**
 * Has the kernel drop USR1 for this process, for good.
 *
 * Half a second after the start, Deno adds a listener of its own. A process's first listener to a signal sets the handler, and no later
 * one does: so we add one that does nothing, and take the handler away again. Where the C library cannot be called nothing is done:
 * USR1 ends the process, or opens the debugger.
 */
export function ignoreUsr1(): void {
  if (libc instanceof Error) return;
  const nothing = (): void => {};
  process.on("SIGUSR1", nothing);
  libc.ignore(constants.signals.SIGUSR1);
  process.off("SIGUSR1", nothing);
}
