/** `--check-config`: loads the application as a worker would, in a process of its own that never listens. */
import type { Settings } from "../settings/table.ts";
import type { ArbiterSystem } from "./process.ts";
import { type Surroundings, title } from "./supervise.ts";

/** Resolves with gunicorn's exit code: 0 when the application loads, 1 when not; the worker's own log says why. */
export async function check(system: ArbiterSystem, settings: Settings, surroundings: Surroundings): Promise<number> {
  // A configuration that is right has nothing to say.
  const quiet: Settings = { ...settings, logLevel: "error", errorLogfile: "-", accessLogfile: null, reusePort: true };
  const limit = settings.bootTimeout > 0 ? settings.bootTimeout * 1000 : Infinity;
  return await new Promise<number>((resolve) => {
    let code = 1;
    const since = system.now();
    const child = system.spawn({
      title: title("worker", settings),
      runtime: settings.runtime,
      ...surroundings,
      watchdog: false,
      descriptors: () => [],
      onMessage: (message) => {
        if (message.type === "hello") child.send({ type: "start", id: 1, slot: 0, generation: 1, settings: quiet, multiprocess: false });
        if (message.type !== "ready") return;
        code = 0;
        child.kill("QUIT");
      },
      onExit: () => {
        timer.stop();
        resolve(code);
      },
    });
    const timer = system.every(250, () => {
      if (system.now() - since > limit) child.kill("KILL");
    });
  });
}
