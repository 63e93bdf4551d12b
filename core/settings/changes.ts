/** What a reload changes, for the log: every setting with its old and new value, and no secret. */
import { flagOf } from "./names.ts";
import { rowOf, SETTING_NAMES, type SettingName, type Settings } from "./table.ts";
import { redacted, withoutSecrets } from "./usage.ts";
import { showValue } from "./value.ts";

/** Each change as `--workers 2 -> 4`, `--env A: 1 -> 2`; empty where nothing is different. What is hidden is named, and its values are not. */
export function changes(before: Settings, after: Settings): readonly string[] {
  const different = SETTING_NAMES.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  return different.flatMap((name) => (name === "env" ? variableChanges(before.env, after.env) : [`${nameOf(name)} ${shown(name, before)} -> ${shown(name, after)}`]));
}

function variableChanges(before: Settings["env"], after: Settings["env"]): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((key) => before[key] !== after[key]);
  const value = (env: Settings["env"], key: string) => {
    const text = env[key];
    return text === undefined ? "unset" : quoted(redacted({ [key]: text })[key]!);
  };
  return keys.map((key) => `--env ${quoted(key)}: ${value(before, key)} -> ${value(after, key)}`);
}

function nameOf(name: SettingName): string {
  return name === "app" ? "APP" : flagOf(name);
}

/** A URL may stand anywhere, and a password in it. */
function shown(name: SettingName, settings: Settings): string {
  const value = withoutSecrets(settings)[name];
  if (value === null || (Array.isArray(value) && value.length === 0)) return "none";
  const text = showValue(rowOf(name), value);
  return quoted(redacted({ text })["text"]!);
}

/** One line, whatever was written. */
function quoted(text: string): string {
  return /^[^\s"]+$/.test(text) ? text : JSON.stringify(text);
}
