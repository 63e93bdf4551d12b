/** What tsgi says about its settings: `--help`, `--version`, `--print-config`. */
import { flagOf } from "./names.ts";
import { USAGE } from "./problem.ts";
import { type Name, NAMES, type Row, rowOf, SECTIONS, SETTING_NAMES, type SettingName, type Settings, TABLE } from "./table.ts";
import { metavarOf, showValue } from "./value.ts";

/** The text of `--help`: every flag by section, with its default, and the other `commands`, at most 100 columns wide. */
export function helpText(commands: ReadonlyMap<string, { readonly summary: string }> = new Map()): string {
  const lines = [USAGE, "", ...wrap("Serves a TSGI or Fetch application from supervised worker processes. APP is FILE, or FILE:NAME.", 0)];
  if (commands.size > 0) lines.push("", "Other commands, each with a --help of its own:");
  for (const [name, { summary }] of commands) lines.push(`  tsgi ${name}`.padEnd(INDENT) + wrap(summary, INDENT).join("\n").trimStart());
  for (const [section, title] of Object.entries(SECTIONS)) {
    const names = NAMES.filter((name) => TABLE[name].section === section && !("positional" in TABLE[name]) && !("configFileOnly" in TABLE[name]));
    lines.push("", `${title}:`, ...names.flatMap(helpLines));
  }
  lines.push("", ...wrap(LAST, 0));
  return `${lines.join("\n")}\n`;
}

/** The text of `--version`, in gunicorn's form. */
export function versionText(version: string): string {
  return `tsgi (version ${version})\n`;
}

/**
 * The text of `--print-config`: `name = value`, sorted and aligned as gunicorn does, or JSON in the form a config file takes.
 *
 * Secrets are hidden, in `env` too.
 */
export function printConfig(settings: Settings, { json = false }: { readonly json?: boolean } = {}): string {
  if (json) return `${JSON.stringify(configObject(settings), null, 2)}\n`;
  const shown = withoutSecrets(settings);
  const names = SETTING_NAMES.toSorted();
  const width = Math.max(...names.map((name) => name.length));
  return names.map((name) => `${name.padEnd(width)} = ${showValue(rowOf(name), shown[name])}\n`).join("");
}

/** The settings as JSON has them, without secrets. */
export function configObject(settings: Settings): Record<string, unknown> {
  const shown = withoutSecrets(settings);
  return Object.fromEntries(SETTING_NAMES.toSorted().map((name) => [name, jsonValue(name, shown)]));
}

/** What may be shown of `settings`. */
export function withoutSecrets(settings: Settings): Settings {
  const hidden = SETTING_NAMES.filter((name) => rowOf(name).secret === true && settings[name] !== null).map((name) => [name, HIDDEN]);
  const open = Object.entries(settings).filter(([, value]) => typeof value === "string" || Array.isArray(value)).map(([name, value]) => [name, withoutPasswords(value)]);
  return { ...settings, ...Object.fromEntries(open), env: redacted(settings.env), ...Object.fromEntries(hidden) };
}

/** `env` as it may be shown: values whose name says that they are secret, and passwords in URLs, are replaced. */
export function redacted(env: Readonly<Record<string, string>>): Record<string, string> {
  const hide = (key: string, value: string) => SECRET.test(key) ? HIDDEN : withoutPasswords(value);
  return Object.fromEntries(Object.entries(env).map(([key, value]) => [key, hide(key, value)]));
}

/** A text, or a list with texts, without the passwords of URLs. */
function withoutPasswords<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutPasswords) as T;
  return typeof value === "string" ? value.replace(URL_PASSWORD, `$1${HIDDEN}@`) as T : value;
}

/** What a setting's default is called. */
export function defaultText(name: SettingName): string {
  const row = rowOf(name);
  return row.shown ?? showValue(row, row.default);
}

/** The flags of a setting or command, as `--help` lists them. */
export function flagText(name: Name): string {
  const row: Row = TABLE[name];
  const short = row.short === undefined ? [] : [`-${row.short}`];
  const opposite = row.kind === "boolean" ? [`--no-${flagOf(name).slice(2)}`] : [];
  const alias = "alias" in row && row.alias !== undefined ? [`--${row.alias}`] : [];
  const names = [...short, flagOf(name), ...opposite, ...alias].join(", ");
  return row.kind === "command" || row.kind === "boolean" ? names : `${names} ${metavarOf(row)}`;
}

const LAST = "Every setting can also be given as a variable (TSGI_WORKERS for --workers) and in tsgi.config.ts; flags win.";
const WIDTH = 100;
const INDENT = 28;
const HIDDEN = "[hidden]";
const SECRET = /KEY|SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL/i;
const URL_PASSWORD = /(:\/\/[^/?#\s:@]*:)[^/?#\s]*@/g;

function helpLines(name: Name): string[] {
  const row = TABLE[name];
  const head = `  ${flagText(name)}`;
  const body = wrap(row.kind === "command" ? row.doc : `${row.doc} [default: ${defaultText(name as SettingName)}]`, INDENT);
  return head.length > INDENT - 2 ? [head, ...body] : [head.padEnd(INDENT) + body[0]!.slice(INDENT), ...body.slice(1)];
}

function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((one) => " ".repeat(indent) + one);
}

function jsonValue(name: SettingName, settings: Settings): unknown {
  const row = rowOf(name);
  return row.kind === "addresses" ? showValue(row, settings[name]).split(",").filter((one) => one !== "") : settings[name];
}
