/** What a reload may change. */
import { rowOf, SETTING_NAMES, type SettingName, type Settings } from "./table.ts";

export interface Reloaded {
  /** The new settings, with the old value wherever only a restart can change it. */
  readonly settings: Settings;
  readonly changed: readonly SettingName[];
  /** What is written differently now, but waits for a restart. */
  readonly pending: readonly SettingName[];
}

/** Compares what a server runs with to what its sources say now. */
export function reloaded(running: Settings, written: Settings): Reloaded {
  const different = SETTING_NAMES.filter((name) => JSON.stringify(running[name]) !== JSON.stringify(written[name]));
  const pending = different.filter((name) => rowOf(name).applies === "restart");
  const kept = Object.fromEntries(pending.map((name) => [name, running[name]]));
  return { settings: { ...written, ...kept }, changed: different.filter((name) => !pending.includes(name)), pending };
}
