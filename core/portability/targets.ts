/**
 * Where an application can run besides a tsgi server, and what each place knows, has and lacks: what the adapters put into environ, what
 * `tsgi check` reports, and what tests/edge holds against the platforms themselves.
 */

export interface Target {
  /** What to write to get there. */
  readonly adapter: string;
  /** The optional keys of environ that are there. */
  readonly keys: readonly string[];
  /** Whether equals of the application serve beside it. */
  readonly multiprocess: boolean;
  /** Whether the application's own files can be read. */
  readonly files: boolean;
  /** Modules of the runtime that can be imported: `node:` all of them, some, or none; `bun:`. */
  readonly node: "all" | "some" | "none";
  readonly bun: boolean;
  /** Globals that are there beyond the Web platform's. */
  readonly globals: readonly string[];
  /** Whether text can be made code: `eval`, `new Function`. */
  readonly eval: boolean;
}

const NODE_GLOBALS = ["process", "Buffer", "global", "setImmediate"] as const;

export const TARGETS = {
  bun: { adapter: "toFetch", keys: ["REMOTE_ADDR", "REMOTE_PORT"], multiprocess: false, files: true, node: "all", bun: true, globals: ["Bun", "require", ...NODE_GLOBALS], eval: true },
  deno: { adapter: "toFetch", keys: ["REMOTE_ADDR", "REMOTE_PORT"], multiprocess: false, files: true, node: "all", bun: false, globals: ["Deno", ...NODE_GLOBALS], eval: true },
  node: { adapter: "toNode", keys: ["REMOTE_ADDR", "REMOTE_PORT", "RAW_URI", "tsgi.early_hints"], multiprocess: false, files: true, node: "all", bun: false, globals: NODE_GLOBALS, eval: true },
  cloudflare: { adapter: "toCloudflare", keys: ["REMOTE_ADDR", "tsgi.wait_until"], multiprocess: true, files: false, node: "some", bun: false, globals: NODE_GLOBALS, eval: false },
  deno_deploy: { adapter: "toDenoDeploy", keys: ["REMOTE_ADDR", "REMOTE_PORT"], multiprocess: true, files: true, node: "all", bun: false, globals: ["Deno", ...NODE_GLOBALS], eval: true },
  vercel: { adapter: "toVercel", keys: ["REMOTE_ADDR", "tsgi.wait_until"], multiprocess: true, files: true, node: "all", bun: false, globals: NODE_GLOBALS, eval: true },
  netlify: { adapter: "toNetlify", keys: ["REMOTE_ADDR", "tsgi.wait_until"], multiprocess: true, files: true, node: "all", bun: false, globals: ["Deno", ...NODE_GLOBALS], eval: true },
  lambda: { adapter: "toLambda", keys: ["REMOTE_ADDR", "tsgi.wait_until"], multiprocess: true, files: true, node: "all", bun: false, globals: NODE_GLOBALS, eval: true },
  service_worker: { adapter: "toServiceWorker", keys: ["tsgi.wait_until"], multiprocess: true, files: false, node: "none", bun: false, globals: [], eval: false },
} as const satisfies Readonly<Record<string, Target>>;

export type TargetName = keyof typeof TARGETS;
