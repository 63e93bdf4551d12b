/**
 * tsgi beside the bare native servers and others, in interleaved pairs. Prints Markdown; `--json FILE` keeps every sample.
 *
 * Usage: bun tests/bench/run.ts [deno|bun|node ...] [hello|apps|features|bodies|servers|python|start|scale ...] [--pairs 7] [--seconds 2] [--json FILE]
 * Without a group, the quick set: hello and apps. `start` and `scale` are no pairs, but tables of their own.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { FILE_VARIABLE } from "./apps/jobs.ts";
import { comparisons, type Group, GROUPS, type RuntimeName } from "./comparisons.ts";
import { program } from "./contestant.ts";
import { measure, median, type Outcome } from "./measure.ts";
import { scale } from "./scale.ts";
import { startUp } from "./start_up.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { pairs: { type: "string", default: "7" }, seconds: { type: "string", default: "2" }, json: { type: "string" }, all: { type: "boolean", default: false } },
});
const runtimes = chosen<RuntimeName>(["deno", "bun", "node"], ["deno", "bun"]);
const TABLES = ["start", "scale"] as const;
const tables = values.all ? TABLES : TABLES.filter((name) => positionals.includes(name));
const groups = values.all ? GROUPS : chosen<Group>(GROUPS, tables.length > 0 ? [] : ["hello", "apps"]);
const folder = mkdtempSync(join(tmpdir(), "tsgi-bench-"));
process.env[FILE_VARIABLE] = join(folder, "file");
if (groups.includes("bodies")) writeFileSync(join(folder, "file"), new Uint8Array(100e6));
const outcomes: Outcome[] = [];
try {
  console.log(`${cpus().length} cores (${cpus()[0]?.model}), Linux ${release()}; ${values.pairs} pairs of ${values.seconds} s each\n`);
  for (const runtime of runtimes) await runAll(runtime);
} finally {
  rmSync(folder, { recursive: true });
}
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(outcomes, null, 1));

async function runAll(runtime: RuntimeName): Promise<void> {
  console.log(`\n## ${runtime}`);
  if (groups.length > 0) await runPairs(runtime);
  for (const name of tables) console.log(`\n${name === "start" ? await startUp(runtime, Number(values.pairs)) : await scale(runtime, Number(values.seconds))}`);
}

async function runPairs(runtime: RuntimeName): Promise<void> {
  console.log("");
  console.log("| what | ratio (median) | spread | to reach | CPU/request: tsgi, other (µs) | least CPU/request | requests/s: tsgi, other | p50, p99 tsgi (ms) | p50, p99 other (ms) |");
  console.log("|---|---|---|---|---|---|---|---|---|");
  for (const comparison of comparisons(runtime)) {
    if (!groups.includes(comparison.group)) continue;
    const lacking = comparison.needs.filter((name) => program(name) === null);
    if (lacking.length > 0) {
      console.log(`| ${comparison.name} | skipped: ${lacking.join(", ")} not installed | | | | | | | |`);
      continue;
    }
    try {
      const outcome = await measure(comparison, { pairs: Number(values.pairs), seconds: Number(values.seconds) });
      outcomes.push(outcome);
      console.log(row(outcome));
    } catch (error) {
      console.log(`| ${comparison.name} | failed: ${(error as Error).message.split("\n")[0]} | | | | | | | |`);
    }
  }
}

function row({ comparison, subject, base, ratios, p99s }: Outcome): string {
  const of = (samples: Outcome["base"], key: "micros" | "perSecond" | "p50" | "p99", digits: number) => median(samples.map((s) => s[key])).toFixed(digits);
  /** Neighbours of a virtual machine only ever add to it. */
  const least = (samples: Outcome["base"]) => Math.min(...samples.map((s) => s.micros)).toFixed(2);
  const ratio = median(ratios);
  const { atLeast, p99AtMost } = comparison;
  const goals = [
    ...(atLeast === null ? [] : [`${atLeast} ${ratio >= atLeast ? "reached" : "missed"}`]),
    ...(p99AtMost === undefined ? [] : [`p99 ${median(p99s).toFixed(2)} of ${p99AtMost} ${median(p99s) <= p99AtMost ? "reached" : "missed"}`]),
  ];
  const cells = [
    comparison.name,
    ratio.toFixed(3),
    `${ratios[0]!.toFixed(2)}-${ratios.at(-1)!.toFixed(2)}`,
    goals.join(", "),
    `${of(subject, "micros", 2)}, ${of(base, "micros", 2)}`,
    `${least(subject)}, ${least(base)}`,
    `${of(subject, "perSecond", 0)}, ${of(base, "perSecond", 0)}`,
    `${of(subject, "p50", 2)}, ${of(subject, "p99", 2)}`,
    `${of(base, "p50", 2)}, ${of(base, "p99", 2)}`,
  ];
  return `| ${cells.join(" | ")} |`;
}

/** The words of the command line that are of one kind; all of `otherwise` if there are none. */
function chosen<T extends string>(all: readonly T[], otherwise: readonly T[]): readonly T[] {
  const given = all.filter((word) => positionals.includes(word));
  return given.length > 0 ? given : otherwise;
}
