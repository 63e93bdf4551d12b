/** Metrics as text, in the two formats that scrapers read: Prometheus 0.0.4 and OpenMetrics 1.0. */

/** One number. `suffix` goes behind the family's name: `_total`, `_bucket`. */
export interface Sample {
  readonly suffix: string;
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number;
}

/** One metric with all its numbers; a counter's name is without `_total`. */
export interface Exposed {
  readonly name: string;
  readonly kind: "counter" | "gauge" | "histogram" | "info";
  readonly help: string;
  /** The base unit that the name ends with. */
  readonly unit: string | null;
  readonly samples: readonly Sample[];
}

export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";
export const OPEN_METRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/** In the format that every Prometheus reads; to be sent as {@linkcode PROMETHEUS_TYPE}. */
export function prometheusText(families: readonly Exposed[]): string {
  return families.map((family) => {
    // Here a counter is called what its sample is called, and there are no infos.
    const name = family.kind === "counter" ? `${family.name}_total` : family.kind === "info" ? `${family.name}_info` : family.name;
    const kind = family.kind === "info" ? "gauge" : family.kind;
    const help = family.help === "" ? "" : `# HELP ${name} ${escapeHelp(family.help)}\n`;
    return `${help}# TYPE ${name} ${kind}\n${samplesText(family)}`;
  }).join("");
}

/** In the format that says more, and when it is complete; to be sent as {@linkcode OPEN_METRICS_TYPE}. */
export function openMetricsText(families: readonly Exposed[]): string {
  const blocks = families.map((family) => {
    const unit = family.unit === null ? "" : `# UNIT ${family.name} ${family.unit}\n`;
    const help = family.help === "" ? "" : `# HELP ${family.name} ${escapeValue(family.help)}\n`;
    return `# TYPE ${family.name} ${family.kind}\n${unit}${help}${samplesText(family)}`;
  });
  return `${blocks.join("")}# EOF\n`;
}

/** The number as both formats write it. */
export function numberText(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  return String(value);
}

function samplesText({ name, samples }: Exposed): string {
  return samples.map(({ suffix, labels, value }) => `${name}${suffix}${labelsText(labels)} ${numberText(value)}\n`).join("");
}

function labelsText(labels: Sample["labels"]): string {
  return labels.length === 0 ? "" : `{${labels.map(([name, value]) => `${name}="${escapeValue(value)}"`).join(",")}}`;
}

function escapeValue(text: string): string {
  return text.replace(/[\\"\n]/g, (one) => (one === "\n" ? "\\n" : `\\${one}`));
}

/** In the older format, a quote in a help text is a quote. */
function escapeHelp(text: string): string {
  return text.replace(/[\\\n]/g, (one) => (one === "\n" ? "\\n" : "\\\\"));
}
