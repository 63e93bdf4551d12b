/** `--check-config`: loads the application as a worker would, in a process of its own that never listens. */
import type { Settings } from "../settings/table.ts";
import { preflight } from "./preflight.ts";
import type { ArbiterSystem } from "./process.ts";
import { type Surroundings, title } from "./supervise_options.ts";

/** Resolves with gunicorn's exit code: 0 when the application loads, 1 when not; the worker's own log says why. */
export async function check(system: ArbiterSystem, settings: Settings, surroundings: Surroundings): Promise<number> {
  const { outcome } = preflight(system, {
    settings: { ...settings, errorLogfile: "-", logSyslog: false },
    title: title("worker", settings),
    surroundings,
    generation: 1,
    multiprocess: false,
  });
  return (await outcome) === null ? 0 : 1;
}
