/** What tracing needs of the system: node:async_hooks, the environment, and the application's own copy of the OpenTelemetry API. */
import { AsyncLocalStorage } from "node:async_hooks";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import type { OpenTelemetryApi, TracingHost } from "../core/otlp/api.ts";
import { processResource } from "./process_resource.ts";

export const tracingHost: TracingHost = {
  env: process.env,
  resource: processResource,
  storage: () => new AsyncLocalStorage(),
  api: async (module) => {
    let found: string;
    try {
      found = createRequire(pathToFileURL(resolve(module))).resolve("@opentelemetry/api");
    } catch {
      return null; // It is an optional peer: an application without it has no use for it.
    }
    return (await import(pathToFileURL(found).href)) as OpenTelemetryApi;
  },
};
