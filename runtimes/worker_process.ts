/** The worker's side of the process port, over node:process, which the runtimes share. */
import { hostname } from "node:os";
import process from "node:process";
import type { FromWorker, ToWorker } from "../core/arbiter/message.ts";
import type { WorkerSystem } from "../core/arbiter/process.ts";
import { adopt, bindReusePort, selfTest } from "./adoption.ts";
import { closeDescriptor, takeDescriptors } from "./descriptor_channel.ts";
import { inheritedDescriptors } from "./inherited.ts";
import { loader } from "./loader.ts";
import { alsoOnStandardError, openLogFile } from "./log_file.ts";
import { CHANNEL_DESCRIPTOR, every, type LastWord, now, onSignal, wait } from "./system.ts";
import { hasDescriptors, memoryStats } from "./resources.ts";
import type { Runtime } from "./runtime.ts";
import { clock } from "./clock.ts";
import { takeMemory } from "./shared_memory.ts";
import { openSyslog } from "./syslog.ts";

/** How long the last messages may take before the process ends without them. */
const LAST_WORDS = 200;

export function workerSystem(runtime: Runtime): WorkerSystem {
  const inherited = inheritedDescriptors();
  return {
    pid: process.pid,
    now,
    every,
    wait,
    onSignal,
    onMessage: (run) => void process.on("message", (message) => {
      if ((message as LastWord).type !== "last-word") run(message as ToWorker);
    }),
    onOrphaned: (run) => void process.on("disconnect", run),
    onFault: (run) => {
      process.on("uncaughtException", (error) => run("exception", error));
      process.on("unhandledRejection", (error) => run("rejection", error));
    },
    send,
    takeDescriptors: (count) => inherited?.splice(0, count) ?? takeDescriptors(CHANNEL_DESCRIPTOR, count),
    takeShared: () => (inherited === null ? takeMemory(CHANNEL_DESCRIPTOR) : null),
    clock,
    crew: async () => (await import("./threads.ts")).crewSystem(runtime),
    adopt: (descriptor, options) => adopt(runtime, descriptor, options),
    bind: (address, options) => bindReusePort(runtime, address, options),
    selfTest: () => selfTest(runtime),
    loader,
    wsgi: async () => await (await import("./wsgi.ts")).importWsgi(),
    tracingHost: async () => (await import("./tracing_host.ts")).tracingHost,
    memory: () => memoryStats().rss,
    memoryStats,
    hasDescriptors,
    configReader: async () => (await import("./files.ts")).configReader,
    closeDescriptor: runtime.native ? () => {} : closeDescriptor, // There, it is the server's own.
    openLog: (target, kind, told) => openLogFile(target, kind === "access" ? { standard: 1, batched: true, warn: told } : { standard: 2, warn: alsoOnStandardError(told) }),
    openSyslog,
    hostname,
    rawUrls: runtime.rawUrls,
    isWhole: (response) => runtime.isWhole(response),
    requestHeaders: runtime.requestHeaders,
    responseHeader: runtime.responseHeader,
    checkHeaders: runtime.checkHeaders,
    ...(runtime.isUpgraded ? { isUpgraded: runtime.isUpgraded } : {}),
    ...(runtime.Response ? { Response: runtime.Response } : {}),
    ...(runtime.lastAnswer ? { lastAnswer: runtime.lastAnswer } : {}),
    exit,
  };

  function send(message: FromWorker | LastWord): void {
    if (process.connected) process.send?.(message, undefined, undefined, () => {}); // If the arbiter has gone, nobody is left to hear.
  }

  /** When the arbiter has answered the last word, it has heard everything before: `send` itself does not tell. */
  function exit(code: number): void {
    if (!process.connected) process.exit(code);
    process.on("message", (message) => {
      if ((message as LastWord).type === "last-word") process.exit(code);
    });
    process.on("disconnect", () => process.exit(code));
    setTimeout(() => process.exit(code), LAST_WORDS);
    send({ type: "last-word" });
  }
}
