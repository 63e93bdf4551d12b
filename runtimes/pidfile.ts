/**
 * The file that says which process to send signals to.
 *
 * - It appears whole or not at all: a temporary file of a name nobody can guess, then a rename.
 * - A file that a dead server left behind is no hindrance, even if its pid is another program's by now: a process counts as a running
 *   server if `ps` calls it one, or, where a title could not be set, if it is a Deno or Bun that is older than the file.
 * - In a directory that everybody may write to, a symbolic link is refused; elsewhere it is replaced, and what it leads to stays.
 * - Only a file with our own pid is removed.
 */
import * as fs from "node:fs";
import { basename, dirname } from "node:path";
import process from "node:process";

export interface Pidfile {
  readonly path: string;
  /** Removes the file if it still holds our pid. Never throws. */
  remove(): void;
}

/** Writes this process's pid to `path`, an absolute path. Throws an Error that says why not, in gunicorn's words if a server is running under it. */
export function createPidfile(path: string): Pidfile {
  const found = inspect(path);
  if (found !== null && found.pid !== process.pid && isServer(found)) {
    throw new Error(`Already running on PID ${found.pid} (or pid file '${path}' is stale)`);
  }
  const temporary = `${path}.${crypto.randomUUID()}`;
  try {
    write(temporary);
    fs.renameSync(temporary, path);
  } catch (error) {
    removeQuietly(temporary);
    throw new Error(`Cannot write pid file ${path}: ${reasonOf(error, path)}`, { cause: error });
  }
  return {
    path,
    remove: () => {
      try {
        if (readPid(path) === process.pid) fs.unlinkSync(path);
      } catch {
        // It has gone, or is somebody else's by now.
      }
    },
  };
}

interface Found {
  readonly pid: number;
  /** When the file was written, in milliseconds since 1970. */
  readonly written: number;
}

const { O_WRONLY, O_CREAT, O_EXCL, O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
const OTHERS_WRITE = 0o002;

/** What is there now: null for nothing, or nothing that could be a pid. */
function inspect(path: string): Found | null {
  const there = fs.lstatSync(path, { throwIfNoEntry: false });
  if (!there) return null;
  if (there.isSymbolicLink()) {
    if ((fs.statSync(dirname(path)).mode & OTHERS_WRITE) === 0) return null;
    throw new Error(
      `Cannot write pid file ${path}: it is a symbolic link in a directory that everybody may write to; remove it, or choose another directory`,
    );
  }
  if (!there.isFile()) throw new Error(`Cannot write pid file ${path}: there is ${there.isDirectory() ? "a directory" : "something else than a file"}`);
  const pid = readPid(path);
  return pid === null ? null : { pid, written: there.mtimeMs };
}

function readPid(path: string): number | null {
  let descriptor: number | null = null;
  try {
    descriptor = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const buffer = new Uint8Array(32);
    const length = fs.readSync(descriptor, buffer, 0, buffer.length, 0);
    const text = new TextDecoder().decode(buffer.subarray(0, length)).trim();
    return /^[1-9]\d*$/.test(text) ? Number(text) : null;
  } catch {
    return null; // Unreadable is as good as garbage: the rename tells whether we may replace it.
  } finally {
    if (descriptor !== null) fs.closeSync(descriptor);
  }
}

function isServer({ pid, written }: Found): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "EPERM") return false; // EPERM: it lives, and is somebody else's.
  }
  let command: string;
  try {
    command = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return true; // It lives, and we are not told what it is.
  }
  if (command.startsWith("tsgi: ")) return true;
  return /^(?:deno|bun|bunx)\b/.test(basename(command.split("\0")[0] ?? "")) && started(pid) <= written + CLOCK;
}

/** The boot time is told in seconds, and moves with corrections of the clock. */
const CLOCK = 2000;
/** Of a kernel clock tick, as Linux tells it to programs on every architecture. */
const TICK_MILLIS = 10;

/** When a process was started, in milliseconds since 1970; -Infinity if nobody can tell. */
function started(pid: number): number {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    const ticks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[22 - 3]);
    const boot = Number(/^btime (\d+)$/m.exec(fs.readFileSync("/proc/stat", "utf8"))?.[1]);
    return Number.isFinite(ticks + boot) ? boot * 1000 + ticks * TICK_MILLIS : -Infinity;
  } catch {
    return -Infinity;
  }
}

function write(path: string): void {
  const descriptor = fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    fs.writeSync(descriptor, `${process.pid}\n`);
    fs.fchmodSync(descriptor, 0o644);
  } finally {
    fs.closeSync(descriptor);
  }
}

function removeQuietly(path: string): void {
  try {
    fs.unlinkSync(path);
  } catch {
    // It was never made, or is in its place already.
  }
}

function reasonOf(error: unknown, path: string): string {
  const { code, message } = error as { code?: string; message?: string };
  if (code === "ENOENT") return `there is no directory ${dirname(path)}, create it`;
  if (code === "EACCES" || code === "EPERM") return `this process may not write to ${dirname(path)}`;
  return String(message ?? error);
}
