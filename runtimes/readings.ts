/** What `tsgi doctor` reads of this machine. `root` is where /proc and /sys are looked for. */
import { execFileSync } from "node:child_process";
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import process from "node:process";
import type { Readings } from "../core/deploy/doctor.ts";
import { workerCount } from "../core/settings/resolve.ts";
import type { Settings } from "../core/settings/table.ts";
import { readTls } from "./certificates.ts";
import { controlDirectory } from "./control_path.ts";
import { cpuCount } from "./cpus.ts";
import { runtime } from "./current.ts";
import { libc } from "./libc.ts";
import { programHere } from "./own_program.ts";

/** The oldest versions that tsgi serves on: each runtime's own file cannot be asked by the other. */
export const MINIMUM = { deno: "2.9.5", bun: "1.4.5", node: "24.0.0" } as const;

export function readMachine(settings: Settings, root = "/"): Readings {
  const number = (path: string) => numberIn(text(root, path));
  const migrates = number("proc/sys/net/ipv4/tcp_migrate_req");
  return {
    platform: process.platform,
    settings: { ...settings, workers: workerCount(settings, cpuCount(root)) },
    runtime: workerRuntime(settings.runtime),
    noAdoption: libc instanceof Error ? libc.message : null,
    somaxconn: number("proc/sys/net/core/somaxconn"),
    openFiles: openFiles(text(root, "proc/self/limits")),
    migratesRequests: migrates === null ? null : migrates !== 0,
    cpus: cpuCount(root),
    memory: memoryLimit(root),
    ancestors: ancestors(root),
    pid: process.pid,
    init: process.pid === 1 ? null : command(root, 1),
    uid: process.getuid?.() ?? null,
    temporary: temporary(),
    certificates: readTls(settings).leaves,
    now: Date.now(),
    places: places(settings).map(({ what, path }) => ({ what, path, problem: writable(path) })),
  };
}

function workerRuntime(name: Settings["runtime"]): Readings["runtime"] {
  if (name === runtime.name) return { name, version: runtime.version, minimum: MINIMUM[name] };
  try {
    const said = execFileSync(name, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return { name, version: /\d+\.\d+\.\d+\S*/.exec(said)?.[0] ?? null, minimum: MINIMUM[name] };
  } catch {
    return { name, version: null, minimum: MINIMUM[name] }; // Not in PATH, which is the finding.
  }
}

function openFiles(limits: string): Readings["openFiles"] {
  const found = /^Max open files\s+(\S+)\s+(\S+)/m.exec(limits);
  if (found === null) return null;
  const [soft, hard] = found.slice(1).map((word) => (word === "unlimited" ? Infinity : Number(word)));
  return { soft: soft!, hard: hard! };
}

/** The least limit of our cgroup and all above it, or what the machine has. */
function memoryLimit(root: string): number | null {
  const limits = text(root, "proc/self/cgroup").trim().split("\n").flatMap((line) => {
    const [, controllers = "", ...rest] = line.split(":");
    const groups = selfAndAbove(rest.join(":"));
    if (controllers.split(",").includes("memory")) return groups.map((group) => join("sys/fs/cgroup/memory", group, "memory.limit_in_bytes"));
    return controllers === "" ? groups.map((group) => join("sys/fs/cgroup", group, "memory.max")) : [];
  }).flatMap((path) => numberIn(text(root, path)) ?? []);
  const total = numberIn(/^MemTotal:\s*(\d+) kB/m.exec(text(root, "proc/meminfo"))?.[1] ?? "");
  const all = [...limits, ...(total === null ? [] : [total * 1024])];
  return all.length === 0 ? null : Math.min(...all);
}

function selfAndAbove(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "" && part !== "..");
  return [...parts.keys(), parts.length].map((length) => `/${parts.slice(0, length).join("/")}`);
}

function ancestors(root: string): string[][] {
  const found: string[][] = [];
  for (let pid = process.ppid; pid > 0 && found.length < 32;) {
    found.push(command(root, pid) ?? []);
    pid = Number(/^PPid:\s*(\d+)/m.exec(text(root, `proc/${pid}/status`))?.[1] ?? 0);
  }
  return found;
}

function command(root: string, pid: number): string[] | null {
  const words = text(root, `proc/${pid}/cmdline`).split("\0");
  return words.length < 2 ? null : words.slice(0, -1);
}

function temporary(): string | null {
  try {
    programHere();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** A file that is there must be writable; of one to be made, its folder. */
function places(settings: Settings): { readonly what: string; readonly path: string }[] {
  const at = (path: string) => resolve(settings.chdir, path);
  const control = settings.controlSocket === null ? firstThere(controlDirectory()) : dirname(at(settings.controlSocket));
  return [
    ...(settings.pidfile === null ? [] : [{ what: "pidfile", path: dirname(at(settings.pidfile)) }]),
    ...[settings.errorLogfile, settings.accessLogfile].filter((path): path is string => path !== null && path !== "-").map((path) => ({ what: "log", path: isThere(at(path)) ? at(path) : dirname(at(path)) })),
    ...settings.bind.flatMap((address) => (address.kind === "unix" ? [{ what: "socket", path: dirname(at(address.path)) }] : [])),
    ...(settings.controlSocketDisable ? [] : [{ what: "control socket", path: control }]),
    { what: "temporary", path: tmpdir() },
  ];
}

function firstThere(path: string): string {
  return isThere(path) || path === dirname(path) ? path : firstThere(dirname(path));
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function writable(path: string): string | null {
  try {
    accessSync(path, constants.W_OK);
    return null;
  } catch (error) {
    const { code = "EACCES" } = error as { code?: string };
    return code === "ENOENT" ? "is not there" : code === "EROFS" ? "is on a file system that is read-only" : `may not be written to by this user (${code})`;
  }
}

function numberIn(written: string): number | null {
  return /^\d+$/.test(written.trim()) ? Number(written) : null;
}

/** The file's text, or nothing: what no file tells is null. */
function text(root: string, path: string): string {
  try {
    return readFileSync(join(root, path), "utf8");
  } catch {
    return ""; // Another system, or another kernel.
  }
}
