/** What can happen to a server, and how each of it is made to happen. `fault_run.ts` makes docs/faults.md of it. */
import { existsSync, renameSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { arbiterKilled, configOf, killed, pause, portTaken, reloaded, reopened, rotated, stopped, stopping, unreadable, withDisk } from "./fault_injections.ts";
import { clockVariables, noFaketime, setClock } from "./faketime.ts";
import { newMemoryGroup } from "./memory_group.ts";
import { curl, program, runtime } from "./server.ts";
import { connectionsTo, crowd, leave, SLOWHTTPTEST, slowly } from "./slow_clients.ts";
import { type Outcome, underLoad } from "./trial.ts";

/** How much of it. */
export interface Scale {
  readonly idle: number;
  readonly slow: number;
  readonly seconds: number;
  readonly times: number;
}

export interface Fault {
  readonly name: string;
  /** How it is done, for the table. */
  readonly how: string;
  /** How many requests may be lost: what processes held that were killed with KILL; by default none. */
  readonly held?: () => number;
  /** That other clients are served within 100 ms is claimed. */
  readonly others?: true;
  /** Why it cannot be done here. */
  readonly missing?: string | false;
  run(scale: Scale): Promise<Outcome>;
}

const CLIENTS = 16;
const isRoot = process.getuid?.() === 0;
const noDisk = !isRoot && "only root may mount a small file system";
const noSlow = SLOWHTTPTEST === undefined && "slowhttptest is not installed: apt-get install slowhttptest";
const group = newMemoryGroup(420);
if (group !== null) rmdirSync(group);

export const FAULTS: readonly Fault[] = [
  {
    name: "workers are killed", how: "KILL to one, and at once to the other when it has a successor", held: () => 2 * CLIENTS,
    run: () => underLoad({}, async (trial) => {
      const times: number[] = [];
      for (const pid of trial.server.workers()) times.push(await killed(trial, pid));
      return { recovery: Math.max(...times), note: "the longer of two recoveries" };
    }),
  },
  {
    name: "a worker stands still", how: "STOP, with --timeout 2; recovery counts from WORKER TIMEOUT", held: () => CLIENTS,
    run: () => underLoad({ args: ["-t", "2"] }, stopped),
  },
  {
    name: "a worker is out of memory", how: "a cgroup of 420 MB, and an application that leaks", held: () => CLIENTS + 1, missing: group === null && "no cgroup can be made here",
    run: async () => {
      const folder = newMemoryGroup(420)!;
      try {
        const command = ["sh", "-c", 'echo $$ > "$0/cgroup.procs"; exec "$@"', folder, ...program()];
        return await underLoad({ command }, async (trial) => {
          const asked = trial.ask("/leak?64");
          await trial.server.logged(/was sent SIGKILL! Out of memory/);
          const since = performance.now();
          await asked;
          return { recovery: await trial.whole(since) };
        });
      } finally {
        rmdirSync(folder);
      }
    },
  },
  {
    name: "the application ends its worker", how: "process.exit(3) in a request, at once", held: () => CLIENTS + 1,
    run: () => underLoad({}, async (trial) => {
      const before = trial.server.workers();
      await trial.ask("/exit");
      const since = performance.now();
      const gone = await trial.server.until(() => before.find((pid) => !trial.server.workers().includes(pid)), "the end of the worker");
      return { recovery: await trial.whole(since, [gone]) };
    }),
  },
  {
    name: "the arbiter is killed", how: "KILL; recovery is a new server at the same port", held: () => 2 * CLIENTS,
    run: () => underLoad({}, arbiterKilled),
  },
  {
    name: "the arbiter stands still", how: "STOP for four seconds, then CONT",
    run: () => underLoad({ args: ["-t", "2"] }, async ({ server }) => {
      const before = server.workers();
      server.signal("STOP");
      await pause(4000);
      server.signal("CONT");
      await server.logged(/\bwoke|suspended|Woke/i);
      await pause(500);
      return { note: before.join() === server.workers().join() ? "nobody was murdered" : "workers were replaced" };
    }),
  },
  {
    name: "file descriptors are used up", how: "ulimit -n 256, and 700 idle connections for two seconds; recovery counts from their end",
    // Deno's server ends when it cannot accept, and cuts all of its connections.
    held: () => (runtime === "deno" ? CLIENTS : 0),
    run: () => underLoad({ command: ["sh", "-c", 'ulimit -n 256; exec "$@"', "sh", ...program()], args: ["--keep-alive", "60"] }, async (trial) => {
      const idle = await crowd(trial.port, 700);
      await pause(2000);
      await leave(idle);
      const since = performance.now();
      curl("--max-time", "10", `http://127.0.0.1:${trial.port}/`);
      return { recovery: await trial.whole(since), note: runtime === "deno" ? "Deno's own server ends when it cannot accept, and cuts the connections it has" : "" };
    }),
  },
  {
    name: "the logs' disk is full", how: "a tmpfs of 256 kB for the access log; recovery counts from the moment when there is room", missing: noDisk,
    run: () => withDisk("size=256k", (disk) => underLoad({ args: ["--access-logfile", join(disk, "access.log"), "--control-socket", "ctl"] }, async (trial) => {
      await trial.server.logged(/Cannot write log .*: ENOSPC/);
      await pause(1000);
      const before = trial.server.log.match(/Cannot write log/g)!.length;
      renameSync(join(disk, "access.log"), join(disk, "old"));
      rmSync(join(disk, "old"));
      const since = performance.now();
      await reopened(trial);
      await trial.server.until(() => existsSync(join(disk, "access.log")) && statSync(join(disk, "access.log")).size > 0, "lines in the log");
      return { recovery: performance.now() - since, note: `${before} lines about it in the error log` };
    })),
  },
  {
    name: "the disk for temporary files is full", how: "TMPDIR in a tmpfs without room and inodes; a worker is killed, and a HUP", held: () => CLIENTS, missing: noDisk,
    run: () => withDisk("size=4k,nr_inodes=2", (disk) => {
      writeFileSync(join(disk, "full"), "");
      return underLoad({ env: { TMPDIR: disk } }, async (trial) => {
        const recovery = await killed(trial, trial.server.workers()[0]!);
        await reloaded(trial);
        return { recovery };
      });
    }),
  },
  {
    name: "logs are rotated", how: "rename and `tsgi ctl reopen`, again and again",
    run: ({ times }) => underLoad({ args: ["--access-logfile", "access.log", "--control-socket", "ctl"] }, async (trial) => await rotated(trial, times)),
  },
  {
    name: "the wall clock jumps", how: "ten years forward and back, with --timeout 2 (faketime)", missing: noFaketime,
    run: () => underLoad({ args: ["-t", "2"], prepare: (folder) => (setClock(folder, 0), { env: clockVariables(folder) }) }, async ({ server, folder }) => {
      const before = server.workers();
      for (const days of [3650, -3650]) {
        setClock(folder, days);
        await pause(2500);
      }
      return { note: before.join() === server.workers().join() ? "nobody was murdered" : "workers were replaced" };
    }),
  },
  {
    name: "a stop, and clients that are slow or vanish", how: "TERM while downloads run at 4 MB/s and 50 clients leave in the middle of a body",
    run: () => underLoad({ args: ["--graceful-timeout", "10"] }, stopping),
  },
  {
    name: "a port is taken when a reload wants it", how: "HUP with one more address, which another program has",
    run: () => underLoad({ args: ["-c", "tsgi.config.json"], files: { "tsgi.config.json": configOf([0]) } }, portTaken),
  },
  {
    name: "the application cannot be read at a reload", how: "HUP with a syntax error, with a folder in its place, with none; then the old one again",
    run: () => underLoad({}, unreadable),
  },
  {
    name: "a worker's channel is closed", how: "the application calls process.disconnect()",
    run: () => underLoad({}, async (trial) => {
      const before = trial.server.workers();
      await trial.ask("/disconnect");
      await trial.server.until(() => before.some((pid) => !trial.server.workers().includes(pid)), "the end of the worker");
      const since = performance.now();
      return { recovery: await trial.whole(since) };
    }),
  },
  {
    name: "a worker floods its output", how: "megabytes on stdout in one request, with --capture-output",
    run: ({ seconds }) => underLoad({ args: ["--capture-output"] }, async (trial) => {
      const size = 2 * seconds;
      const report = await trial.ask(`/flood?${size}`);
      return { note: `${size} MB in ${(report.slowest / 1000).toFixed(1)} s` };
    }),
  },
  {
    name: "idle connections", how: "they say nothing, with --worker-connections 6000 --keep-alive 60", others: true,
    run: ({ idle, seconds }) => underLoad({ args: ["--worker-connections", "6000", "--keep-alive", "60"], clients: 4 }, async (trial) => {
      const sockets = await crowd(trial.port, idle);
      await pause(seconds * 500);
      const held = connectionsTo(trial.port);
      await leave(sockets);
      return { note: `${held} connections held` };
    }),
  },
  ...(["headers", "body", "read"] as const).map((mode): Fault => ({
    name: `slow ${mode === "read" ? "readers" : mode}`, how: `slowhttptest ${mode === "headers" ? "-H" : mode === "body" ? "-B" : "-X"}`, others: true, missing: noSlow,
    run: ({ slow, seconds }) => underLoad({ clients: 4 }, async (trial) => {
      const attack = slowly(mode, { port: trial.port, connections: slow, seconds });
      let most = 0;
      // Seldom: the kernel's table is long, and to read it takes time from the clients.
      for (let i = 0; i < 2; i++) {
        await pause(seconds * 500);
        most = Math.max(most, connectionsTo(trial.port));
      }
      attack.stop();
      await attack.ended;
      return { note: `up to ${most} connections at a time` };
    }),
  })),
];
