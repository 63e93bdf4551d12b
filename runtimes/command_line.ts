/** The command line of this process, for those who start it once more. */
import { readFileSync } from "node:fs";
import process from "node:process";
import { runtime } from "./current.ts";

/** With the program's own name as it was called. Read before a title is set: then the command line is gone. */
export const commandLine: readonly string[] = readCommandLine();

function readCommandLine(): readonly string[] {
  try {
    return readFileSync("/proc/self/cmdline", "utf8").split("\0").slice(0, -1);
  } catch {
    const flags = runtime.name === "deno" ? ["run", "-A", "--no-prompt"] : process.execArgv;
    return [process.execPath, ...flags, ...process.argv.slice(1)];
  }
}
