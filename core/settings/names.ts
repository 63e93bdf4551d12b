/** A setting's names in flags and variables, by rule, and the one that a wrong name was meant to be. */
import { nearest, plain } from "./nearest.ts";
import { type Name, SETTING_NAMES, type SettingName, TABLE } from "./table.ts";

/** `workerClass` is `--worker-class`. */
export function flagOf(name: Name): string {
  return `--${kebab(name)}`;
}

/** `workerClass` is `TSGI_WORKER_CLASS`. */
export function variableOf(name: SettingName): string {
  return `TSGI_${kebab(name).replaceAll("-", "_").toUpperCase()}`;
}

export function isSettingName(name: string): name is SettingName {
  return Object.hasOwn(TABLE, name) && TABLE[name as Name].kind !== "command";
}

/** What to say where a setting stands that is read from the command line only. */
export function onlyFlag(name: SettingName, label: string): string {
  return `Cannot use ${label}: it works only as a flag, write ${flagOf(name)} on the command line or in TSGI_CMD_ARGS`;
}

/** What to say where a setting stands that is read from a config file only. */
export function onlyConfigFile(name: SettingName, label: string): string {
  return `Cannot use ${label}: it works only in a config file, write ${name} in tsgi.config.ts`;
}

/** The setting that somebody who wrote a name in any spelling may have meant. */
export function nearestSetting(written: string): SettingName | undefined {
  return nearestOf(written, SETTING_NAMES) as SettingName | undefined;
}

/** The setting or command that somebody who wrote an unknown flag may have meant. */
export function nearestFlag(written: string): string | undefined {
  const name = nearestOf(written, Object.keys(TABLE)) as Name | undefined;
  return name === undefined ? undefined : name === "app" ? "the argument APP" : flagOf(name);
}

/** What gunicorn and others call a setting, where no rule leads from their name to ours; without case and separators. */
const OTHER_NAMES: Readonly<Record<string, SettingName>> = {
  accesslog: "accessLogfile",
  errorlog: "errorLogfile",
  logfile: "errorLogfile",
  syslog: "logSyslog",
  syslogaddr: "logSyslogTo",
  syslogprefix: "logSyslogPrefix",
  syslogfacility: "logSyslogFacility",
  rawenv: "env",
  procname: "name",
  defaultprocname: "name",
  wsgiapp: "app",
  host: "bind",
  port: "bind",
  listen: "bind",
};

function nearestOf(written: string, candidates: readonly string[]): string | undefined {
  const word = plain(written);
  const same = candidates.find((candidate) => plain(candidate) === word);
  if (same !== undefined) return same;
  if (Object.hasOwn(OTHER_NAMES, word)) return OTHER_NAMES[word];
  return nearest(word, candidates);
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
