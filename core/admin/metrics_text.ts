/** `/metrics`, in the format that the scraper likes better. */
import { OPEN_METRICS_TYPE, openMetricsText, PROMETHEUS_TYPE, prometheusText } from "../metrics/exposition.ts";
import { families } from "../metrics/families.ts";
import type { Stats } from "../metrics/stats.ts";

export function metricsText(stats: Stats, accept: string | null): { readonly type: string; readonly text: string } {
  const exposed = families(stats);
  return prefersOpenMetrics(accept ?? "") ? { type: OPEN_METRICS_TYPE, text: openMetricsText(exposed) } : { type: PROMETHEUS_TYPE, text: prometheusText(exposed) };
}

/** Only who names OpenMetrics gets it: everybody reads the older format. */
function prefersOpenMetrics(accept: string): boolean {
  const weight = (type: string) => Math.max(0, ...ranges(accept).filter((range) => range.type === type).map((range) => range.weight));
  return weight("application/openmetrics-text") > 0 && weight("application/openmetrics-text") >= weight("text/plain");
}

function ranges(accept: string): { readonly type: string; readonly weight: number }[] {
  return accept.split(",").map((range) => {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const q = parameters.find((parameter) => parameter.startsWith("q="));
    const weight = q === undefined ? 1 : Number(q.slice(2));
    return { type, weight: weight >= 0 && weight <= 1 ? weight : 0 };
  });
}
