/** Users and groups of this machine: /etc/passwd and /etc/group, and nothing else. */
import { closeSync, constants, fchownSync, fstatSync, openSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import type { Identity } from "../core/arbiter/process.ts";
import type { Objection } from "../core/settings/problem.ts";
import type { SettingName, Settings } from "../core/settings/table.ts";
import { runtime } from "./current.ts";
import { libc } from "./libc.ts";

export interface User {
  /** Null for a number that no user has. */
  readonly name: string | null;
  readonly uid: number;
  readonly gid: number | null;
}

type Wanted = Pick<Settings, "user" | "group" | "initgroups">;

/** The user of that name or number, or null if there is none of that name. Any number is a user. */
export function findUser(text: string, passwd: string = read("/etc/passwd")): User | null {
  const number = idOf(text);
  const users = rows(passwd).map(([name = "", , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));
  const user = users.find((u) => u.name === text) ?? users.find((u) => u.uid === number);
  return user ?? (number === null ? null : { name: null, uid: number, gid: null });
}

/** The number of the group of that name or number, or null if there is none of that name. */
export function findGroup(text: string, group: string = read("/etc/group")): number | null {
  const found = rows(group).find(([name]) => name === text);
  return found ? Number(found[2]) : idOf(text);
}

/** Whom the workers run as; undefined if as the arbiter itself. */
export function identityOf({ user, group, initgroups }: Wanted): Identity | undefined {
  if (user === null && group === null) return undefined;
  const found = user === null ? null : findUser(user);
  const uid = found?.uid ?? ownUser();
  const gid = (group === null ? null : findGroup(group)) ?? found?.gid ?? ownGroup();
  const groups = initgroups ? found?.name ?? null : null;
  return uid === ownUser() && gid === ownGroup() && groups === null ? undefined : { uid, gid, initgroups: groups };
}

/** What this machine has against `user`, `group` and `initgroups`. */
export function objections(settings: Wanted): Objection[] {
  const { user, group, initgroups } = settings;
  const found: { name: SettingName; reason: string }[] = [];
  const object = (name: SettingName, reason: string) => void found.push({ name, reason });
  const known = user === null ? null : findUser(user);
  if (user !== null && known === null) object("user", `there is no user ${JSON.stringify(user)} in /etc/passwd`);
  if (group !== null && findGroup(group) === null) object("group", `there is no group ${JSON.stringify(group)} in /etc/group`);
  if (initgroups && user === null) object("initgroups", "it gives workers the groups of user, write that too");
  else if (initgroups && known?.name === null) object("initgroups", `no user in /etc/passwd has the number ${user}, so nobody knows its groups`);
  else if (initgroups && !runtime.become && libc instanceof Error) object("initgroups", libc.message);
  if (found.length === 0 && ownUser() !== 0 && identityOf(settings) !== undefined) {
    object(user !== null ? "user" : "group", `this process runs as user ${ownUser()}, and only root may run workers as somebody else`);
  }
  return found;
}

/**
 * Makes sure that the log file at `path` is there and that `owner` may write to it. A link or a device is let be: root must not give away
 * what somebody else has put in a log's place.
 */
export function giveLog(path: string, owner: Pick<Identity, "uid" | "gid">): void {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  let descriptor: number;
  try {
    descriptor = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o666);
  } catch {
    return; // Whoever opens it to write will say why not.
  }
  try {
    const found = fstatSync(descriptor);
    if (found.isFile() && found.nlink === 1 && (found.uid !== owner.uid || found.gid !== owner.gid)) fchownSync(descriptor, owner.uid, owner.gid);
  } finally {
    closeSync(descriptor);
  }
}

/** The log files that settings name, absolute. */
export function logFiles({ errorLogfile, accessLogfile, chdir }: Pick<Settings, "errorLogfile" | "accessLogfile" | "chdir">): string[] {
  return [errorLogfile, accessLogfile].filter((path): path is string => path !== null && path !== "-").map((path) => resolve(chdir, path));
}

function ownUser(): number {
  return process.geteuid?.() ?? -1;
}

function ownGroup(): number {
  return process.getegid?.() ?? -1;
}

/** 2^32 - 1 means "no change" to the kernel. */
function idOf(text: string): number | null {
  return /^\d+$/.test(text) && Number(text) < 0xffffffff ? Number(text) : null;
}

function rows(text: string): string[][] {
  return text.split("\n").filter((line) => line !== "" && !/^[#+-]/.test(line)).map((line) => line.split(":"));
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // A container without users: numbers still work.
  }
}
