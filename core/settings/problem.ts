/** What is wrong with a configuration, and how a person at a terminal is told. */
import type { SettingName } from "./table.ts";

export interface Problem {
  /** The place it came from: `--workers`, `TSGI_WORKERS`, `tsgi.config.ts: workers`. */
  readonly label: string;
  /** `usage`: the command line cannot be understood; `value`: a setting cannot be used. */
  readonly kind: "usage" | "value";
  readonly message: string;
}

/** What somebody outside the core has against a setting. */
export interface Objection {
  readonly name: SettingName;
  readonly reason: string;
}

/** The setting at `label` cannot be used, for `reason`. */
export function cannotUse(label: string, reason: string): Problem {
  return { label, kind: "value", message: `Cannot use ${label}: ${reason}` };
}

/** What a process ends with because of `problems`: 2 for a command line nobody understands (argparse's number), else 1. */
export function exitCode(problems: readonly Problem[]): 1 | 2 {
  return problems.some((problem) => problem.kind === "usage") ? 2 : 1;
}

/** All problems for standard error, one a line: in argparse's form when the command line is at fault, else in gunicorn's. */
export function problemsText(problems: readonly Problem[]): string {
  if (exitCode(problems) === 2) return `${USAGE}\n${problems.map((problem) => `tsgi: error: ${problem.message}\n`).join("")}`;
  return `\n${problems.map((problem) => `Error: ${problem.message}\n`).join("")}`;
}

export const USAGE = "usage: tsgi [OPTIONS] [APP]";
