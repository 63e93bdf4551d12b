/** What of an application's text is not portable to a target, and what to write instead. */
import type { Use } from "./source.ts";
import { type Target, TARGETS, type TargetName } from "./targets.ts";

/** A `problem` keeps the application from running there; a `note` is something to know. */
export interface Finding {
  readonly target: TargetName;
  readonly level: "problem" | "note";
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
}

type Verdict = Pick<Finding, "level" | "message"> | null;

/** The findings for one file. */
export function judge(target: TargetName, file: string, uses: readonly Use[]): Finding[] {
  return uses.flatMap((use) => {
    const verdict = verdictOf(use, target);
    if (verdict === null) return [];
    const level = use.isGuarded ? "note" : verdict.level;
    return [{ target, level, message: verdict.message, file, line: use.line }];
  });
}

function verdictOf(use: Use, name: TargetName): Verdict {
  const target: Target = TARGETS[name];
  if (use.kind === "module") return moduleVerdict(use.name, name, target);
  if (use.kind === "eval") {
    return target.eval ? null : problem(`Cannot use ${use.name}: text is never made code there, write the function out`);
  }
  if (target.globals.includes(use.name)) return null;
  return problem(`Cannot use ${use.name}: there is no such global there, ${INSTEAD[use.name] ?? "use what the Web platform has"}`);
}

const INSTEAD: Readonly<Record<string, string>> = {
  Buffer: "use Uint8Array and TextEncoder",
  process: "read configuration from environ or from what the platform passes",
  global: "write globalThis",
  setImmediate: "use setTimeout or queueMicrotask",
  require: "write import",
  Deno: "keep it in a module that only Deno imports",
  Bun: "keep it in a module that only Bun imports",
};

/** Those of Node's that Cloudflare has by name only, or not at all. */
const HOLLOW = new Set(["child_process", "cluster", "dgram", "worker_threads", "vm", "repl", "inspector", "sqlite", "v8", "wasi", "test", "sea"]);

function moduleVerdict(specifier: string, name: TargetName, target: Target): Verdict {
  const [scheme = "", module = ""] = specifier.split(/:(.*)/s);
  if (scheme === "node") {
    if (target.node === "all") return null;
    if (target.node === "none") return problem(`Cannot import ${specifier}: there are no modules of Node there, use the Web platform's own`);
    if (HOLLOW.has(module.split("/")[0]!)) return problem(`Cannot import ${specifier}: nothing behind it works there, leave it to a server`);
    const hint = module.startsWith("fs") ? "; its files are those of the bundle, not the application's" : "";
    return { level: "note", message: `Importing ${specifier} needs a compatibility date of 2026-08-04 or later, or the flag nodejs_compat${hint}` };
  }
  if (scheme === "bun") return target.bun ? null : problem(`Cannot import ${specifier}: only Bun has it, keep it in a module that only Bun imports`);
  if (scheme === "cloudflare") return name === "cloudflare" ? null : problem(`Cannot import ${specifier}: only Cloudflare has it, use environ["cloudflare.env"] and tsgi.wait_until`);
  if (["npm", "jsr", "https", "http"].includes(scheme)) {
    return target.globals.includes("Deno") ? null : problem(`Cannot import ${specifier}: only Deno fetches modules by such names, install the package and write its bare name`);
  }
  return problem(`Cannot import ${specifier}: no such kind of module is known there`);
}

function problem(message: string): Verdict {
  return { level: "problem", message };
}
