/**
 * What `toFetch(hello)` adds to the cold start of a worker in workerd: the time from the start of the process to the end of the first
 * response, beside a worker that answers the same by itself, in interleaved rounds. CPU time counts where the machine is shared; both
 * are shown. What is measured is what people deploy: one file that a bundler made, as it comes and minified. `unused` is the minified
 * one that is read and never run: what V8 needs to read that much code. Usage: bun tests/bench/cold_start.ts [--rounds 40]
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { startProcess, workerd } from "../edge/binaries.ts";
import { bundle } from "../edge/workerd.ts";

const EMPTY = `export default { fetch() { return new Response("Hello, World!\\n", { headers: { "Content-Type": "text/plain" } }); } };\n`;

const FORMS = ["empty", "bundle", "minified", "unused"] as const;

if (workerd === null) throw new Error("Cannot measure: workerd is not installed, run: npm ci");
const rounds = process.argv.includes("--rounds") ? Number(process.argv[process.argv.indexOf("--rounds") + 1]) : 40;
const folder = mkdtempSync(join(tmpdir(), "tsgi-cold-"));
try {
  const minified = readFileSync(bundle("tests/bench/cold_start_worker.ts", "esm", folder, "--minify"), "utf8");
  writeFileSync(join(folder, "minified.js"), minified);
  writeFileSync(join(folder, "unused.js"), `export function unused() {\n${minified.replace(/export\s*\{[^}]*\};?\s*$/, "")}\n}\n${EMPTY}`);
  bundle("tests/bench/cold_start_worker.ts", "esm", folder);
  writeFileSync(join(folder, "empty.js"), EMPTY);
  const configs = FORMS.map((form) => config(`${form}.js`));
  // The files come from the page cache afterwards.
  for (const path of configs) await coldStart(path);
  const samples: Sample[][] = configs.map(() => []);
  for (let round = 0; round < rounds; round++) {
    const order = [...configs.keys()];
    for (const i of round % 2 === 0 ? order : order.reverse()) samples[i]!.push(await coldStart(configs[i]!));
  }
  console.log("| | worker | bytes | ms | added, ms (median of pairs) | quartiles of added | rounds |");
  console.log("|---|---|---|---|---|---|---|");
  for (const kind of ["cpu", "wall"] as const) {
    const [empty, ...others] = samples.map((all) => all.map((sample) => sample[kind])) as [number[], ...number[][]];
    console.log(`| ${kind} | empty | ${EMPTY.length} | ${quantile(empty, 0.5)} | | | ${rounds} |`);
    others.forEach((times, n) => {
      const form = FORMS[n + 1]!;
      const added = times.map((ms, round) => ms - empty[round]!);
      console.log(`| ${kind} | ${form} | ${statSync(join(folder, `${form}.js`)).size} | ${quantile(times, 0.5)} | ${quantile(added, 0.5)} | ${quantile(added, 0.25)} to ${quantile(added, 0.75)} | ${rounds} |`);
    });
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function config(file: string): string {
  const path = join(folder, `${file}.capnp`);
  writeFileSync(path, `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (modules = [(name = "main.js", esModule = embed "${file}")], compatibilityDate = "2026-10-01");
`);
  return path;
}

/** Milliseconds. */
interface Sample {
  readonly wall: number;
  readonly cpu: number;
}

/** workerd compiles a worker and runs its top level before it listens. */
async function coldStart(path: string): Promise<Sample> {
  const since = performance.now();
  const started = startProcess([workerd!, "serve", "--control-fd=3", path]);
  try {
    const port = await started.says(/"socket":"http","port":(\d+)/);
    await answered(`http://127.0.0.1:${port}/`);
    return { wall: performance.now() - since, cpu: cpuOf(started.child.pid!) };
  } finally {
    await started.stop();
  }
}

/** Of all threads, in milliseconds: the kernel counts nanoseconds here, and ticks elsewhere. */
function cpuOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`).map((id) => Number(readFileSync(`/proc/${pid}/task/${id}/schedstat`, "utf8").split(" ")[0]));
  return threads.reduce((sum, nanos) => sum + nanos, 0) / 1e6;
}

function answered(url: string): Promise<void> {
  return new Promise((resolve, reject) => get(url, { agent: false }, (response) => response.resume().once("end", resolve)).once("error", reject));
}

function quantile(values: readonly number[], part: number): string {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * part)]!.toFixed(2);
}
