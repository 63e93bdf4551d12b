/** What a start and a reload take, and what a worker needs: beside the bare server, and gunicorn with one worker. */
import { bare, gunicorn, type RuntimeName, tsgi } from "./comparisons.ts";
import { type Contestant, program, Running } from "./contestant.ts";
import { load } from "./load_generator.ts";
import { median } from "./measure.ts";
import { family, residentBytes } from "./process_family.ts";

const MIB = 2 ** 20;
/** Milliseconds a reload may take before it counts as failed. */
const PATIENCE = 20_000;

interface Row {
  readonly contestant: Contestant;
  readonly reloads: boolean;
}

export async function startUp(runtime: RuntimeName, rounds: number): Promise<string> {
  const rows: Row[] = [
    { contestant: bare(runtime, "hello"), reloads: false },
    { contestant: tsgi(runtime, "tests/bench/apps/pid.ts"), reloads: true },
    ...(program("gunicorn") === null ? [] : [{ contestant: gunicorn("sync", "wsgi:pid", "-w", "1", "-k", "sync"), reloads: true }]),
  ];
  const starts = rows.map((): number[] => []);
  const reloads = rows.map((): number[] => []);
  const memory = rows.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { contestant, reloads: canReload }] of rows.entries()) {
      const begun = performance.now();
      const running = await Running.start(contestant, null);
      try {
        starts[i]!.push(performance.now() - begun);
        await load({ port: running.port, core: null, seconds: 1 });
        const processes = family(running.pid);
        memory[i]!.push(residentBytes(processes.at(-1)!) / MIB);
        if (canReload) reloads[i]!.push(await reload(running));
      } finally {
        await running.stop();
      }
    }
  }
  const [base] = starts.map(median) as [number];
  const [least] = memory.map(median) as [number];
  const lines = rows.map(({ contestant, reloads: canReload }, i) => {
    const [start, bytes] = [median(starts[i]!), median(memory[i]!)];
    return `| ${contestant.name} | ${start.toFixed(0)} (${(start / base).toFixed(2)}) | ${canReload ? median(reloads[i]!).toFixed(0) : ""} | ${bytes.toFixed(1)} (${bytes >= least ? "+" : ""}${(bytes - least).toFixed(1)}) |`;
  });
  return ["| one worker | to the first response, ms (of bare) | from HUP to the first answer of the new worker, ms | RSS of the worker under load, MiB (over bare) |", "|---|---|---|---|", ...lines].join("\n");
}

async function reload(running: Running): Promise<number> {
  const ask = async () => (await fetch(`http://127.0.0.1:${running.port}/`, { headers: { connection: "close" } })).text();
  const old = await ask();
  const begun = performance.now();
  running.signal("SIGHUP");
  while (performance.now() - begun < PATIENCE) {
    const now = await ask().catch(() => old);
    if (now !== old) return performance.now() - begun;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error(`${running.name} did not reload within ${PATIENCE / 1000} s`);
}
