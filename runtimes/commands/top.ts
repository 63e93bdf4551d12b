/** `tsgi ctl top`: the workers of a running server, live; without a terminal, a line a second. */
import process from "node:process";
import { ago, mebibytes, workersTable } from "../../core/control/render.ts";
import { type Distribution, quantile, since } from "../../core/metrics/distribution.ts";
import type { Stats } from "../../core/metrics/stats.ts";
import { ControlClient } from "../control_client.ts";
import { wait } from "../system.ts";

const PERIOD = 1000;
const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[K";
const CLEAR_REST = "\x1b[J";

/** Shows until q, Ctrl-C or the end of the server; resolves with the exit code. */
export async function top(path: string): Promise<number> {
  const client = await ControlClient.open(path);
  const isTerminal = process.stdout.isTTY === true;
  let isOver = false;
  let wake = (): void => {};
  const end = (): void => {
    isOver = true;
    wake();
  };
  void client.closed.then(end);
  process.on("SIGINT", end);
  process.on("SIGTERM", end);
  if (isTerminal) begin(end, () => wake());
  let before: Stats | null = null;
  try {
    for (let count = 0; !isOver; count++) {
      const reply = await client.ask("show all");
      if (reply.status === "error") break;
      const stats = statsOf(reply.data);
      process.stdout.write(isTerminal ? screen(stats, before) : line(stats, before, count));
      before = stats;
      await Promise.race([wait(PERIOD), new Promise<void>((resolve) => (wake = resolve))]);
    }
  } finally {
    if (isTerminal) finish();
    client.close();
  }
  return 0;
}

function begin(end: () => void, redraw: () => void): void {
  process.stdout.write(ENTER);
  process.stdout.on("resize", redraw);
  if (process.stdin.isTTY !== true) return;
  process.stdin.setRawMode(true);
  process.stdin.resume();
  process.stdin.on("data", (bytes) => {
    const key = String(bytes);
    if (key === "q" || key === "Q" || key === "\x03" || key === "\x1b") end();
  });
}

function finish(): void {
  process.stdout.write(LEAVE);
  if (process.stdin.isTTY !== true) return;
  process.stdin.setRawMode(false);
  process.stdin.pause();
}

/** What `show all` says, as one. */
function statsOf(data: unknown): Stats {
  const { stats, workers, listeners } = data as { readonly stats: Stats; readonly workers: Stats["workers"]; readonly listeners: Stats["listeners"] };
  return { ...stats, workers, listeners };
}

/** As much as the terminal has room for. */
function screen(stats: Stats, before: Stats | null): string {
  const { rows = 24, columns = 80 } = process.stdout;
  const workers = workersTable(stats.workers).trimEnd().split("\n");
  const text = [...heading(stats, before), "", ...workers, "", "q quits"];
  const shown = text.length <= rows ? text : [...text.slice(0, rows - 2), `... ${text.length - rows + 2} more lines`];
  return HOME + shown.map((one) => one.slice(0, columns) + CLEAR_LINE).join("\r\n") + CLEAR_REST;
}

function heading(stats: Stats, before: Stats | null): string[] {
  const { requests, ledger } = stats;
  const now = recent(stats, before);
  const waiting = stats.listeners.reduce((sum, { queue }) => sum + (queue?.queued ?? 0), 0);
  const rss = stats.workers.reduce((sum, { health }) => sum + (health?.memory.rss ?? 0), 0);
  return [
    `tsgi ${stats.version} on ${stats.runtime}, pid ${stats.pid}, up ${ago(stats.uptime)}, generation ${stats.generation}${stats.reloading ? " (reloading)" : ""}, ${stats.phase}`,
    `workers ${stats.states.serving}/${stats.target}, restarts ${ledger.restarts}, reloads ${ledger.reloads.succeeded} (${ledger.reloads.failed} failed), memory ${mebibytes(rss)}`,
    `requests ${requests?.total ?? "-"}, in flight ${requests?.inFlight ?? "-"}, waiting ${waiting}, ${now.rate.toFixed(0)} req/s, p50 ${ms(now.duration, 0.5)}, p99 ${ms(now.duration, 0.99)}, 5xx ${now.failures}`,
  ];
}

function line(stats: Stats, before: Stats | null, count: number): string {
  const now = recent(stats, before);
  const head = count === 0 ? "time                      workers  req/s  in flight  p50  p99  5xx  rss\n" : "";
  const rss = stats.workers.reduce((sum, { health }) => sum + (health?.memory.rss ?? 0), 0);
  const cells = [new Date(stats.time * 1000).toISOString(), `${stats.states.serving}/${stats.target}`, now.rate.toFixed(0), stats.requests?.inFlight ?? "-", ms(now.duration, 0.5), ms(now.duration, 0.99), now.failures, mebibytes(rss)];
  return `${head}${cells.join("  ")}\n`;
}

/** What has come since the last look. */
function recent(stats: Stats, before: Stats | null): { readonly rate: number; readonly duration: Distribution; readonly failures: number } {
  const [now, then] = [stats.requests, before?.requests ?? null];
  if (now === null) return { rate: 0, duration: { count: 0, sum: 0, buckets: {} }, failures: 0 };
  if (then === null || before === null) return { rate: 0, duration: now.duration, failures: now.statuses["5xx"] };
  return {
    rate: (now.total - then.total) / Math.max(0.001, stats.time - before.time),
    duration: since(now.duration, then.duration),
    failures: now.statuses["5xx"] - then.statuses["5xx"],
  };
}

function ms(distribution: Distribution, q: number): string {
  const found = quantile(distribution, q);
  return found === null ? "-" : `${(found * 1000).toFixed(1)} ms`;
}
