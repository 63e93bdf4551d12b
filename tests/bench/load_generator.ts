/** wrk, or hey where the rate is given (both Debian), pinned to a core of its own and bounded in time. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface LoadOptions {
  readonly port: number;
  readonly path?: string;
  /** The core it is pinned to; null for any. */
  readonly core: number | null;
  readonly seconds: number;
  readonly connections?: number;
  readonly headers?: readonly string[];
  /** Bytes of a POST body; 0 for GET. */
  readonly upload?: number;
  /** Requests a second, of GET alone, for latencies at a load that is the same for all; as many as can be had, unless given. */
  readonly rate?: number;
}

/** What one run found. */
export interface Load {
  readonly requests: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly errors: number;
}

export async function load(options: LoadOptions): Promise<Load> {
  const { port, path = "/", core, seconds, connections = 64, headers = [], upload = 0, rate } = options;
  if (rate !== undefined && upload > 0) throw new Error("Cannot upload at a rate: leave one of them out");
  const folder = upload > 0 ? mkdtempSync(join(tmpdir(), "tsgi-bench-")) : null;
  if (folder) writeFileSync(join(folder, "upload.lua"), `wrk.method = "POST"\nwrk.body = string.rep("x", ${upload})\n`);
  const wrk = ["wrk", "-t1", `-c${connections}`, `-d${seconds}`, "--timeout", "10", "--latency", ...(folder ? ["-s", join(folder, "upload.lua")] : [])];
  const hey = ["hey", "-z", `${seconds}s`, "-c", String(connections), "-q", String(Math.round((rate ?? 0) / connections))];
  const words = [...(core === null ? [] : ["taskset", "-c", String(core)]), ...(rate === undefined ? wrk : hey), ...headers.flatMap((h) => ["-H", h]), `http://127.0.0.1:${port}${path}`];
  const child = spawn(words[0]!, words.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => (out += text));
  await new Promise((resolve) => child.once("close", resolve));
  if (folder) rmSync(folder, { recursive: true });
  return rate === undefined ? parseWrk(out) : parseHey(out);
}

function parseWrk(out: string): Load {
  const find = (pattern: RegExp) => pattern.exec(out)?.[1] ?? "";
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(out)?.slice(1) ?? [];
  return {
    requests: Number(find(/(\d+) requests in/)),
    perSecond: Number(find(/Requests\/sec:\s+([\d.]+)/)),
    p50: millis(find(/^ +50% +(\S+)/m)),
    p99: millis(find(/^ +99% +(\S+)/m)),
    errors: errors.reduce((sum, n) => sum + Number(n), 0) + Number(find(/Non-2xx or 3xx responses: (\d+)/)),
  };
}

function parseHey(out: string): Load {
  const seconds = (percent: number) => Number(new RegExp(`${percent}% in ([\\d.]+) secs`).exec(out)?.[1] ?? NaN);
  const counts = (pattern: RegExp) => [...out.matchAll(pattern)].reduce((sum, [, count]) => sum + Number(count), 0);
  const requests = counts(/\[\d+\]\s+(\d+) responses/g);
  return {
    requests,
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(out)?.[1] ?? NaN),
    p50: seconds(50) * 1000,
    p99: seconds(99) * 1000,
    errors: requests - counts(/\[200\]\s+(\d+) responses/g) + counts(/\[(\d+)\]\s+Get /g),
  };
}

function millis(text: string): number {
  const [, number = "NaN", unit = "ms"] = /^([\d.]+)(us|ms|s)$/.exec(text) ?? [];
  return Number(number) * (unit === "us" ? 0.001 : unit === "s" ? 1000 : 1);
}
