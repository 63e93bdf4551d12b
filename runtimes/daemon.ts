/**
 * `--daemon`: the command starts itself once more, in a session of its own, and ends when that server serves.
 *
 * What could not be done is written to a nameless file that both have open: it cannot be lost with a process that ends, and needs no
 * answer.
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { isatty } from "node:tty";
import type { Settings } from "../core/settings/table.ts";
import { runtime } from "./current.ts";

const STATUS_DESCRIPTOR = 3;
const PERIOD = 20;
/** What a line cannot hold. */
const SERVING = "\0";

/** The side of the daemon: how it tells the command that started it. */
export interface Starter {
  /** Why it will not serve: for standard error. */
  complain(text: string): void;
  /** It serves: the command ends with 0, and hears no more. */
  serving(): void;
}

// Before a title is set: then the command line is gone.
const commandLine = readCommandLine();

/** The command that started this process as its daemon, or null if this is none. */
export function findStarter(): Starter | null {
  const isDaemon = process.env.TSGI_DAEMON_STATUS !== undefined;
  delete process.env.TSGI_DAEMON_STATUS;
  if (!isDaemon) return null;
  process.umask(0o022);
  let isOpen = true;
  return {
    complain: (text) => {
      if (isOpen) writeSync(STATUS_DESCRIPTOR, text.replaceAll(SERVING, ""));
    },
    serving: () => {
      if (!isOpen) return;
      isOpen = false;
      writeSync(STATUS_DESCRIPTOR, SERVING);
      closeSync(STATUS_DESCRIPTOR);
    },
  };
}

/** Starts this command line as a daemon; resolves with 0 when it serves, or with its exit code, and standard error has the reason. */
export async function daemonize(settings: Settings): Promise<number> {
  const keeps = [0, 1, 2].map((descriptor) => settings.enableStdioInheritance && !isatty(descriptor));
  warn(settings, keeps);
  const status = openStatus();
  const child = spawn(process.execPath, commandLine.slice(1), {
    argv0: commandLine[0] ?? process.execPath,
    detached: true,
    env: { ...process.env, TSGI_DAEMON_STATUS: "1" },
    stdio: [...keeps.map((kept) => kept ? "inherit" as const : "ignore" as const), status],
  });
  return await new Promise((resolve) => {
    const timer = setInterval(() => {
      if (said(status).includes(SERVING)) end(0);
    }, PERIOD);
    child.once("error", (error) => end(1, `\nError: Cannot start a daemon: ${error.message}\n`));
    child.once("exit", (code, signal) => {
      const text = said(status);
      if (text.includes(SERVING)) return end(0);
      const how = signal === null ? `with code ${code}` : `by ${signal}`;
      end(code || 1, text === "" ? `\nError: The daemon ended ${how} before it served\n` : text);
    });

    function end(code: number, text = ""): void {
      clearInterval(timer);
      process.stderr.write(text);
      resolve(code);
    }
  });
}

/** gunicorn loses these lines without a word. */
function warn(settings: Settings, keeps: readonly boolean[]): void {
  const say = (text: string) => void process.stderr.write(`Warning: ${text}\n`);
  if (process.env.NOTIFY_SOCKET) say("you shouldn't specify `daemon = True` when launching by systemd with `Type = notify`");
  if (settings.errorLogfile === "-" && !keeps[2]) say("a daemon's error log to - goes to /dev/null: give --error-logfile FILE");
  if (settings.accessLogfile === "-" && !keeps[1]) say("a daemon's access log to - goes to /dev/null: give --access-logfile FILE");
}

function openStatus(): number {
  const path = join(tmpdir(), `tsgi-${randomUUID()}`);
  const { O_RDWR, O_CREAT, O_EXCL, O_APPEND } = constants;
  const descriptor = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_APPEND, 0o600);
  unlinkSync(path);
  return descriptor;
}

function said(descriptor: number): string {
  const buffer = new Uint8Array(fstatSync(descriptor).size);
  const length = readSync(descriptor, buffer, 0, buffer.length, 0);
  return new TextDecoder().decode(buffer.subarray(0, length));
}

function readCommandLine(): readonly string[] {
  try {
    return readFileSync("/proc/self/cmdline", "utf8").split("\0").slice(0, -1);
  } catch {
    const flags = runtime.name === "deno" ? ["run", "-A", "--no-prompt"] : process.execArgv;
    return [process.execPath, ...flags, ...process.argv.slice(1)];
  }
}
