/** What each signal means to the arbiter and to a worker: gunicorn's meanings. SIGNALS.md is derived from it. */
import type { Signal } from "./process.ts";

export interface SignalRow {
  readonly signal: Signal;
  readonly arbiter: string;
  readonly worker: string;
}

export const SIGNALS: readonly SignalRow[] = [
  {
    signal: "TERM",
    arbiter: "Graceful stop: workers finish what they have, up to graceful-timeout. With shutdown-delay it serves that long first, and a second TERM ends the wait. Then one more TERM makes it quick.",
    worker: "Graceful stop of this worker; the arbiter replaces it.",
  },
  { signal: "INT", arbiter: "Quick stop: workers end at once. The arbiter exits with 0.", worker: "Ignored: Ctrl-C reaches the whole process group, and the arbiter decides." },
  { signal: "QUIT", arbiter: "As INT.", worker: "Ends at once." },
  {
    signal: "HUP",
    arbiter: "Reload: new configuration and new workers, and only when they are ready the old ones go. Log files are opened again, by everybody, even if the reload fails.",
    worker: "Ignored.",
  },
  { signal: "TTIN", arbiter: "One worker more, up to max-workers.", worker: "Ignored." },
  { signal: "TTOU", arbiter: "One worker less, but never less than one.", worker: "Ignored." },
  {
    signal: "USR1",
    arbiter: "Opens the log files again, here and in all workers. On Deno it does nothing: send HUP.",
    worker: "Opens its log files again. On Deno it does nothing.",
  },
  { signal: "USR2", arbiter: "Upgrade: starts the command line once more, which serves from the same sockets beside this server. See below.", worker: "Ignored." },
  {
    signal: "WINCH",
    arbiter: "Of a daemon only: graceful stop of all workers. The sockets stay, clients wait, and HUP brings the workers back. Otherwise ignored.",
    worker: "Ignored.",
  },
  { signal: "CHLD", arbiter: "Nothing: the runtime itself takes note of a worker's end.", worker: "Nothing." },
  { signal: "ABRT", arbiter: "The default action.", worker: "Sent by the arbiter to a silent worker: if its loop still turns, it answers its requests with 503 and ends with 1; KILL follows a second later." },
];

/** The signals the arbiter and a worker install handlers for. */
export const ARBITER_SIGNALS: readonly Signal[] = ["TERM", "INT", "QUIT", "HUP", "TTIN", "TTOU", "USR1", "USR2", "WINCH"];
export const WORKER_SIGNALS: readonly Signal[] = ["TERM", "INT", "QUIT", "HUP", "TTIN", "TTOU", "ABRT", "USR1", "USR2", "WINCH"];
