/**
 * tsgi beside the bare native server, in interleaved pairs: the server pinned to core 0, wrk to core 1. CPU per request counts, because
 * the load generator shares the machine. Usage: bun tests/bench/run.ts [--pairs 7] [--seconds 2] [deno|bun] [--metrics]
 *
 * With --metrics, tsgi beside itself: "bare" is tsgi --no-metrics, and the ratio is what counting and timing each request costs.
 */
import process from "node:process";
import { type Contestant, programs, Running, wrk } from "./contestant.ts";

interface Sample {
  readonly micros: number;
  readonly perSecond: number;
  readonly p99: string;
}

const words = process.argv.slice(2);
const value = (name: string, fallback: number) => (words.includes(name) ? Number(words[words.indexOf(name) + 1]) : fallback);
const pairs = value("--pairs", 7);
const seconds = value("--seconds", 2);
const runtimes = (["deno", "bun"] as const).filter((r) => words.includes(r) || !words.some((w) => w === "deno" || w === "bun"));

console.log(`| runtime | bare µs/request | tsgi µs/request | tsgi/bare (median of ${pairs} pairs) | spread | bare req/s | tsgi req/s | p99 bare / tsgi |`);
console.log("|---|---|---|---|---|---|---|---|");
for (const runtime of runtimes) {
  const program = runtime === "deno" ? [programs.deno, "run", "-A"] : [programs.bun];
  const bare: Contestant = { name: "bare", command: [...program, "tests/bench/bare.ts", "{port}"] };
  const tsgi: Contestant = { name: "tsgi", command: [...program, "mod.ts", "-b", "127.0.0.1:{port}", "examples/hello.ts"] };
  const compared = words.includes("--metrics")
    ? [{ ...tsgi, command: [...tsgi.command, "--no-metrics"] }, tsgi] as const
    : [bare, tsgi] as const;
  const [a, b] = await interleave(...compared);
  const ratios = a.map((sample, i) => b[i]!.micros / sample.micros).sort((x, y) => x - y);
  const row = [
    runtime, median(a.map((s) => s.micros)).toFixed(2), median(b.map((s) => s.micros)).toFixed(2), median(ratios).toFixed(3),
    `${ratios[0]!.toFixed(2)}-${ratios.at(-1)!.toFixed(2)}`, median(a.map((s) => s.perSecond)).toFixed(0), median(b.map((s) => s.perSecond)).toFixed(0),
    `${a.at(-1)!.p99} / ${b.at(-1)!.p99}`,
  ];
  console.log(`| ${row.join(" | ")} |`);
}

async function interleave(one: Contestant, other: Contestant): Promise<[Sample[], Sample[]]> {
  const samples: [Sample[], Sample[]] = [[], []];
  const running = [await Running.start(one, 0), await Running.start(other, 0)] as const;
  try {
    for (const server of running) await wrk(server.port, { core: 1, seconds: 1 });
    for (let pair = 0; pair < pairs; pair++) {
      // Who goes first alternates, so that a drift of the machine does not favour one.
      for (const i of pair % 2 === 0 ? [0, 1] : [1, 0]) samples[i]!.push(await measure(running[i]!));
    }
  } finally {
    for (const server of running) await server.stop();
  }
  return samples;
}

async function measure(server: Running): Promise<Sample> {
  const before = server.cpu();
  const load = await wrk(server.port, { core: 1, seconds });
  if (load.errors > 0) throw new Error(`${load.errors} of ${load.requests} requests failed`);
  return { micros: ((server.cpu() - before) * 1e6) / load.requests, perSecond: load.perSecond, p99: load.p99 };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((x, y) => x - y);
  return sorted[Math.floor(sorted.length / 2)]!;
}
