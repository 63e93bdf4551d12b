/**
 * A server with every feature on, under load for long: does its memory follow the requests?
 *
 * First nobody interferes, which shows the workers; then reloads follow each other, which shows the arbiter. What a process takes while it
 * gets warm is not counted.
 */
import { createSocket } from "node:dgram";
import { createServer } from "node:http";
import { residentBytes } from "../bench/process_family.ts";
import { load, type LoadReport } from "./load.ts";
import { runtime, Server, withFolder } from "./server.ts";

/** Resident memory of a process when so many requests had been answered. */
interface Sample {
  readonly requests: number;
  readonly bytes: number;
}

/** How memory followed the requests, from the first to the last sample that counts. */
export interface Growth {
  readonly who: string;
  readonly from: number;
  readonly to: number;
  readonly requests: number;
  /** Bytes for each 100,000 requests, fitted to the lowest of each tenth: what collections leave, not what they have still to collect. */
  readonly slope: number;
}

export interface SoakReport {
  readonly requests: number;
  readonly failed: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly reloads: number;
  readonly growth: readonly Growth[];
}

const APP = `
const chunk = "x".repeat(16 * 1024);
export default async (environ, startResponse) => {
  const path = environ.PATH_INFO;
  if (path === "/wait") await new Promise((resolve) => setTimeout(resolve, 2));
  // Not every time: the test keeps the whole log.
  if (path === "/say" && environ.QUERY_STRING.endsWith("00")) environ["tsgi.errors"].write("said " + environ.QUERY_STRING + "\\n");
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return path === "/stream" ? (function* () { for (let i = 0; i < 4; i++) yield chunk; })() : [path];
};
`;

/** The part of the time in which nobody interferes, and of that the part in which a process gets warm. */
const STEADY = 0.6;
const WARM = 0.5;

/** Milliseconds between two reloads. */
const RELOAD_EVERY = 5000;

/** `features`: everything that can be switched on and leads somewhere; without them, the server as it is. */
export async function soak({ seconds, features = true }: { readonly seconds: number; readonly features?: boolean }): Promise<SoakReport> {
  return await withFolder({ "app.ts": APP }, async (folder) => await withSinks(async (sinks) => {
    const server = new Server({ args: ["-w", "2", "-b", "127.0.0.1:0", ...(features ? [...FEATURES, ...sinks] : []), "app.ts"], cwd: folder, env: { TSGI_ADMIN_TOKEN: "soak" } });
    try {
      return await soaked(server, seconds);
    } catch (error) {
      if (error instanceof Error) error.message += `\n--- the server's log:\n${server.log.slice(-4000)}`;
      throw error;
    } finally {
      await server.stop();
    }
  }));
}

const FEATURES = [
  "--access-logfile", "/dev/null", "--access-log-format", "json", "--request-id", "--request-id-response", "--admin-bind", "127.0.0.1:0", "--control-socket", "ctl",
  "--request-timeout", "30", "--slow-request", "10", "--loop-lag", "5", "--limit-concurrency", "1000", "--capture-output",
  "--black-box", ".", "--otlp-sample-ratio", "0.05", "--warmup", "GET / x5", "--max-rss", "2000",
  // Through the C library, which Node does not call.
  ...(runtime === "node" ? [] : ["--log-syslog", "--disable-redirect-access-to-syslog"]),
];

async function soaked(server: Server, seconds: number): Promise<SoakReport> {
  const port = await server.port(2);
  const clients = new Clients(port);
  const begun = performance.now();
  const until = (part: number) => begun + seconds * 1000 * part;
  const workers = server.workers();
  const steady = new Map([server.pid, ...workers].map((pid) => [pid, [] as Sample[]]));
  while (performance.now() < until(STEADY)) {
    await pause(500);
    for (const [pid, samples] of steady) if (performance.now() > until(STEADY * WARM)) samples.push({ requests: clients.asked, bytes: residentBytes(pid) });
  }
  const reloading: Sample[] = [];
  let reloads = 0;
  for (let next = performance.now(); performance.now() < until(1); next += Math.min(RELOAD_EVERY, (seconds * 1000) / 20)) {
    await pause(Math.max(0, next - performance.now()));
    const from = server.log.length;
    server.signal("HUP");
    await server.logged(/Reloaded: generation/, { from });
    reloads++;
    // The first ones are the first use of much.
    if (performance.now() > until(STEADY + (1 - STEADY) * WARM)) reloading.push({ requests: clients.asked, bytes: residentBytes(server.pid) });
  }
  const { failed, failures } = await clients.end();
  const who = (pid: number) => pid === server.pid ? "arbiter" : `worker ${workers.indexOf(pid) + 1}`;
  const growth = [...[...steady].map(([pid, samples]) => growthOf(who(pid), samples)), growthOf("arbiter, with reloads", reloading)];
  return { requests: clients.asked, failed, failures, reloads, growth };
}

/** Who asks for all kinds of things, without a pause; no two requests are alike. */
class Clients {
  asked = 0;
  #over = false;
  readonly #loads: Promise<LoadReport>[];

  constructor(port: number) {
    const each = (kind: string, clients: number, keepAlive: boolean) => load({
      to: { port }, clients, keepAlive, requests: Infinity, more: () => !this.#over, target: () => `${kind}?${++this.asked}`,
    });
    this.#loads = [each("/", 4, true), each("/", 2, false), each("/stream", 1, true), each("/wait", 2, true), each("/say", 1, false)];
  }

  async end(): Promise<LoadReport> {
    this.#over = true;
    const [first, ...others] = await Promise.all(this.#loads);
    for (const { failed, failures } of others) {
      first!.failed += failed;
      for (const [kind, times] of Object.entries(failures)) first!.failures[kind] = (first!.failures[kind] ?? 0) + times;
    }
    return first!;
  }
}

export function growthOf(who: string, samples: readonly Sample[]): Growth {
  const size = Math.max(1, Math.ceil(samples.length / 10));
  const tenths = Array.from({ length: Math.ceil(samples.length / size) }, (_, index) => samples.slice(index * size, (index + 1) * size));
  const floors = tenths.map((tenth) => tenth.reduce((lowest, sample) => (sample.bytes < lowest.bytes ? sample : lowest)));
  const [first, last] = [floors[0], floors.at(-1)];
  return { who, from: first?.bytes ?? NaN, to: last?.bytes ?? NaN, requests: (last?.requests ?? 0) - (first?.requests ?? 0), slope: slopeOf(floors) * 100_000 };
}

/** Least squares: bytes for each request. */
function slopeOf(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number) => samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const [x, y] = [mean(({ requests }) => requests), mean(({ bytes }) => bytes)];
  const spread = mean(({ requests }) => (requests - x) ** 2);
  return spread === 0 ? 0 : mean(({ requests, bytes }) => (requests - x) * (bytes - y)) / spread;
}

/** Those who are told of requests: StatsD, syslog and OTLP, all of which throw away what they get. */
async function withSinks<T>(use: (args: readonly string[]) => Promise<T>): Promise<T> {
  const [statsd, syslog] = await Promise.all([datagrams(), datagrams()]);
  const otlp = createServer((request, response) => {
    request.resume();
    request.on("end", () => response.end("{}"));
  });
  await new Promise<void>((resolve) => otlp.listen(0, "127.0.0.1", resolve));
  const { port } = otlp.address() as { readonly port: number };
  try {
    return await use([
      "--statsd-host", `127.0.0.1:${statsd.address().port}`, "--log-syslog-to", `udp://127.0.0.1:${syslog.address().port}`, "--otlp-endpoint", `http://127.0.0.1:${port}`,
    ]);
  } finally {
    statsd.close();
    syslog.close();
    otlp.closeAllConnections();
    await new Promise((resolve) => otlp.close(resolve));
  }
}

async function datagrams() {
  const socket = createSocket("udp4");
  socket.on("message", () => {});
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return socket;
}

function pause(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time));
}
