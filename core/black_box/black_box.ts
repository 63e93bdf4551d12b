/**
 * What is known of a worker that died: its last requests and log lines, from the memory that it shared with the arbiter and from its output.
 *
 * The rules:
 *
 * 1. A worker dies of a signal, of an exit that nobody asked for, or of one with a code that says failure. One that could not boot says why
 *    itself or has answered nothing, and one that is cut off by a quick end of the server is nobody's concern.
 * 2. Nothing is recorded for this alone: the register and the log ring are written anyway.
 * 3. No headers and bodies are in it, and no queries unless asked for. Log lines are the application's words, so what looks like a secret is
 *    taken out of them.
 */
import type { Ending } from "../arbiter/process.ts";
import { readAnswered, readInFlight } from "../arbiter/register.ts";
import type { Arbiter, Cause, Worker } from "../arbiter/step/state.ts";
import type { Fields } from "../logging/record.ts";
import { readLogRing } from "./log_ring.ts";
import { redact, withoutQuery } from "./redact.ts";

/** A plain object, as JSON too. */
export interface BlackBox {
  readonly version: 1;
  /** When the arbiter learnt of the death, ISO 8601. */
  readonly time: string;
  readonly pid: number;
  readonly id: number;
  readonly slot: number;
  readonly generation: number;
  /** The exit code or the signal. */
  readonly ending: Ending;
  /** Why the arbiter had it killed; null if it had not. */
  readonly cause: Cause | null;
  /** Seconds for which it had served; null if it never had. */
  readonly uptime: number | null;
  /** The oldest first. */
  readonly inFlight: readonly { readonly request: string; readonly seconds: number }[];
  /** In flight too, but not known by name. */
  readonly unknown: number;
  /** Answered, the last one last. */
  readonly requests: readonly { readonly request: string; readonly status: number }[];
  /** Of its error log, the last one last. */
  readonly log: readonly string[];
  /** What it printed, where that is captured. */
  readonly output: readonly string[];
}

/** What a dead worker left behind. */
export interface Remains {
  /** Its register, or that of each of its threads; none where the requests were not noted. */
  readonly registers: readonly Uint8Array[];
  /** Its log ring, or that of each of its threads; none without shared memory. */
  readonly logs: readonly Uint8Array[];
  readonly output: readonly string[];
}

export interface Death {
  readonly worker: Worker;
  readonly pid: number;
  readonly ending: Ending;
  /** Milliseconds on the arbiter's clock. */
  readonly at: number;
}

/** How many lines of a log or an output are kept. */
const LINES = 100;

/** Whether the end of `worker`, which was in `state` before it, is one by rule 1. */
export function isDeath({ halt }: Arbiter, { cause }: Worker, { code, signal }: Ending): boolean {
  if (halt?.quick === true || cause === "failed" || cause === "boot-timeout") return false;
  // It was told to go before it had learnt what that means.
  if ((halt !== null || cause !== null) && (signal === "SIGTERM" || signal === "SIGQUIT")) return false;
  return signal !== null || (code !== 0 && halt === null) || (cause === null && halt === null);
}

export function blackBox({ worker, pid, ending, at }: Death, remains: Remains, queries: boolean): BlackBox {
  const shown = queries ? (line: string) => line : withoutQuery;
  const found = remains.registers.map((register) => readInFlight(register, at - worker.heard));
  const requests = found.flatMap((one) => one.requests).sort((a, b) => b.age - a.age);
  const lines = (all: readonly string[]) => all.slice(-LINES).map((line) => redact(line, queries));
  return {
    version: 1,
    time: new Date().toISOString(),
    pid,
    id: worker.id,
    slot: worker.slot,
    generation: worker.generation,
    ending,
    cause: worker.cause,
    uptime: worker.servingSince === null ? null : (at - worker.servingSince) / 1000,
    inFlight: requests.map(({ line, age }) => ({ request: shown(line), seconds: age / 1000 })),
    unknown: found.reduce((sum, one) => sum + one.unknown, 0),
    requests: remains.registers.flatMap(readAnswered).map(({ line, status }) => ({ request: shown(line), status })),
    log: lines(remains.logs.flatMap(readLogRing)),
    output: lines(remains.output),
  };
}

/** How many of each the log tells. */
const TOLD = { inFlight: 10, requests: 10, lines: 3 };

/** The box as a few lines of the error log. */
export function blackBoxFields(box: BlackBox): Fields {
  const { pid, ending, inFlight, unknown, requests, log, output } = box;
  const detail: string[] = [];
  const more = inFlight.length - TOLD.inFlight + unknown;
  const handled = inFlight.slice(0, TOLD.inFlight).map(({ request, seconds }) => `${request} (${seconds.toFixed(1)}s)`);
  if (handled.length + unknown > 0) detail.push(`in flight: ${handled.join(", ")}${more > 0 ? ` and ${more} more` : ""}`);
  if (requests.length > 0) detail.push(`answered last: ${requests.slice(-TOLD.requests).map(({ request, status }) => `${request} ${status}`).join(", ")}`);
  // A record's stack is indented, and below the record in the log itself.
  for (const line of log.filter((one) => !one.startsWith(" ")).slice(-TOLD.lines)) detail.push(`logged: ${line}`);
  for (const line of output.slice(-TOLD.lines)) detail.push(`printed: ${line}`);
  return { pid, how: ending.signal === null ? `with code ${ending.code}` : `by ${ending.signal}`, slot: box.slot, ...(detail.length > 0 ? { detail: detail.join("\n") } : {}) };
}
