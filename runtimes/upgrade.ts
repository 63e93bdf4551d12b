/**
 * USR2: the command line of this process is started once more, and inherits the sockets. gunicorn forks and replaces the program of the
 * child; here it is a spawn, which comes to the same: a new version of tsgi, of the runtime and of the application takes effect.
 */
import { spawn } from "node:child_process";
import { closeSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import process from "node:process";
import type { Held } from "../core/arbiter/listener.ts";
import type { Upgrade } from "../core/arbiter/upgrade.ts";
import { commandLine } from "./command_line.ts";
import { closeDescriptor, createChannel, handDescriptors } from "./descriptor_channel.ts";
import type { Inheritance } from "./inheritance.ts";
import { libc } from "./libc.ts";
import { findProgram } from "./program.ts";
import { openStatus, readStatus } from "./status.ts";

const [CHANNEL_DESCRIPTOR, STATUS_DESCRIPTOR] = [3, 4];

export interface UpgradeOptions {
  readonly inheritance: Inheritance | null;
  /** As this process was started with. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly promoted: () => void;
  /** A new arbiter was started; `serves` says, until it has gone, whether it serves. */
  readonly started?: (serves: () => boolean) => void;
}

export function upgradeIn({ inheritance, env, cwd, promoted, started }: UpgradeOptions): Upgrade {
  return {
    parent: inheritance?.parent ?? null,
    parentLives: () => inheritance?.parentLives() ?? false,
    promoted,
    start: (held, onExit) => {
      if (libc instanceof Error) throw libc;
      const channel = createChannel()!;
      const status = openStatus();
      const { descriptors, named } = ordered(held);
      handDescriptors(channel.arbiter, descriptors);
      const child = spawn(programOf(cwd), commandLine.slice(1), {
        argv0: commandLine[0] ?? process.execPath,
        cwd,
        env: {
          ...env,
          TSGI_PID: String(process.pid),
          TSGI_FD: [CHANNEL_DESCRIPTOR, descriptors.length, ...named].join(),
          TSGI_UPGRADE_STATUS: String(STATUS_DESCRIPTOR),
        },
        stdio: ["inherit", "inherit", "inherit", channel.worker, status],
      });
      closeDescriptor(channel.worker);
      closeDescriptor(channel.arbiter);
      const { pid } = child;
      if (pid === undefined) {
        child.on("error", () => {}); // Told by the throw.
        closeSync(status);
        throw new Error(`Cannot run ${programOf(cwd)}`);
      }
      child.once("exit", (code, signal) => {
        const { text, serves } = readStatus(status);
        closeSync(status);
        onExit({ ending: { code, signal }, reason: serves ? null : reasonIn(text) ?? `the new master (pid:${pid}) ended ${signal === null ? `with code ${code}` : `by ${signal}`} before it served` });
      });
      started?.(() => readStatus(status).serves);
      return pid;
    },
  };
}

/** What inheritance.ts reads, in its order. */
function ordered(held: readonly Held[]): { readonly descriptors: readonly number[]; readonly named: readonly number[] } {
  const [byNumber, others] = [held.filter((h) => h.number !== undefined), held.filter((h) => h.number === undefined)];
  return { descriptors: [...byNumber, ...others].flatMap((h) => h.descriptors()), named: byNumber.map((h) => h.number!) };
}

/** The first reason that the new process gave, as one line. */
function reasonIn(text: string): string | null {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const found = lines.find((line) => line.startsWith("Error: ")) ?? lines.at(-1);
  return found === undefined ? null : found.replace(/^Error: /, "");
}

/** The program by the name it was called by, which may lead to a newer version by now; if that cannot be found, the one that runs. */
function programOf(cwd: string): string {
  const found = findProgram(commandLine[0] ?? "", process.env.PATH ?? "", cwd);
  return found !== null && basename(realpathSync(found)) === basename(process.execPath) ? found : process.execPath;
}
