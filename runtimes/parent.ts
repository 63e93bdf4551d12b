/** No orphans: a worker whose loop is blocked cannot see that its arbiter has gone, but the kernel can. */
import { constants } from "node:os";
import { runtime } from "./current.ts";
import { libc } from "./libc.ts";

/**
 * Has the kernel kill this process (KILL) when the process `parent`, which must have started it, ends. False if that is not the parent
 * any more, so that nobody would be told: end now. Null where the C library cannot be called.
 */
export function dieWithParent(parent: number): boolean | null {
  runtime.dieWithout?.(parent);
  if (libc instanceof Error) return null;
  libc.signalOnParentDeath(constants.signals.SIGKILL);
  return libc.parent() === parent;
}
