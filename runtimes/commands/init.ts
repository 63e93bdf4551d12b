/** The command `tsgi init`: writes what a server needs around it, for a person to read and to change. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { type DeployFile, DeployError } from "../../core/deploy/file.ts";
import { nearest } from "../../core/settings/nearest.ts";
import type { Initial, InitValues } from "../init/given.ts";
import { INITIALS } from "../init/kinds.ts";

const HELP = `Usage: tsgi init KIND [OPTIONS] [APP] [-- TSGI-OPTIONS]

Prints the files that a server needs around it, with this application and this runtime in them. Read them before you use them.

${Object.entries(INITIALS).map(([name, { summary }]) => `  ${name.padEnd(19)}${summary}`).join("\n")}

Options of all:
  -n, --name NAME      What it is called. [default: the application's name]
  -o, --output DIR     Write the files into that folder; what is there already stays
  -f, --force          Write over what is there
  -h, --help           This text, or with a KIND its own
`;

const COMMON = {
  name: { type: "string", short: "n" },
  output: { type: "string", short: "o" },
  force: { type: "boolean", short: "f" },
  help: { type: "boolean", short: "h" },
} as const;

/** Runs `tsgi init ...`; resolves with the exit code: 1 if nothing was written, 2 for wrong usage. */
export async function run(argv: readonly string[]): Promise<number> {
  const [kind = "", ...rest] = argv;
  if (kind === "" || kind === "-h" || kind === "--help") return print(HELP, kind === "" ? 2 : 0);
  const found = Object.hasOwn(INITIALS, kind) ? INITIALS[kind] : undefined;
  if (found === undefined) return complain(unknown(kind), 2);
  const given = parse(found, rest);
  if (typeof given === "string") return complain(given, 2);
  if (given.values.help === true) return print(found.help, 0);
  try {
    const files = await found.make(given);
    const { output, force } = given.values;
    if (output === undefined) return print(files.map(shown).join("\n"), 0);
    return write(String(output), files, force === true);
  } catch (error) {
    if (!(error instanceof Error) || !(error instanceof DeployError || error.message.startsWith("Cannot "))) throw error;
    return complain(error.message, 1);
  }
}

function parse({ options }: Initial, argv: readonly string[]): InitValues | string {
  const split = argv.indexOf("--");
  const [own, extra] = split < 0 ? [argv, []] : [argv.slice(0, split), argv.slice(split + 1)];
  try {
    const { values, positionals } = parseArgs({ args: [...own], options: { ...COMMON, ...options }, allowPositionals: true });
    if (positionals.length > 1) return `Cannot write for ${positionals.join(" and ")} at once: expected one APP`;
    return { values, app: positionals[0], extra };
  } catch (error) {
    return `${(error as Error).message.split("\n")[0]}; tsgi init --help shows the usage`;
  }
}

/** All or nothing: half of them would be worse than none. */
function write(folder: string, files: readonly DeployFile[], force: boolean): number {
  const there = files.map(({ name }) => join(folder, name)).filter((path) => existsSync(path));
  if (there.length > 0 && !force) throw new DeployError(`Cannot write ${there.join(", ")}: already there; --force writes over it`);
  for (const { name, text } of files) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return print(files.map(({ name, hint }) => `${join(folder, name)}: ${hint}\n`).join(""), 0);
}

function shown({ name, hint, text }: DeployFile): string {
  return `##### ${name}: ${hint}\n${text}`;
}

function unknown(kind: string): string {
  const meant = nearest(kind, Object.keys(INITIALS));
  return `Cannot write ${JSON.stringify(kind)}: expected ${Object.keys(INITIALS).join(", ")}${meant === undefined ? "" : `; did you mean ${meant}?`}`;
}

function print(text: string, code: number): number {
  process.stdout.write(text);
  return code;
}

function complain(text: string, code: number): number {
  process.stderr.write(`\nError: ${text}\n`);
  return code;
}
