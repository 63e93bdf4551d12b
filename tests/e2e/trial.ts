/** A server under load to which something happens: what its clients lost, and how long it was not whole. */
import { load, type LoadReport } from "./load.ts";
import { Server, type ServerOptions, withFolder } from "./server.ts";

export interface TrialOptions extends Partial<Omit<ServerOptions, "args">> {
  readonly args?: readonly string[];
  readonly workers?: number;
  /** Half of them keep their connections. */
  readonly clients?: number;
  /** More files beside app.ts. */
  readonly files?: Readonly<Record<string, string>>;
  /** Makes ready what is in the folder, and tells what follows from where that is. */
  readonly prepare?: (folder: string) => Partial<ServerOptions>;
}

/** What is to be known of one fault. */
export interface Outcome {
  readonly sent: number;
  readonly answered: number;
  readonly lost: number;
  /** How often each kind of failure happened. */
  readonly why: Readonly<Record<string, number>>;
  /** Milliseconds from the moment when something was gone until everything was there again; null if nothing ever was. */
  readonly recovery: number | null;
  /** Milliseconds within which 99 of 100 answers came while it happened. */
  readonly p99: number;
  readonly note: string;
  /** What the server warned of, for whoever asks why. */
  readonly warnings: readonly string[];
}

/** What the injection of a fault found. */
export type Found = Partial<Pick<Outcome, "recovery" | "note">>;

/** Answers at once; and on demand breaks in most of the ways there are. */
export const APP = `
import process from "node:process";
import { closeSync } from "node:fs";
const big = "x".repeat(256 * 1024);
const kept = [];
export default async (environ, startResponse) => {
  const path = environ.PATH_INFO;
  const number = Number(environ.QUERY_STRING);
  if (path === "/leak") for (let i = 0; i < number; i++) kept.push(new Uint8Array(16 << 20).fill(1));
  if (path === "/exit") process.exit(3);
  if (path === "/flood") for (let i = 0; i < number * 1024; i++) console.log("flood ".repeat(170));
  if (path === "/disconnect") setTimeout(() => process.disconnect ? process.disconnect() : closeSync(Number(process.env.NODE_CHANNEL_FD)), 1);
  if (environ.REQUEST_METHOD === "POST") await environ["tsgi.input"].read();
  startResponse("200 OK", [["Content-Type", "text/plain"]]);
  return path === "/big" ? (function* () { for (let i = 0; i < (number || 1); i++) yield big; })() : [String(process.pid)];
};
`;

export class Trial {
  readonly server: Server;
  readonly folder: string;
  readonly port: number;
  readonly #workers: number;
  readonly #end: () => void;

  constructor(server: Server, { folder, port, workers, end }: { readonly folder: string; readonly port: number; readonly workers: number; readonly end: () => void }) {
    this.server = server;
    this.folder = folder;
    this.port = port;
    this.#workers = workers;
    this.#end = end;
  }

  /** No more requests are begun. */
  endLoad(): void {
    this.#end();
  }

  /** One request apart from the load; resolves with the report. */
  async ask(target: string): Promise<LoadReport> {
    return await load({ to: { port: this.port }, clients: 1, requests: 1, target });
  }

  /** Whether as many workers live and serve as should, the `gone` not counted. */
  isWhole(gone: readonly number[] = []): boolean {
    const alive = this.server.workers();
    const serving = new Set([...this.server.log.matchAll(/\bWorker \(pid:(\d+)\) serves in slot/g)].map(([, pid]) => Number(pid)));
    return alive.filter((pid) => serving.has(pid) && !gone.includes(pid)).length >= this.#workers;
  }

  /** Waits until the server is whole without the `gone`, and resolves with the milliseconds since `since`. */
  async whole(since: number, gone: readonly number[] = []): Promise<number> {
    await this.server.until(() => this.isWhole(gone), `${this.#workers} workers that serve`);
    return performance.now() - since;
  }
}

/** Lets `inject` do its worst to a server under load. */
export async function underLoad({ workers = 2, clients = 16, args = [], files = {}, prepare, ...more }: TrialOptions, inject: (trial: Trial) => Promise<Found>): Promise<Outcome> {
  return await withFolder({ "app.ts": APP, ...files }, async (folder) => {
    const named = args.includes("-c") ? [] : ["-b", "127.0.0.1:0", "-w", `${workers}`];
    const prepared = prepare?.(folder) ?? {};
    const server = new Server({ ...more, ...prepared, args: ["--log-level", "debug", ...named, ...args, ...(prepared.args ?? []), "app.ts"], cwd: folder });
    try {
      return await measured(server, { folder, workers, clients }, inject);
    } catch (error) {
      if (error instanceof Error) error.message += `\n--- the server's log:\n${server.log.slice(-4000)}`;
      throw error;
    } finally {
      await server.stop();
    }
  });
}

async function measured(server: Server, { folder, workers, clients }: { readonly folder: string; readonly workers: number; readonly clients: number }, inject: (trial: Trial) => Promise<Found>): Promise<Outcome> {
  const port = await server.port(workers);
  const durations: number[] = [];
  let over = false;
  const more = () => !over;
  const each = { to: { port }, clients: Math.max(1, clients / 2), requests: Infinity, more, durations };
  const loads = [load(each), load({ ...each, keepAlive: true })];
  const end = () => void (over = true);
  // A server that has just been started is slower than it will be.
  await server.until(() => durations.length >= 200, "the first answers");
  durations.length = 0;
  try {
    const found = await inject(new Trial(server, { folder, port, workers, end }));
    if (!over) await answers(durations, 200);
    end();
    const warnings = server.log.split("\n").filter((line) => /\[(?:WARNING|ERROR|CRITICAL)\]/.test(line));
    return { ...outcome(await Promise.all(loads), durations, found), warnings };
  } finally {
    end();
  }
}

/** That it goes on has to be seen, too. */
async function answers(durations: readonly number[], more: number): Promise<void> {
  const wanted = durations.length + more;
  const limit = performance.now() + 20_000;
  while (durations.length < wanted && performance.now() < limit) await new Promise((resolve) => setTimeout(resolve, 20));
}

function outcome(reports: readonly LoadReport[], durations: readonly number[], { recovery = null, note = "" }: Found): Omit<Outcome, "warnings"> {
  const sum = (of: (report: LoadReport) => number) => reports.reduce((total, report) => total + of(report), 0);
  const why: Record<string, number> = {};
  for (const { failures } of reports) for (const [kind, times] of Object.entries(failures)) why[kind] = (why[kind] ?? 0) + times;
  const sorted = [...durations].sort((a, b) => a - b);
  return { sent: sum((r) => r.sent), answered: sum((r) => r.answered), lost: sum((r) => r.failed), why, recovery, p99: sorted[Math.floor(sorted.length * 0.99)] ?? NaN, note };
}
