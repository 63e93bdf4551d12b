/** What the admin pages show, without a server: stats of a made-up arbiter. */
import { arbiter, type Arbiter, type Worker } from "../../../core/arbiter/step/state.ts";
import type { Address } from "../../../core/arbiter/listener.ts";
import { answerAdmin } from "../../../core/admin/admin.ts";
import { Feed } from "../../../core/admin/feed.ts";
import { Journal } from "../../../core/admin/journal.ts";
import type { Controls, ReloadOutcome } from "../../../core/control/controls.ts";
import { Ledger } from "../../../core/metrics/ledger.ts";
import { Meter, METER_SIZE, readLogged, readMeter } from "../../../core/metrics/meter.ts";
import { makeStats, type Stats } from "../../../core/metrics/stats.ts";
import { resolve } from "../../../core/settings/resolve.ts";
import type { Settings } from "../../../core/settings/table.ts";

export const LOOPBACK: Address = { kind: "tcp", host: "127.0.0.1", port: 9091 };

export interface Served {
  /** What the arbiter is like from now on. */
  state: Arbiter;
  settings: Settings;
  draining: boolean;
  outcome: ReloadOutcome;
  readonly memory: Uint8Array;
  readonly meter: Meter;
  readonly signals: string[];
  readonly journal: Journal;
  readonly feed: Feed;
  readonly controls: Controls;
  /** A second passes. */
  tick(): void;
  ask(path: string, init?: RequestInit & { readonly host?: string; readonly address?: Address; readonly url?: string }): Promise<Response>;
}

export function served(settings: Partial<Settings> = {}): Served {
  const ticks: (() => void)[] = [];
  const memory = new Uint8Array(METER_SIZE);
  const journal = new Journal();
  const clock = { now: 1000 };
  const made = {
    state: { ...arbiter({ workers: 2, timeout: 0, bootTimeout: 0, gracefulTimeout: 0 }, { covers: true }, 0), workers: [worker(1, 0), worker(2, 1)] },
    settings: { ...resolve([], { chdir: "/srv", runtime: "deno" }).settings, adminBind: "127.0.0.1:9091", app: "app.ts", ...settings },
    draining: false,
    outcome: { generation: 2 } as ReloadOutcome,
    memory,
    meter: new Meter(memory, () => clock.now),
    signals: [] as string[],
    journal,
    tick: () => {
      clock.now += 1000;
      for (const run of ticks) run();
    },
  };
  const controls: Controls = {
    stats: () => stats(),
    settings: () => made.settings,
    signal: (signal) => void made.signals.push(signal),
    reload: () => Promise.resolve(made.outcome),
    kill: () => false,
    replace: () => false,
    isDraining: () => made.draining,
    setDraining: () => {},
    setLogLevel: () => {},
    inspect: () => [{ pid: 101, id: 1, slot: 0, requests: "GET /slow (1.0s)" }],
    tail: () => () => {},
    deaths: () => [],
  };
  const feed = new Feed(controls, journal, {
    every: (_period, run) => {
      ticks.push(run);
      return { stop: () => void ticks.splice(ticks.indexOf(run), 1) };
    },
  });
  const ask: Served["ask"] = (path, { host = "127.0.0.1:9091", address = LOOPBACK, url = `http://${host}${path}`, ...init } = {}) => {
    const request = new Request(`http://x/`, init);
    const headers = new Headers(init.headers);
    headers.set("host", host); // Which a Request of our own may not have.
    return answerAdmin({ url, method: request.method, headers } as Request, { controls, feed, address, rawUrls: true });
  };
  return Object.assign(made, { controls, feed, ask });

  function stats(): Stats {
    const requests = readMeter(memory);
    return makeStats({
      state: made.state,
      server: { version: "1.2.3", runtime: "deno", pid: 100 },
      started: 0,
      at: clock.now,
      ledger: new Ledger().stats(),
      requests,
      logged: readLogged(memory),
      requestsOf: () => requests,
      healthOf: (id) => ({ lag: { p50: 0.001, p99: 0.002 * id, max: 0.01 }, memory: { rss: id * 2 ** 20, heapUsed: 1, heapTotal: 2 } }),
      listeners: [{ address: "http://127.0.0.1:8000", queue: { queued: 1, longest: 1, sockets: 2, connections: 3 } }],
      application: [],
    });
  }
}

export function worker(id: number, slot: number, more: Partial<Worker> = {}): Worker {
  return {
    id, slot, generation: 1, pid: 100 + id, phase: "serving", since: 0, heard: 0, listens: [slot], full: false, outgoing: false, left: false,
    servingSince: 0, cause: null, ...more,
  };
}
