/** Starts tests/contract/children/worker.ts as a worker of any runtime, and tells it what to do. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runtime } from "../../runtimes/current.ts";
import { closeDescriptor, createChannel, handDescriptors } from "../../runtimes/descriptor_channel.ts";
import { announceInherited } from "../../runtimes/inherited.ts";
import { workerCommand } from "../../runtimes/worker_command.ts";

export type Name = "deno" | "bun" | "node";
const SCRIPT = fileURLToPath(new URL("children/worker.ts", import.meta.url));
const DIRECTORY = fileURLToPath(new URL(".", import.meta.url));
const PROGRAMS = { bun: "../../node_modules/bun/bin/bun.exe", deno: "../../node_modules/deno/deno", node: "../../node_modules/node/bin/node" };

/** The program of a runtime, or null if it is not installed here. */
export function program(name: Name): string | null {
  if (name === runtime.name) return process.execPath;
  const path = fileURLToPath(new URL(PROGRAMS[name], import.meta.url));
  return existsSync(path) ? path : null;
}

export interface Worker {
  readonly child: ChildProcess;
  readonly pid: number;
  hand(descriptors: readonly number[]): void;
  /** Sends an order, and resolves with what the worker says when it is carried out. */
  order(order: string, more?: Record<string, unknown>): Promise<unknown>;
  end(): Promise<void>;
}

/** A worker of Node, or under Node, is born with its descriptors; others are handed them. */
export async function start(name: Name = runtime.name, env: Record<string, string> = {}, inherits: readonly number[] = []): Promise<Worker> {
  const isBorn = runtime.native !== undefined || name === "node";
  const channel = isBorn ? null : createChannel()!;
  const all = { ...(process.env as Record<string, string>), ...env, ...(isBorn ? announceInherited(inherits) : {}) };
  const own = workerCommand({ script: SCRIPT, env: all, appDirectory: DIRECTORY });
  const flags = name === runtime.name ? own.args : name === "deno" ? ["run", "-A", "--unstable-net", "--unstable-no-legacy-abort", SCRIPT] : [SCRIPT];
  const child = spawn(program(name)!, flags, {
    env: own.env,
    serialization: "json",
    stdio: ["ignore", "inherit", "inherit", channel?.worker ?? "ignore", "ipc", ...(isBorn ? inherits : [])],
  });
  if (channel) closeDescriptor(channel.worker);
  let number = 0;
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  child.on("message", ({ id, value, error }: { id: number; value?: unknown; error?: string }) => {
    const one = waiting.get(id);
    if (error === undefined) one?.resolve(value);
    else one?.reject(new Error(error));
  });
  child.on("exit", () => {
    if (channel) closeDescriptor(channel.arbiter);
    for (const one of waiting.values()) one.reject(new Error("The worker has ended"));
  });
  const worker: Worker = {
    child,
    pid: child.pid!,
    hand: (descriptors) => channel && handDescriptors(channel.arbiter, descriptors),
    order: (order, more = {}) =>
      new Promise((resolve, reject) => {
        const id = number++;
        waiting.set(id, { resolve, reject });
        child.send({ id, order, ...more });
      }),
    end: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, "exit");
      child.kill("SIGKILL");
      await exit;
    },
  };
  await worker.order("hello");
  return worker;
}
