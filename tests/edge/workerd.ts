/** workerd, the engine of Cloudflare Workers, with a worker of this repository. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { moduleGraph } from "../../runtimes/module_graph.ts";
import { root } from "../e2e/server.ts";
import { bun, startProcess, workerd } from "./binaries.ts";
import { execFileSync } from "node:child_process";

/** `typescript`: the files as they are. `module`: one bundle. `script`: one bundle in the service worker's syntax. */
export type Form = "typescript" | "module" | "script";

export async function startWorkerd(entry: string, form: Form): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), "tsgi-workerd-"));
  writeFileSync(join(folder, "config.capnp"), configOf(entry, form, folder));
  const started = startProcess([workerd!, "serve", "--experimental", "--control-fd=3", "-I", root, join(folder, "config.capnp")]);
  const port = await started.says(/"socket":"http","port":(\d+)/);
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      await started.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One JavaScript file of a program, as a bundler makes it. */
export function bundle(entry: string, format: "esm" | "iife", folder: string, ...flags: readonly string[]): string {
  const path = join(folder, "bundle.js");
  execFileSync(bun!, ["build", join(root, entry), "--target=browser", `--format=${format}`, `--outfile=${path}`, ...flags], { stdio: "pipe" });
  return path;
}

function configOf(entry: string, form: Form, folder: string): string {
  if (form !== "typescript") bundle(entry, form === "module" ? "esm" : "iife", folder);
  const what = form === "script" ? `serviceWorkerScript = embed "bundle.js"` : `modules = [${modules(entry, form).join(", ")}]`;
  const flags = form === "typescript" ? `compatibilityFlags = ["typescript_strip_types"],` : "";
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker), (name = "none", network = (allow = []))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (${what}, compatibilityDate = "2026-10-01", ${flags} globalOutbound = "none",
  bindings = [(name = "GREETING", text = "hi")]);
`;
}

function modules(entry: string, form: Form): string[] {
  if (form === "module") return [`(name = "bundle.js", esModule = embed "bundle.js")`];
  // What an example in a comment imports is found too, and is not there.
  const paths = [...moduleGraph(join(root, entry))].filter((path) => path.endsWith(".ts") && existsSync(path)).map((path) => path.slice(root.length - 1));
  return paths.map((path) => `(name = "${path.slice(1)}", esModule = embed "${path}")`);
}
