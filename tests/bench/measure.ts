/** Two servers, measured in turns: whatever the machine does meanwhile, it does to both. */
import { type Comparison } from "./comparisons.ts";
import { Running } from "./contestant.ts";
import { type Load, load } from "./load_generator.ts";

export interface Sample extends Load {
  /** Microseconds of CPU per request. */
  readonly micros: number;
}

export interface Outcome {
  readonly comparison: Comparison;
  readonly subject: readonly Sample[];
  readonly base: readonly Sample[];
  /** How often the subject is as good as the base, pair by pair, sorted. */
  readonly ratios: readonly number[];
  /** The subject's p99 as a part of the base's, likewise. */
  readonly p99s: readonly number[];
}

export interface MeasureOptions {
  readonly pairs: number;
  readonly seconds: number;
}

export async function measure(comparison: Comparison, { pairs, seconds }: MeasureOptions): Promise<Outcome> {
  const core = comparison.by === "cpu" ? 0 : null;
  const running: Running[] = [];
  const samples: [Sample[], Sample[]] = [[], []];
  try {
    for (const one of [comparison.subject, comparison.base]) running.push(await Running.start(one, core));
    for (const one of running) await sample(one, comparison, 1);
    for (let pair = 0; pair < pairs; pair++) {
      // Who goes first alternates, so that a drift of the machine favours nobody.
      for (const i of pair % 2 === 0 ? [0, 1] as const : [1, 0] as const) samples[i].push(await sample(running[i]!, comparison, seconds));
    }
  } finally {
    for (const one of running) await one.stop();
  }
  const [subject, base] = samples;
  const better = (i: number) => (comparison.by === "cpu" ? base[i]!.micros / subject[i]!.micros : subject[i]!.perSecond / base[i]!.perSecond);
  const sorted = (of: (i: number) => number) => subject.map((_, i) => of(i)).sort((a, b) => a - b);
  return { comparison, subject, base, ratios: sorted(better), p99s: sorted((i) => subject[i]!.p99 / base[i]!.p99) };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

async function sample(server: Running, comparison: Comparison, seconds: number): Promise<Sample> {
  const before = server.cpu();
  const found = await load({ ...comparison.load, port: server.port, core: comparison.by === "cpu" ? 1 : null, seconds });
  if (found.errors > 0) throw new Error(`${found.errors} of ${found.requests} requests to ${server.name} failed`);
  return { ...found, micros: (server.cpu() - before) / found.requests };
}
