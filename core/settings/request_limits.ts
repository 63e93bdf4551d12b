/** Limits of requests that the runtime would not let us keep: a problem each, with the reason. */
import { cannotUse, type Problem } from "./problem.ts";
import type { SettingName, Settings } from "./table.ts";

type Asked = Pick<Settings, "runtime" | "limitRequestLine" | "limitRequestFields" | "limitRequestFieldSize" | "requestHeaderTimeout" | "permitUnconventionalHttpMethod" | "allowedHosts">;
type Limit = "limitRequestLine" | "limitRequestFields" | "limitRequestFieldSize" | "requestHeaderTimeout";

/** What the native servers take at most, and cannot be told to take more of: measured on Deno 2.9, Bun 1.4 and Node 24. */
const MOST: Readonly<Record<Settings["runtime"], Readonly<Record<Limit, number>>>> = {
  deno: { limitRequestLine: 65_529, limitRequestFields: 128, limitRequestFieldSize: 65_513, requestHeaderTimeout: Infinity },
  bun: { limitRequestLine: 16_373, limitRequestFields: 198, limitRequestFieldSize: 16_357, requestHeaderTimeout: 10 },
  node: { limitRequestLine: 16_384, limitRequestFields: 2000, limitRequestFieldSize: 16_384, requestHeaderTimeout: Infinity },
};

export function requestLimitProblems(settings: Asked, sources: Readonly<Record<SettingName, string>>): Problem[] {
  const { runtime } = settings;
  const problems: Problem[] = [];
  const refuse = (name: SettingName, reason: string) => problems.push(cannotUse(sources[name], reason));
  for (const name of ["limitRequestLine", "limitRequestFields", "limitRequestFieldSize", "requestHeaderTimeout"] as const) {
    const most = MOST[runtime][name];
    if (settings[name] > most) refuse(name, `the native server of ${runtime} takes ${most} at most, which cannot be raised; give less, or 0 to leave it to the runtime, got ${settings[name]}`);
  }
  if (settings.permitUnconventionalHttpMethod && runtime !== "deno") {
    refuse("permitUnconventionalHttpMethod", `the native server of ${runtime} refuses methods that it does not know, whatever is permitted; use --runtime deno`);
  }
  for (const host of settings.allowedHosts) {
    if (!/^(?:\*|(?:\*?\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/i.test(host)) refuse("allowedHosts", `expected a name such as example.org, .example.org or *.example.org, or an address, without a port, got ${JSON.stringify(host)}`);
  }
  return problems;
}
