/** The command line as a source of settings: `tsgi [OPTIONS] [APP]`, and TSGI_CMD_ARGS in the same form. */
import { flagOf, nearestFlag, onlyConfigFile } from "./names.ts";
import type { Problem } from "./problem.ts";
import type { Entry } from "./resolve.ts";
import { type Name, NAMES, rowOf, SETTING_NAMES, type SettingName, TABLE } from "./table.ts";
import { whyUnsupported } from "./unsupported.ts";
import { metavarOf, showWritten } from "./value.ts";
import { splitWords } from "./words.ts";

/** What a command line asks for. */
export type Command = "serve" | "check-config" | "print-config" | "help" | "version";

export interface CommandLine {
  readonly command: Command;
  /** Whether --print-config prints JSON. */
  readonly json: boolean;
  readonly entries: readonly Entry[];
  readonly problems: readonly Problem[];
}

export interface FlagOptions {
  readonly type: "string" | "boolean";
  readonly short?: string;
}

export type FlagToken =
  | OptionToken
  | { readonly kind: "positional"; readonly value: string }
  | { readonly kind: "option-terminator" };

export interface OptionToken {
  readonly kind: "option";
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  /** Whether the value stood in the same word, as in `--workers=4` and `-w4`. */
  readonly inlineValue?: boolean | undefined;
}

/** The part of node:util's `parseArgs` that is used here: core imports no runtime, so it is handed in. */
export type ParseArgs = (config: {
  args: string[];
  options: { [flag: string]: FlagOptions };
  strict: false;
  allowPositionals: true;
  tokens: true;
}) => { readonly tokens: readonly FlagToken[] };

/** Parses arguments (without the program's own name). `variable` is where they stood, if not on the command line itself. */
export function parseCommandLine(args: readonly string[], parseArgs: ParseArgs, variable?: string): CommandLine {
  const { tokens } = parseArgs({ args: [...args], options: OPTIONS, strict: false, allowPositionals: true, tokens: true });
  const place = variable === undefined ? "" : ` in ${variable}`;
  const given = new Map<SettingName, Entry>();
  const commands: Name[] = [];
  const apps: string[] = [];
  const problems: Problem[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") apps.push(token.value);
    if (token.kind !== "option") continue;
    const flag = Object.hasOwn(FLAGS, token.name) ? FLAGS[token.name] : undefined;
    const complaint = flag === undefined ? unknown(token.rawName, place) : misused(flag, token, place);
    if (complaint !== undefined) {
      problems.push({ label: token.rawName + place, kind: "usage", message: complaint });
    } else if (flag!.command) {
      commands.push(flag!.name);
    } else {
      const name = flag!.name as SettingName;
      const label = `--${token.name}${place}`;
      given.set(name, { name, written: valueOf(token, flag!, given.get(name)?.written), label });
    }
  }
  // After an unknown flag nobody knows whether a word is its value or an application.
  if (apps.length > 1 && problems.length === 0) {
    const message = `Cannot serve more than one application${place}: expected one APP, got ${apps.map(showWritten).join(" and ")}`;
    problems.push({ label: `APP${place}`, kind: "usage", message });
  }
  if (apps.length > 0) given.set("app", { name: "app", written: apps[0], label: `APP${place}` });
  return { command: commandOf(commands), json: commands.includes("json"), entries: [...given.values()], problems };
}

/** Parses the text of TSGI_CMD_ARGS, split as a shell would. */
export function parseCommandArgs(text: string, parseArgs: ParseArgs): CommandLine {
  try {
    return parseCommandLine(splitWords(text), parseArgs, "TSGI_CMD_ARGS");
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const message = `Cannot read TSGI_CMD_ARGS: expected words as in a shell, got ${showWritten(text)} (${error.message})`;
    return { command: "serve", json: false, entries: [], problems: [{ label: "TSGI_CMD_ARGS", kind: "usage", message }] };
  }
}

interface Flag {
  readonly name: Name;
  readonly command: boolean;
  readonly takesValue: boolean;
  /** What a boolean flag sets. */
  readonly means: boolean;
}

/** Every long flag without its dashes, and the same for parseArgs. */
const FLAGS: Readonly<Record<string, Flag>> = Object.fromEntries(flags().map(([long, flag]) => [long, flag]));
const OPTIONS: { [flag: string]: FlagOptions } = Object.fromEntries(flags().map(([long, { takesValue }, short]) => {
  return [long, { type: takesValue ? "string" : "boolean", ...(short === undefined ? {} : { short }) }];
}));

function flags(): (readonly [long: string, flag: Flag, short?: string | undefined])[] {
  return NAMES.flatMap((name) => {
    const row = TABLE[name];
    const long = flagOf(name).slice(2);
    const short = "short" in row ? row.short : undefined;
    if (row.kind === "command") return [[long, { name, command: true, takesValue: false, means: true }, short] as const];
    if ("positional" in row || "configFileOnly" in row) return [];
    const flag = { name, command: false, takesValue: row.kind !== "boolean", means: true };
    const opposite = row.kind === "boolean" ? [[`no-${long}`, { ...flag, means: false }] as const] : [];
    const alias = "alias" in row ? [[row.alias, flag] as const] : [];
    return [[long, flag, short] as const, ...opposite, ...alias];
  });
}

function unknown(written: string, place: string): string {
  const inFile = SETTING_NAMES.find((name) => rowOf(name).configFileOnly === true && flagOf(name) === written);
  if (inFile !== undefined) return onlyConfigFile(inFile, `${written}${place}`);
  const why = written.startsWith("--") ? whyUnsupported(written) : null;
  if (why !== null) return `Cannot use ${written}${place}: ${why}`;
  const negated = written.startsWith("--no-");
  const meant = written.startsWith("--") ? nearestFlag(negated ? written.slice(5) : written.slice(2)) : undefined;
  const opposite = meant !== undefined && negated && Object.hasOwn(FLAGS, `no-${meant.slice(2)}`) ? `--no-${meant.slice(2)}` : meant;
  return `Unknown flag ${written}${place}${opposite === undefined ? ", see tsgi --help for those there are" : `, did you mean ${opposite}?`}`;
}

function misused({ name, command, takesValue }: Flag, token: OptionToken, place: string): string | undefined {
  const { rawName, value, inlineValue } = token;
  if (!takesValue) {
    if (value === undefined) return undefined;
    return `Cannot use ${rawName}=${value}${place}: it takes no value${command ? "" : `, write ${flagOf(name)} or --no-${flagOf(name).slice(2)}`}`;
  }
  const metavar = metavarOf(rowOf(name as SettingName));
  if (value === undefined) return `Cannot use ${rawName}${place}: expected ${metavar} after it, got nothing`;
  // parseArgs takes whatever comes next; `-` alone is a stream and -5 a number, to be judged as a value.
  if (inlineValue === true || !/^-[^\d]/.test(value)) return undefined;
  return `Cannot use ${rawName}${place}: expected ${metavar} after it, got ${value}; if that is the value, write --${token.name}=${value}`;
}

/** What a flag sets: a flag that may be repeated adds to what it set `before`, any other replaces it. */
function valueOf(token: OptionToken, flag: Flag, before: unknown): unknown {
  const { kind } = rowOf(flag.name as SettingName);
  if (kind === "boolean") return flag.means;
  // `-w=4` is 4, as in argparse.
  const text = token.inlineValue === true && !token.rawName.startsWith("--") ? token.value!.replace(/^=/, "") : token.value;
  return kind === "addresses" || kind === "texts" || kind === "pairs" ? [...(Array.isArray(before) ? before : []), text] : text;
}

function commandOf(commands: readonly Name[]): Command {
  const first = commands.find((name) => name === "help" || name === "version");
  if (first !== undefined) return first as "help" | "version";
  return commands.includes("printConfig") ? "print-config" : commands.includes("checkConfig") ? "check-config" : "serve";
}
