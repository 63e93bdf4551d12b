/** This process as OpenTelemetry's conventions describe it. */
import process from "node:process";
import type { Attributes } from "../core/otlp/values.ts";
import { runtime } from "./current.ts";

export const processResource: Attributes = { "process.pid": process.pid, "process.runtime.name": runtime.name, "process.runtime.version": runtime.version };
