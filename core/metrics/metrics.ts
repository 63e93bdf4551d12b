/** The metrics of the application in this process, wherever its modules come from: the server reads what they count. */
import { type Metrics, Registry } from "./registry.ts";

/** The application may have another copy of this module than the server that runs it: they meet here. */
const PLACE = Symbol.for("tsgi.metrics");

type Global = { [PLACE]?: Registry };

/**
 * Metrics of your own, summed over all workers and shown beside tsgi's. For Fetch handlers, and for code that has no environ; a TSGI
 * application has the same object in `environ["tsgi.metrics"]`.
 *
 * Where no tsgi serves, at the edge or in a test, what is counted goes nowhere.
 *
 * @example
 * ```ts
 * import { metrics } from "tsgi";
 *
 * metrics.counter("orders", { help: "Orders taken" }).inc({ kind: "new" });
 * metrics.histogram("render_seconds").observe(0.2);
 * ```
 */
export const metrics: Metrics = {
  counter: (name, options) => processRegistry().counter(name, options),
  gauge: (name, options) => processRegistry().gauge(name, options),
  histogram: (name, options) => processRegistry().histogram(name, options),
};

/** Makes `registry` the one that all of the process count in: for a worker, before it loads the application. */
export function setRegistry(registry: Registry): void {
  (globalThis as Global)[PLACE] = registry;
}

/** Without a server, names are checked and nothing is kept. */
function processRegistry(): Registry {
  return ((globalThis as Global)[PLACE] ??= new Registry(() => {}, 0));
}
