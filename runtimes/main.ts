/** The command `tsgi`. */
import process from "node:process";
import { runtime } from "./current.ts";
import { followLauncher } from "./launcher.ts";

/** Runs the command line of this process, and ends it. */
export async function main(): Promise<void> {
  followLauncher();
  if (isTooOld(runtime.version, runtime.minimum)) {
    process.stderr.write(
      `\nError: Cannot run on ${runtime.name} ${runtime.version}: older versions have security holes that tsgi relies on being closed, ` +
        `use ${runtime.minimum} or newer\n`,
    );
    process.exit(1);
  }
  const [first = "", ...rest] = process.argv.slice(2);
  const command = COMMANDS.get(first);
  const { run } = command ? await command.load() : await import("./commands/serve.ts");
  process.exit(await run(command ? rest : process.argv.slice(2)));
}

interface Command {
  /** Resolves with the exit code. */
  run(argv: readonly string[]): Promise<number>;
}

interface Listed {
  /** What it does, for --help. */
  readonly summary: string;
  load(): Promise<Command>;
}

/** What a first argument can be that is not an application; `./ctl` is an application of that name. */
export const COMMANDS: ReadonlyMap<string, Listed> = new Map([
  ["build", { summary: "Makes one file of server, application and configuration.", load: () => import("./commands/build.ts") }],
  ["check", { summary: "Says what of an application is not portable to other platforms.", load: () => import("./commands/check.ts") }],
  ["ctl", { summary: "Talks to a running server: show, reload --wait, worker add, tail, top.", load: () => import("./commands/ctl.ts") }],
  ["doctor", { summary: "Says whether this machine is right for these settings, and what to do where not.", load: () => import("./commands/doctor.ts") }],
  ["init", { summary: "Writes units for systemd, a site for nginx and more, with this application in them.", load: () => import("./commands/init.ts") }],
  ["wsgi", { summary: "Serves a Python application: tsgi wsgi myproject.wsgi:application, with all flags below.", load: () => import("./commands/wsgi.ts") }],
]);

function isTooOld(version: string, minimum: string): boolean {
  const numbers = (text: string) => text.split(/[.-]/).map(Number);
  const [a, b] = [numbers(version), numbers(minimum)];
  const at = b.findIndex((n, i) => n !== a[i]);
  return at >= 0 && (a[at] ?? 0) < (b[at] ?? 0);
}
