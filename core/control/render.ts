/** The data of a reply as a person reads it: tables of workers and listeners, a line for each other figure. */
import { type BlackBox, blackBoxFields } from "../black_box/black_box.ts";
import { escape } from "../logging/escape.ts";
import { quantile } from "../metrics/distribution.ts";
import type { RequestStats } from "../metrics/meter.ts";
import type { ListenerStats, WorkerStats } from "../metrics/stats.ts";
import type { InFlightStats } from "./controls.ts";

/** Ends with a line end. */
export function render(name: string, data: unknown): string {
  switch (name) {
    case "show workers":
      return workersTable((data as { readonly workers: readonly WorkerStats[] }).workers);
    case "show listeners":
      return listenersTable((data as { readonly listeners: readonly ListenerStats[] }).listeners);
    case "inspect":
      return inspectTable((data as { readonly workers: readonly InFlightStats[] }).workers);
    case "blackbox":
      return deathsText((data as { readonly deaths: readonly BlackBox[] }).deaths);
    case "show all": {
      const { stats, workers, listeners, config } = data as { readonly stats: object; readonly workers: readonly WorkerStats[]; readonly listeners: readonly ListenerStats[]; readonly config: object };
      return [lines(readable(stats)), workersTable(workers), listenersTable(listeners), lines(config)].join("\n");
    }
    case "show stats":
      return lines(readable(data as object));
    case "help":
      return lines((data as { readonly commands: object }).commands);
    default:
      return lines(data);
  }
}

export function workersTable(workers: readonly WorkerStats[]): string {
  const rows = workers.map((w) => [
    String(w.slot), String(w.pid ?? "-"), String(w.generation), w.full ? `${w.phase}, full` : w.phase, ago(w.uptime),
    String(w.requests?.total ?? "-"), String(w.requests?.inFlight ?? "-"), millis(w, 0.5), millis(w, 0.99),
    w.health?.lag ? `${(w.health.lag.p99 * 1000).toFixed(1)} ms` : "-", w.health ? mebibytes(w.health.memory.rss) : "-",
  ]);
  return table([["slot", "pid", "gen", "phase", "up", "requests", "in flight", "p50", "p99", "lag p99", "rss"], ...rows]);
}

function listenersTable(listeners: readonly ListenerStats[]): string {
  const rows = listeners.map(({ address, queue }) => [address, queue === null ? "-" : String(queue.queued), queue === null ? "-" : String(queue.connections), queue === null ? "-" : String(queue.sockets)]);
  return table([["address", "waiting", "connections", "sockets"], ...rows]);
}

function inspectTable(workers: readonly InFlightStats[]): string {
  return table([["slot", "pid", "in flight"], ...workers.map((w) => [String(w.slot), String(w.pid), w.requests === null ? "not known (--no-watchdog)" : w.requests || "-"])]);
}

/** As the error log told it. */
function deathsText(deaths: readonly BlackBox[]): string {
  if (deaths.length === 0) return "No worker has died\n";
  return deaths.map((box) => {
    const { pid, slot, how, detail = "nothing is known of its last requests" } = blackBoxFields(box);
    const below = String(detail).split("\n").map((line) => `  ${escape(line, "text")}\n`);
    return `${box.time} pid ${pid}, slot ${slot}, ended ${how}\n${below.join("")}`;
  }).join("");
}

/** Quantiles instead of the buckets they are made from. */
function readable(stats: { readonly requests?: RequestStats | null }): object {
  const { requests = null } = stats;
  if (requests === null) return stats;
  const { duration, ...rest } = requests;
  return { ...stats, requests: { ...rest, p50: quantile(duration, 0.5), p90: quantile(duration, 0.9), p99: quantile(duration, 0.99) } };
}

/** Left-aligned, as wide as need be. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) => `${row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd()}\n`).join("");
}

/** `key = value`, with a path of keys for what is nested. */
function lines(data: unknown): string {
  const flat = flatten(data, "");
  const width = Math.max(0, ...flat.map(([key]) => key.length));
  return flat.map(([key, value]) => (key === "" ? `${value}\n` : `${key.padEnd(width)} = ${value}\n`)).join("");
}

function flatten(value: unknown, path: string): [string, string][] {
  if (Array.isArray(value) && value.every((one) => typeof one !== "object")) return [[path, value.map(text).join(", ")]];
  if (typeof value !== "object" || value === null) return [[path, text(value)]];
  return Object.entries(value).flatMap(([key, inner]) => flatten(inner, path === "" ? key : `${path}.${key}`));
}

/** A terminal must not obey what a client of the server wrote. */
function text(value: unknown): string {
  return value === null ? "-" : escape(String(value), "text");
}

function millis({ requests }: WorkerStats, q: number): string {
  if (requests === null || requests.duration.count === 0) return "-";
  return `${(quantile(requests.duration, q)! * 1000).toFixed(1)} ms`;
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

/** `3d 4h`, `12m 5s`, `7s`. */
export function ago(seconds: number | null): string {
  if (seconds === null) return "-";
  const whole = Math.floor(seconds);
  const [d, h, m, s] = [Math.floor(whole / 86_400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60, whole % 60];
  return d > 0 ? `${d}d ${h}h` : h > 0 ? `${h}h ${m}m` : m > 0 ? `${m}m ${s}s` : `${s}s`;
}
