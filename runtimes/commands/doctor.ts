/** The command `tsgi doctor`: whether this machine is right for these settings, and what to do where it is not. */
import process from "node:process";
import { parseArgs } from "node:util";
import { diagnose, type Finding } from "../../core/deploy/doctor.ts";
import { loadSettings, type LoadOptions } from "../../core/settings/load.ts";
import { runtime } from "../current.ts";
import { readTls } from "../certificates.ts";
import { configReader } from "../files.ts";
import { readMachine } from "../readings.ts";
import { objections } from "../users.ts";

const HELP = `Usage: tsgi doctor [--json] [TSGI-OPTIONS] [APP]

Looks at this machine as a server with these settings would find it, and says what to do where something is wrong. Run it where and as
whom the server runs: in the container, under the unit's user.

Exit codes: 0 nothing keeps it from serving (there may be warnings), 1 something does, 2 wrong usage.
`;

/** Runs `tsgi doctor ...`; resolves with the exit code. */
export async function run(argv: readonly string[]): Promise<number> {
  if (argv.includes("-h") || argv.includes("--help")) return print(HELP, 0);
  const json = argv.includes("--json");
  const loaded = await loadSettings({
    argv: argv.filter((word) => word !== "--json"),
    env: { ...process.env },
    cwd: process.cwd(),
    runtime: runtime.name,
    reader: configReader,
    parseArgs: parseArgs as LoadOptions["parseArgs"],
    objections: (settings) => [...objections(settings), ...readTls(settings).objections],
  });
  // Without an application, the machine can be looked at all the same.
  const problems = loaded.problems.filter(({ label }) => label !== "APP");
  if (problems.some(({ kind }) => kind === "usage")) {
    process.stderr.write(problems.map(({ message }) => `\nError: ${message}\n`).join(""));
    return 2;
  }
  const wrong = problems.map(({ message }): Finding => ({ check: "settings", level: "error", message, remedy: "correct it: see tsgi --help" }));
  const findings = [...wrong, ...diagnose(readMachine(loaded.settings))];
  const code = findings.some(({ level }) => level === "error") ? 1 : 0;
  return print(json ? `${JSON.stringify({ healthy: code === 0, findings }, null, 2)}\n` : asText(findings), code);
}

function asText(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ level, check, message, remedy }) => {
    const head = `${level.padEnd(8)} ${check.padEnd(width)}  `;
    return remedy === undefined ? [head + message] : [head + message, `${" ".repeat(head.length)}-> ${remedy}`];
  });
  const count = (level: Finding["level"], word: string) => {
    const number = findings.filter((finding) => finding.level === level).length;
    return `${number} ${word}${number === 1 ? "" : "s"}`;
  };
  return `${lines.join("\n")}\n${count("error", "error")}, ${count("warning", "warning")}\n`;
}

function print(text: string, code: number): number {
  process.stdout.write(text);
  return code;
}
