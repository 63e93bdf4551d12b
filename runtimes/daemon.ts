/**
 * `--daemon`: the command starts itself once more, in a session of its own, and ends when that server serves.
 * status.ts has how the one tells the other.
 */
import { spawn } from "node:child_process";
import process from "node:process";
import { isatty } from "node:tty";
import type { Settings } from "../core/settings/table.ts";
import { commandLine } from "./command_line.ts";
import { openStatus, readStatus, type Starter, writeStatus } from "./status.ts";

const STATUS_DESCRIPTOR = 3;
const PERIOD = 20;
/** The command that started this process as its daemon, or null if this is none. */
export function findStarter(): Starter | null {
  const isDaemon = process.env.TSGI_DAEMON_STATUS !== undefined;
  delete process.env.TSGI_DAEMON_STATUS;
  if (!isDaemon) return null;
  process.umask(0o022);
  return writeStatus(STATUS_DESCRIPTOR);
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
      if (readStatus(status).serves) end(0);
    }, PERIOD);
    child.once("error", (error) => end(1, `\nError: Cannot start a daemon: ${error.message}\n`));
    child.once("exit", (code, signal) => {
      const { text, serves } = readStatus(status);
      if (serves) return end(0);
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
