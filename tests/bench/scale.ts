/** More workers, more connections: what they need, and what they cost those who do nothing. */
import { connect, type Socket } from "node:net";
import { bare, type RuntimeName, tsgi } from "./comparisons.ts";
import { type Contestant, Running } from "./contestant.ts";
import { load } from "./load_generator.ts";
import { cpuMicros, family, privateBytes } from "./process_family.ts";

const MIB = 2 ** 20;
const WORKERS = [1, 2, 4, 8];
const MANY_WORKERS = [1, 8, 64];
const IDLE = [10, 100, 1000, 10_000];
/** Milliseconds for which nobody asks for anything. */
const QUIET = 10_000;
const HELLO = "tests/bench/apps/tsgi.ts:hello";

export async function scale(runtime: RuntimeName, seconds: number): Promise<string> {
  return [await byWorkers(runtime, seconds), await byConnections(runtime, seconds), await idleArbiter(runtime)].join("\n\n");
}

async function byWorkers(runtime: RuntimeName, seconds: number): Promise<string> {
  const lines: string[] = [];
  for (const workers of WORKERS) {
    await started(tsgi(runtime, HELLO, ["-w", String(workers)]), async (running) => {
      const found = await load({ port: running.port, core: null, seconds });
      const bytes = family(running.pid).map(privateBytes);
      const [arbiter = 0] = bytes;
      lines.push(`| ${workers} | ${Math.round(found.perSecond)} | ${found.p50.toFixed(2)}, ${found.p99.toFixed(2)} | ${mib(arbiter)} | ${mib(bytes.reduce((a, b) => a + b, 0))} |`);
    });
  }
  return table("| workers | requests/s | p50, p99 (ms) | memory of the arbiter, MiB | of all, MiB |", lines);
}

/** Idle ones, each of which has had an answer; beside them, eight that ask. */
async function byConnections(runtime: RuntimeName, seconds: number): Promise<string> {
  const lines: string[] = [];
  for (const contestant of [bare(runtime, "hello"), tsgi(runtime, HELLO, ["--keep-alive", "240"])]) {
    for (const count of IDLE) {
      await started(contestant, async (running) => {
        const server = family(running.pid).at(-1)!;
        const before = privateBytes(server);
        const sockets = await idle(running.port, count);
        const after = privateBytes(server);
        const found = await load({ port: running.port, core: null, seconds, connections: 8 });
        const open = sockets.filter((socket) => !socket.destroyed).length;
        for (const socket of sockets) socket.destroy();
        lines.push(`| ${contestant.name} | ${count} | ${open} | ${mib(after - before)} | ${found.p50.toFixed(2)}, ${found.p99.toFixed(2)} |`);
      });
    }
  }
  return table("| | idle connections | still open after the load | memory for them, MiB | p50, p99 of 8 others (ms) |", lines);
}

async function idleArbiter(runtime: RuntimeName): Promise<string> {
  const lines: string[] = [];
  for (const workers of MANY_WORKERS) {
    await started(tsgi(runtime, HELLO, ["-w", String(workers)]), async (running) => {
      await waitFor(() => family(running.pid).length > workers);
      await pause(QUIET / 2); // Until all are up.
      const before = cpuMicros(running.pid, false);
      await pause(QUIET);
      const share = (cpuMicros(running.pid, false) - before) / (QUIET * 1000);
      lines.push(`| ${workers} | ${(share * 100).toFixed(2)} % |`);
    });
  }
  return table("| idle workers | the arbiter's share of a core |", lines);
}

async function started(contestant: Contestant, run: (running: Running) => Promise<void>): Promise<void> {
  const running = await Running.start(contestant, null);
  try {
    await run(running);
  } finally {
    await running.stop();
  }
}

async function idle(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  // A few at a time: no queue of a listener holds them all.
  while (sockets.length < count) sockets.push(...await Promise.all(Array.from({ length: Math.min(100, count - sockets.length) }, () => answered(port))));
  return sockets;
}

function answered(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    socket.once("data", () => resolve(socket));
    socket.on("error", reject);
  });
}

async function waitFor(isSo: () => boolean): Promise<void> {
  while (!isSo()) await pause(50);
}

function pause(millis: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, millis));
}

function table(head: string, lines: readonly string[]): string {
  return [head, head.replace(/[^|]+/g, "---"), ...lines].join("\n");
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}
