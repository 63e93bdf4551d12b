/** What is exported and whither: the settings, and the variables that OpenTelemetry gives a meaning for every program. */
import type { Env } from "../settings/environment.ts";
import type { Settings } from "../settings/table.ts";
import { type Sampler, samplerOf } from "./sampler.ts";
import type { Attributes } from "./values.ts";

export interface OtlpOptions {
  /** Null where the signal is not exported. */
  readonly traces: string | null;
  readonly metrics: string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** Who exports: `service.name` and what else OTEL_RESOURCE_ATTRIBUTES says. */
  readonly resource: Attributes;
  readonly sampler: Sampler;
  /** Milliseconds. */
  readonly timeout: number;
  readonly spanPeriod: number;
  readonly metricPeriod: number;
  /** How many spans wait at most, and go at once. */
  readonly queueSize: number;
  readonly batchSize: number;
  /** Variables that were not understood, and are as good as absent. */
  readonly notes: readonly string[];
}

/** Null where nothing is exported at all. */
export function otlpOptions({ otlpEndpoint, otlpSampleRatio, name, app }: Settings, env: Env): OtlpOptions | null {
  if (otlpEndpoint === null || env.OTEL_SDK_DISABLED?.trim().toLowerCase() === "true") return null;
  const notes: string[] = [];
  const number = (variable: string, fallback: number) => numberOf(env, variable, fallback, notes);
  const { sampler, note } = samplerOf(otlpSampleRatio === null ? null : Number(otlpSampleRatio), env.OTEL_TRACES_SAMPLER, env.OTEL_TRACES_SAMPLER_ARG);
  if (note !== null) notes.push(note);
  if (env.OTEL_EXPORTER_OTLP_PROTOCOL === "grpc") notes.push(`OTEL_EXPORTER_OTLP_PROTOCOL is grpc, but tsgi sends http/json: ${otlpEndpoint} must take that, usually port 4318`);
  const base = otlpEndpoint.replace(/\/+$/, "");
  const exports = (variable: string) => !["none", "console"].includes(env[variable]?.trim().toLowerCase() ?? "");
  const queueSize = number("OTEL_BSP_MAX_QUEUE_SIZE", 2048);
  return {
    traces: exports("OTEL_TRACES_EXPORTER") ? `${base}/v1/traces` : null,
    metrics: exports("OTEL_METRICS_EXPORTER") ? `${base}/v1/metrics` : null,
    headers: pairs(env, "OTEL_EXPORTER_OTLP_HEADERS", notes),
    resource: { "service.name": name ?? app ?? "tsgi", ...pairs(env, "OTEL_RESOURCE_ATTRIBUTES", notes), ...(env.OTEL_SERVICE_NAME ? { "service.name": env.OTEL_SERVICE_NAME } : {}) },
    sampler,
    timeout: number("OTEL_EXPORTER_OTLP_TIMEOUT", 10_000),
    spanPeriod: number("OTEL_BSP_SCHEDULE_DELAY", 5000),
    metricPeriod: number("OTEL_METRIC_EXPORT_INTERVAL", 60_000),
    queueSize,
    batchSize: Math.min(queueSize, number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)),
    notes,
  };
}

function numberOf(env: Env, variable: string, fallback: number, notes: string[]): number {
  const text = env[variable];
  if (!text) return fallback;
  const value = Number(text);
  if (Number.isInteger(value) && value > 0 && value < 2 ** 31) return value;
  notes.push(`Cannot use ${variable}: expected a whole number from 1 up, so it is ${fallback}`);
  return fallback;
}

/** `key=value,key=value`, values as in a URL. What is wrong may be a secret, so it is not told. */
function pairs(env: Env, variable: string, notes: string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const item of env[variable]?.split(",") ?? []) {
    if (item.trim() === "") continue;
    const [, key, value] = /^\s*([^\s=]+)\s*=\s*(.*?)\s*$/.exec(item) ?? [];
    try {
      if (key === undefined) throw new SyntaxError("no =");
      found[key] = decodeURIComponent(value!);
    } catch {
      notes.push(`Cannot use a part of ${variable}: expected KEY=VALUE with the value encoded as in a URL`);
    }
  }
  return found;
}
