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

/** What a process needs before its code is compiled, in seconds. */
const WARM_UP = 2;
/** Pairs until both are started anew: how well the same program runs depends on where its memory lies, and on when what was compiled. */
const PAIRS_OF_ONE_START = 2;

export async function measure(comparison: Comparison, { pairs, seconds }: MeasureOptions): Promise<Outcome> {
  const samples: [Sample[], Sample[]] = [[], []];
  for (let pair = 0; pair < pairs; pair += PAIRS_OF_ONE_START) {
    await started(comparison, async (running) => {
      for (const one of running) await sample(one, comparison, WARM_UP);
      for (let turn = pair; turn < Math.min(pair + PAIRS_OF_ONE_START, pairs); turn++) {
        // Who goes first alternates, so that a drift of the machine favours nobody.
        for (const i of turn % 2 === 0 ? [0, 1] as const : [1, 0] as const) samples[i].push(await sample(running[i]!, comparison, seconds));
      }
    });
  }
  const [subject, base] = samples;
  const better = (i: number) => (comparison.by === "cpu" ? base[i]!.micros / subject[i]!.micros : subject[i]!.perSecond / base[i]!.perSecond);
  const sorted = (of: (i: number) => number) => subject.map((_, i) => of(i)).sort((a, b) => a - b);
  return { comparison, subject, base, ratios: sorted(better), p99s: sorted((i) => subject[i]!.p99 / base[i]!.p99) };
}

/** Runs `work` with both servers, which end with it. */
async function started({ subject, base, by }: Comparison, work: (running: readonly Running[]) => Promise<void>): Promise<void> {
  const running: Running[] = [];
  try {
    for (const one of [subject, base]) running.push(await Running.start(one, by === "cpu" ? 0 : null));
    await work(running);
  } finally {
    for (const one of running) await one.stop();
  }
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
