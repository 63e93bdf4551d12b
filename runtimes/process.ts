/** The process port (core/arbiter/process.ts) over node:child_process and node:process, which Deno and Bun share. */
import { spawn as spawnProcess } from "node:child_process";
import process from "node:process";
import type { FromWorker, ToWorker } from "../core/arbiter/message.ts";
import type { ArbiterSystem, Child, Ending, Millis, Signal, SpawnOptions } from "../core/arbiter/process.ts";
import { runtime } from "./current.ts";
import { closeDescriptor, createChannel, handDescriptors } from "./descriptor_channel.ts";
import { announceInherited, keepNonBlocking } from "./inherited.ts";
import { eachLine } from "./lines.ts";
import { type Shared, shareMemory } from "./shared_memory.ts";
import type { Inheritance } from "./inheritance.ts";
import { socketTable } from "./socket_table.ts";
import { hold } from "./sockets.ts";
import { every, type LastWord, now, onSignal, wait } from "./system.ts";
import { workerCommand } from "./worker_command.ts";

/** How long an ended worker's last messages may take. */
const LAST_WORDS: Millis = 200;
/** Between two collections of what ended workers leave to their arbiter, which would grow with each reload on Bun and collect seldom. */
const COLLECTED: Millis = 1000;

/** `script` is what a worker runs. */
export function arbiterSystem(script: string, inheritance: Inheritance | null = null): ArbiterSystem {
  return { pid: process.pid, now, every, wait, onSignal, hold: (address, options) => hold(address, options, inheritance), socketTable: socketTable(), spawn: (options) => spawn(script, options) };
}

let collecting: ReturnType<typeof setTimeout> | undefined;

function collectSoon(): void {
  const { collect } = runtime;
  if (collect === undefined || collecting !== undefined) return;
  collecting = setTimeout(() => {
    collecting = undefined;
    collect();
  }, COLLECTED);
  collecting.unref();
}

function spawn(script: string, options: SpawnOptions): Child {
  const inherits = runtime.native || options.runtime === "node" ? options.descriptors() : null;
  const channel = inherits === null ? createChannel() : null;
  const { identity, onOutput } = options;
  const isGivenGroups = identity !== undefined && identity.initgroups !== null;
  const variables = { ...options.env, TSGI_WORKER: String(process.pid), ...(isGivenGroups ? { TSGI_IDENTITY: JSON.stringify(identity) } : {}), ...(inherits === null ? {} : announceInherited(inherits)) };
  const { command, args, env } = workerCommand({ script, env: variables, appDirectory: options.appDirectory, on: options.runtime, permissions: options.permissions });
  const child = spawnProcess(command, args, {
    argv0: options.title,
    cwd: options.directory,
    env,
    serialization: "json",
    // Who is to have more groups than one takes them himself: a spawn takes them all away.
    ...(identity && !isGivenGroups ? { uid: identity.uid, gid: identity.gid } : {}),
    stdio: ["ignore", onOutput ? "pipe" : "inherit", onOutput ? "pipe" : "inherit", channel ? channel.worker : "ignore", "ipc", ...(inherits ?? [])],
  });
  if (channel) closeDescriptor(channel.worker);
  if (inherits) keepNonBlocking(inherits);
  const { pid } = child;
  if (pid === undefined) {
    if (channel) closeDescriptor(channel.arbiter);
    child.on("error", () => {}); // Told by the throw.
    throw new Error(`Cannot run ${command}: is it in PATH?`);
  }
  const outputs = onOutput ? [child.stdout!, child.stderr!].map((stream) => eachLine(stream, onOutput)) : [];
  const shared = channel && (options.watchdog || options.metrics) ? handMemory(channel.arbiter, options.threads) : null;
  let ended = false;
  child.on("message", (message) => {
    if ((message as LastWord).type !== "last-word") options.onMessage(message as FromWorker);
    else if (child.connected) child.send(message as LastWord, () => {});
  });
  child.on("error", () => {}); // A message to a worker that has gone: its exit tells.
  child.on("exit", (code, signal) => {
    ended = true;
    if (channel) closeDescriptor(channel.arbiter);
    shared?.close();
    const tell = () => {
      options.onExit({ code, signal } satisfies Ending);
      collectSoon();
    };
    // What it started in its turn may keep the streams open for ever.
    afterLastWords(child, () => void (outputs.length === 0 ? tell() : Promise.race([Promise.all(outputs), wait(LAST_WORDS)]).then(tell)));
  });
  return {
    pid,
    send: (message: ToWorker) => {
      if (child.connected) child.send(message, () => {});
    },
    hand: (descriptors) => {
      if (channel && !ended) handDescriptors(channel.arbiter, descriptors);
    },
    kill: (signal) => {
      if (!ended) kill(pid, signal);
    },
    inFlight: (silence) => (options.watchdog && shared !== null ? shared.inFlight(silence) : null),
    sinceBeat: () => shared?.sinceBeat() ?? Infinity,
    meter: () => (options.metrics && shared !== null ? shared.meter() : null),
    remains: () => ({ registers: options.watchdog && shared !== null ? shared.registers() : [], logs: shared?.logs() ?? [] }),
  };
}

/** The first descriptor that a worker gets. */
function handMemory(channel: number, threads?: number): Shared | null {
  const shared = shareMemory(threads);
  if (shared === null) return null;
  handDescriptors(channel, [shared.descriptor]);
  closeDescriptor(shared.descriptor);
  return shared;
}

/** An exit can be seen before the messages that were sent ahead of it. */
function afterLastWords(child: { readonly connected: boolean; once(event: "disconnect", run: () => void): unknown }, run: () => void): void {
  if (!child.connected) return run();
  let told = false;
  const tell = () => {
    if (told) return;
    told = true;
    clearTimeout(timer);
    run();
  };
  const timer = setTimeout(tell, LAST_WORDS);
  child.once("disconnect", tell);
}

function kill(pid: number, signal: Signal): void {
  try {
    process.kill(pid, `SIG${signal}`);
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ESRCH") throw error; // ESRCH: it has gone; its exit is on the way.
  }
}
