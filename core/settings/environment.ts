/** The environment as a source of settings: `TSGI_*`, and the variables platforms set for every server. */
import { nearestSetting, onlyConfigFile, onlyFlag, variableOf } from "./names.ts";
import { cannotUse, type Problem } from "./problem.ts";
import type { Entry } from "./resolve.ts";
import { rowOf, SETTING_NAMES, type SettingRow } from "./table.ts";

/** The operating system's environment. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Reads the settings in `env`. An empty variable is as good as none: a container file cannot unset one. */
export function fromEnvironment(env: Env): { readonly entries: readonly Entry[]; readonly problems: readonly Problem[] } {
  const foreign: Entry[] = [];
  const entries: Entry[] = [];
  const problems: Problem[] = misspelt(env);
  for (const name of SETTING_NAMES) {
    const row = rowOf(name);
    const { fallback } = row;
    const theirs = fallback && env[fallback.variable];
    if (theirs) foreign.push({ name, written: fallback.prefix + theirs, label: fallback.variable, foreign: true });
    const label = variableOf(name);
    const ours = env[label];
    if (!ours) continue;
    if (row.commandLineOnly === true) problems.push({ label, kind: "value", message: onlyFlag(name, label) });
    else if (row.configFileOnly === true) problems.push({ label, kind: "value", message: onlyConfigFile(name, label) });
    else entries.push({ name, written: split(row, ours), label });
  }
  return { entries: [...foreign, ...entries], problems };
}

/** Ours, but not settings. */
const OTHERS = new Set(["TSGI_WORKER", "TSGI_CMD_ARGS", "TSGI_WORKER_ID", "TSGI_IDENTITY", "TSGI_DAEMON_STATUS", "TSGI_FD", "TSGI_PID"]);

/**
 * A variable that is almost one of ours is taken for a slip; any other is left alone, because a Kubernetes service called "tsgi" puts
 * TSGI_PORT and TSGI_SERVICE_HOST into every container.
 */
function misspelt(env: Env): Problem[] {
  const known = new Set(SETTING_NAMES.map(variableOf));
  const problems: Problem[] = [];
  for (const label of Object.keys(env)) {
    if (!label.startsWith("TSGI_") || known.has(label) || OTHERS.has(label) || !env[label]) continue;
    const word = label.slice(5);
    const meant = word.length < 6 ? undefined : nearestSetting(word);
    if (meant === undefined) continue;
    problems.push(cannotUse(label, `there is no such variable, did you mean ${variableOf(meant)}?`));
  }
  return problems;
}

function split(row: SettingRow, text: string): string | readonly string[] {
  if (row.kind === "addresses") return text.split(",").map((item) => item.trim()).filter((item) => item !== "");
  if (row.kind === "texts") return text.split(row.separator).map((item) => item.trim()).filter((item) => item !== "");
  // A value may hold commas, so here it is one a line.
  if (row.kind === "pairs") return text.split("\n").filter((item) => item.trim() !== "");
  return text;
}
