/**
 * What systemd gives to a service and wants to hear from it: sockets (LISTEN_FDS), news (NOTIFY_SOCKET) and signs of life (WATCHDOG_USEC),
 * as in sd_listen_fds(3), sd_notify(3) and sd_watchdog_enabled(3). Whoever keeps to these three can be another one.
 */
import process from "node:process";
import { notices } from "../core/arbiter/notices.ts";
import type { ArbiterEvent, Arbiter, Effect } from "../core/arbiter/step/state.ts";
import type { Log } from "../core/logging/record.ts";
import { libc, requireLibc } from "./libc.ts";
import type { SocketAddress } from "./socket_address.ts";

type Env = Readonly<Record<string, string | undefined>>;

const FIRST_DESCRIPTOR = 3;
/** The arbiter looks around four times a second: a shorter watchdog than this could bite while all is well. */
const SHORTEST_WATCHDOG = 1_000_000;

/** Whose variables count: this process's, and in an upgrade those of the arbiter before. */
export interface Origin {
  readonly env: Env;
  readonly parent: number | null;
}

/** The descriptors of the sockets that were handed to this process; null if there are none, or they are for another. */
export function activation({ env, parent }: Origin): readonly number[] | null {
  const count = Number(env.LISTEN_FDS ?? 0);
  if (!isFor(env.LISTEN_PID ?? "", parent) || !Number.isInteger(count) || count < 1) return null;
  return Array.from({ length: count }, (_, i) => FIRST_DESCRIPTOR + i);
}

/** The environment for a new arbiter that replaces this one, which must know that the variables were meant for us. */
export function passedOn({ env, parent }: Origin): Env {
  const names = ["LISTEN_PID", "WATCHDOG_PID"].filter((name) => env[name] !== undefined && isFor(env[name], parent));
  return { ...env, ...Object.fromEntries(names.map((name) => [name, String(process.pid)])) };
}

/** What the service manager is told as the arbiter goes on; null if it does not want to hear anything. */
export function notifier(origin: Origin, log: Log): Notifier | null {
  const { NOTIFY_SOCKET: path = "", WATCHDOG_USEC = "", WATCHDOG_PID = "" } = origin.env;
  if (path === "") return null;
  const refuse = (reason: string) => {
    log("warning", "notify-failed", { path, reason });
    return null;
  };
  if (libc instanceof Error) return refuse(libc.message);
  if (!/^[@/]/.test(path)) return refuse("only unix sockets are supported, which begin with / or @");
  const micros = WATCHDOG_PID === "" || isFor(WATCHDOG_PID, origin.parent) ? Number(WATCHDOG_USEC) : 0;
  if (micros > 0 && micros < SHORTEST_WATCHDOG) log("warning", "limitation", { text: `A watchdog of ${micros / 1e6} s is too short for tsgi, which looks around four times a second: write WatchdogSec=1 or more` });
  return new Notifier({ to: { family: "unix", path: path.replace(/^@/, "\0") }, period: micros > 0 ? micros / 2000 : Infinity, log, path });
}

interface NotifierOptions {
  readonly to: SocketAddress;
  /** Milliseconds between signs of life. */
  readonly period: number;
  readonly log: Log;
  readonly path: string;
}

export class Notifier {
  readonly #options: NotifierOptions;
  #lastSign = -Infinity;
  #hasFailed = false;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /** The arbiter has taken a step: that, and nothing else, is a sign of life. */
  note(before: Arbiter, after: Arbiter, { event, effects }: { readonly event: ArbiterEvent; readonly effects: readonly Effect[] }): void {
    for (const message of notices(before, after, { effects, pid: process.pid })) this.#send(stamped(message));
    // From one who is not the main process it would be no sign of that one.
    const isMain = after.parent === null && (after.phase === "serving" || after.successor === null);
    if (event.type !== "ticked" || !isMain || event.at - this.#lastSign < this.#options.period) return;
    this.#lastSign = event.at;
    this.#send("WATCHDOG=1");
  }

  #send(message: string): void {
    try {
      requireLibc().sendDatagram(this.#options.to, new TextEncoder().encode(message));
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) this.#options.log("warning", "notify-failed", { path: this.#options.path, reason: (error as Error).message });
      this.#hasFailed = true;
    }
  }
}

/** systemd tells our reload from others by its time. */
function stamped(message: string): string {
  return message.replace("RELOADING=1", () => `RELOADING=1\nMONOTONIC_USEC=${Math.floor(requireLibc().clock() * 1000)}`);
}

function isFor(pid: string, parent: number | null): boolean {
  return pid === String(process.pid) || (parent !== null && pid === String(parent));
}
