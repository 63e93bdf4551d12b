/**
 * soak.ts for long, on both runtimes one after the other. Ends with 1 if memory followed the requests, or one was lost.
 *
 * Usage: bun tests/e2e/soak_run.ts [--minutes 24] [--runtime deno|bun] [--bare]
 *        --bare: without the features, to see whose growth it is
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { root, runtime } from "./server.ts";
import { soak } from "./soak.ts";

/** Bytes for each 100,000 requests. */
const MOST = 2 ** 20;

const { values } = parseArgs({ options: { minutes: { type: "string", default: "24" }, runtime: { type: "string" }, bare: { type: "boolean", default: false }, here: { type: "boolean", default: false } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) {
  console.error(`Cannot use --minutes: expected a number above 0, got ${values.minutes}`);
  process.exit(1);
}
process.exit(values.here ? await here() : everywhere());

/** On each runtime, in a process of it. */
function everywhere(): number {
  const starts = { bun: [], deno: ["run", "-A", "--no-check"] };
  const chosen = Object.entries(starts).filter(([name]) => values.runtime === undefined || values.runtime === name);
  const codes = chosen.map(([name, before]) => {
    const args = [...before, join(root, "tests/e2e/soak_run.ts"), "--here", "--minutes", values.minutes, ...(values.bare ? ["--bare"] : [])];
    return spawnSync(join(root, "node_modules/.bin", name), args, { stdio: "inherit" }).status ?? 1;
  });
  return Math.max(...codes, chosen.length === 0 ? 1 : 0);
}

async function here(): Promise<number> {
  const { requests, failed, failures, reloads, growth } = await soak({ seconds: minutes * 60, features: !values.bare });
  console.log(`${runtime}: ${requests} requests in ${minutes} min, ${failed} failed ${failed === 0 ? "" : JSON.stringify(failures)}, ${reloads} reloads`);
  for (const { who, from, to, requests: of, slope } of growth) {
    console.log(`  ${who.padEnd(22)} ${mebibytes(from)} -> ${mebibytes(to)} MiB over ${of} requests: ${mebibytes(slope)} MiB for 100,000`);
  }
  return failed > 0 || growth.some(({ slope }) => slope > MOST) ? 1 : 0;
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(2);
}
