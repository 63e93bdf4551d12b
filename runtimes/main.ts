/** The command `tsgi`. */
import process from "node:process";
import { runtime } from "./current.ts";

/** Runs the command line of this process, and ends it. */
export async function main(): Promise<void> {
  if (isTooOld(runtime.version, runtime.minimum)) {
    process.stderr.write(
      `\nError: Cannot run on ${runtime.name} ${runtime.version}: older versions have security holes that tsgi relies on being closed, ` +
        `use ${runtime.minimum} or newer\n`,
    );
    process.exit(1);
  }
  const [first = "", ...rest] = process.argv.slice(2);
  const load = COMMANDS.get(first);
  const { run } = load ? await load() : await import("./commands/serve.ts");
  process.exit(await run(load ? rest : process.argv.slice(2)));
}

interface Command {
  /** Resolves with the exit code. */
  run(argv: readonly string[]): Promise<number>;
}

/** What a first argument can be that is not an application; `./ctl` is an application of that name. */
const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ["check", () => import("./commands/check.ts")],
  ["ctl", () => import("./commands/ctl.ts")],
]);

function isTooOld(version: string, minimum: string): boolean {
  const numbers = (text: string) => text.split(/[.-]/).map(Number);
  const [a, b] = [numbers(version), numbers(minimum)];
  const at = b.findIndex((n, i) => n !== a[i]);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
}
