/** The runtime we run on. The one place that asks which it is; each runtime's file is loaded on that runtime only. */
import type { Runtime } from "./runtime.ts";

export const runtime: Runtime = await load();

async function load(): Promise<Runtime> {
  if ("Bun" in globalThis) return (await import("./bun.ts")).runtime;
  if ("Deno" in globalThis) return (await import("./deno.ts")).runtime;
  if ("process" in globalThis) return (await import("./node.ts")).runtime;
  throw new Error("Cannot start tsgi on this runtime: expected Deno, Bun or Node");
}
