/**
 * Everything of fault_cases.ts on both runtimes, and docs/faults.md from what was seen.
 *
 * Usage: bun tests/e2e/fault_run.ts [--only WORD]    both runtimes, and the table
 *        RUNTIME tests/e2e/fault_run.ts --json FILE  this runtime, for the above
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Fault, FAULTS, type Scale } from "./fault_cases.ts";
import { root, runtime } from "./server.ts";
import type { Outcome } from "./trial.ts";

const WHOLE: Scale = { idle: 5000, slow: 1000, seconds: 10, times: 20 };

/** Milliseconds until a server is whole again, and for 99 of 100 answers to those who are not slow. */
const GOAL = { whole: runtime === "bun" ? 1000 : 2000, p99: 100 };

interface Row {
  readonly name: string;
  readonly how: string;
  readonly outcome: Outcome | null;
  /** Why it was not done, or what is wrong with what was seen. */
  readonly problems: readonly string[];
}

/** What of a promise was not kept. */
export function problemsOf({ held, others }: Fault, { lost, why, recovery, p99 }: Outcome, goal = GOAL): string[] {
  const most = held?.() ?? 0;
  return [
    ...(lost > most ? [`lost ${lost} requests, where killed processes held ${most} at most: ${JSON.stringify(why)}`] : []),
    ...(recovery !== null && recovery > goal.whole ? [`whole again after ${Math.round(recovery)} ms, later than ${goal.whole} ms`] : []),
    ...(others === true && p99 > goal.p99 ? [`p99 of other clients is ${Math.round(p99)} ms, more than ${goal.p99} ms`] : []),
  ];
}

async function runAll(only: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const fault of FAULTS.filter(({ name }) => name.includes(only))) {
    const { name, how, missing } = fault;
    const row = typeof missing === "string" ? { name, how, outcome: null, problems: [missing] } : await runOne(fault);
    console.log(`${runtime}: ${name}: ${row.outcome === null ? row.problems.join("; ") : cells(row).join(" | ")}`);
    if (row.outcome !== null && row.problems.length > 0) console.log(row.outcome.warnings.map((line) => `    ${line}`).join("\n"));
    rows.push(row);
  }
  return rows;
}

async function runOne(fault: Fault): Promise<Row> {
  const { name, how } = fault;
  try {
    const outcome = await fault.run(WHOLE);
    return { name, how, outcome, problems: problemsOf(fault, outcome) };
  } catch (error) {
    return { name, how, outcome: null, problems: [(error as Error).message] };
  }
}

function cells({ outcome, problems }: Row): string[] {
  if (outcome === null) return ["", "", "", "", `not done: ${problems.join("; ").split("\n")[0]}`];
  const { sent, lost, why, recovery, p99, note } = outcome;
  const kinds = Object.entries(why).map(([kind, times]) => `${times} ${kind}`).join(", ");
  return [`${sent}`, `${lost}${kinds === "" ? "" : ` (${kinds})`}`, recovery === null ? "" : `${Math.round(recovery)} ms`, `${p99.toFixed(1)} ms`, [note, ...problems].filter(Boolean).join("; ")];
}

function page(all: ReadonlyMap<string, readonly Row[]>, versions: readonly string[]): string {
  const table = (rows: readonly Row[]) => rows.map((row) => `| ${row.name} | ${cells(row).join(" | ")} |`).join("\n");
  const [first = []] = [...all.values()];
  const sections = [...all].map(([name, rows]) => `## On ${name}\n\n| | sent | lost | whole again after | p99 of others | seen |\n|---|---|---|---|---|---|\n${table(rows)}`);
  return `# Faults

What happens to clients when something breaks. Made by \`npm run faults\`, which does all of it to a server with two workers under a load of
16 clients without a pause (4 where p99 is the question), half of them with a connection for each request. Measured on ${cpus().length} cores that
the load shares with the server; ${versions.join(", ")}.

The promise: a request is lost only where the process that held it was killed with KILL or ended itself, so at most one for each client and
process; a server is whole again within 1 s on Bun and 2 s on Deno after the loss of a worker; nothing needs a person. What breaks it stands in
the last column. A quick part of it is \`tests/e2e/fault_run_test.ts\`.

| | how |
|---|---|
${first.map(({ name, how }) => `| ${name} | ${how} |`).join("\n")}

${sections.join("\n\n")}
`;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { json: { type: "string" }, only: { type: "string", default: "" } } });
  if (values.json !== undefined) {
    writeFileSync(values.json, JSON.stringify(await runAll(values.only)));
    process.exit(0);
  }
  const folder = mkdtempSync(join(tmpdir(), "tsgi-faults-"));
  const all = new Map<string, readonly Row[]>();
  const versions: string[] = [];
  for (const [name, title, before] of [["bun", "Bun", []], ["deno", "Deno", ["run", "-A", "--no-check"]]] as const) {
    const command = join(root, "node_modules/.bin", name);
    const file = join(folder, `${name}.json`);
    spawnSync(command, [...before, join(root, "tests/e2e/fault_run.ts"), "--json", file, "--only", values.only], { stdio: "inherit" });
    all.set(title, JSON.parse(readFileSync(file, "utf8")) as Row[]);
    versions.push(`${title} ${/\d+\.\d+\.\d+/.exec(spawnSync(command, ["--version"], { encoding: "utf8" }).stdout)?.[0]}`);
  }
  rmSync(folder, { recursive: true });
  const rows = [...all.values()].flat();
  if (values.only === "") writeFileSync(join(root, "docs/faults.md"), page(all, versions));
  process.exit(rows.some(({ problems }) => problems.length > 0) ? 1 : 0);
}
