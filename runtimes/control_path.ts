/**
 * Where control sockets are: one for each server, named by its pid, in a directory that only its user may enter. So no server can take the
 * place of another, and `tsgi ctl` finds what runs without being told.
 */
import * as fs from "node:fs";
import { connect } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const SUFFIX = ".ctl";

/** The directory for servers of this user. */
export function controlDirectory(): string {
  const { XDG_RUNTIME_DIR } = process.env;
  if (XDG_RUNTIME_DIR) return join(XDG_RUNTIME_DIR, "tsgi");
  return process.getuid?.() === 0 ? "/run/tsgi" : join(homedir(), ".tsgi");
}

/**
 * Makes the directory if need be, clears it of sockets whose servers were killed, and gives the path for this process. Throws an Error
 * that says why the directory cannot be used.
 */
export async function ownControlPath(): Promise<string> {
  const directory = controlDirectory();
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { mode, uid } = fs.lstatSync(directory);
  if (uid !== process.getuid?.() || (mode & 0o022) !== 0) {
    throw new Error(`${directory} belongs to somebody else, or others may write to it: give --control-socket another path`);
  }
  // A pid may be unknown here and alive all the same, in a container that shares the directory.
  for (const { path, pid } of list(directory)) if (!isAlive(pid) && !(await answers(path))) fs.rmSync(path, { force: true });
  return join(directory, `${process.pid}${SUFFIX}`);
}

/** Whether somebody listens at a unix socket. */
export function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** The sockets of the servers that live, the youngest last. */
export function controlPaths(): string[] {
  return list(controlDirectory()).filter(({ pid }) => isAlive(pid)).map(({ path }) => path);
}

function list(directory: string): { readonly path: string; readonly pid: number }[] {
  let names: string[];
  try {
    names = fs.readdirSync(directory);
  } catch {
    return []; // Nobody has made it.
  }
  const pids = names.filter((name) => /^[1-9]\d*\.ctl$/.test(name)).map((name) => Number(name.slice(0, -SUFFIX.length)));
  return pids.sort((a, b) => a - b).map((pid) => ({ path: join(directory, `${pid}${SUFFIX}`), pid }));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
