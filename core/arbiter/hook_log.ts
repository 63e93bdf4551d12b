/** What hooks write to the error log with, and what is written about them. */
import type { HookLog, HookName } from "../settings/hooks.ts";
import { HOOKS } from "../settings/hooks.ts";
import type { Fields, Level, Log } from "../logging/record.ts";
import { stackOf, thrownText } from "./app_load_error.ts";
import type { Outcome } from "./hook_queue.ts";
import type { Millis } from "./process.ts";

export function hookLog(log: Log): HookLog {
  const at = (level: Level) => (text: string) => log(level, "hook", { text: String(text) });
  return { debug: at("debug"), info: at("info"), warning: at("warning"), error: at("error"), critical: at("critical") };
}

/** Why a hook did not succeed, as the reason of what follows from it; null if it did. */
export function hookFailure(name: HookName, outcome: Outcome, limit: Millis): string | null {
  if (outcome.type === "failed") return `${name}() failed: ${thrownText(outcome.error)}`;
  if (outcome.type === "abandoned") return `${name}() was not finished when the server was told to end`;
  return outcome.type === "late" ? `${name}() did not finish within ${limit / 1000} s` : null;
}

/** Says that a hook failed from which nothing follows. gunicorn's level for the end of a worker is warning, for the rest error. */
export function logHookFailure(log: Log, name: HookName, outcome: Outcome, limit: Millis, about: Fields = {}): void {
  if (outcome.type === "late") log("warning", "hook-late", { hook: name, seconds: limit / 1000, ...about });
  if (outcome.type !== "failed") return;
  const stack = stackOf(outcome.error);
  log(name === "workerExit" ? "warning" : "error", "hook-failed", { hook: name, reason: thrownText(outcome.error), ...(stack === undefined ? {} : { stack }), ...about });
}

/** How long a hook is waited for; 0 is for ever. */
export function hookLimit(name: HookName, bootTimeout: number): Millis {
  const { within } = HOOKS[name];
  return (within === "boot-timeout" ? bootTimeout : typeof within === "number" ? within : 0) * 1000;
}
