/** What the arbiter collects of its workers' figures, from their first to their last word and beyond. */
import { type Address, addressText, type Held } from "../arbiter/listener.ts";
import type { Arbiter } from "../arbiter/step/state.ts";
import type { Log } from "../logging/record.ts";
import type { ArbiterSystem, Millis } from "../arbiter/process.ts";
import { Aggregate } from "./aggregate.ts";
import { Ledger } from "./ledger.ts";
import { addLogged, type LogKind } from "./log_counts.ts";
import { addRequests, readLogged, readMeter, type RequestStats, unpack } from "./meter.ts";
import type { FamilyChange } from "./registry.ts";
import { queueOf, type SocketTable } from "./socket_table.ts";
import { type ListenerStats, makeStats, type Stats, type WorkerHealth } from "./stats.ts";

/** What a worker sends with its beat, and once more when it ends. */
export interface Report extends WorkerHealth {
  /** The application's metrics, as far as they have changed. */
  readonly changes: readonly FamilyChange[];
  /** Of its meter, where the arbiter cannot see that: the cells that are not zero, as index and value in turn. */
  readonly cells?: readonly number[];
  /** Of a worker with threads, in place of `changes`: those of each. */
  readonly threads?: readonly ThreadReport[];
}

/** What one thread of a worker has to say. */
export interface ThreadReport {
  /** Ordinal of its start in that worker, never reused. */
  readonly thread: number;
  readonly changes: readonly FamilyChange[];
  /** It has ended. */
  readonly isOver?: true;
}

/** A worker's meter; null where there is none. */
export interface Metered {
  meter(): Uint8Array | null;
}

/** Where there are very many connections, the kernel takes long to look through them: it is asked for at most one part in so many of the time. */
const SHARE = 50;
/** What takes no longer is done whenever somebody asks. */
const QUICK: Millis = 5;

/** The kernel's sockets, as last read. */
interface Reading {
  /** The addresses they were asked for. */
  readonly at: string;
  readonly table: SocketTable;
  readonly freshUntil: number;
}

export interface CensusOptions {
  readonly system: Pick<ArbiterSystem, "pid" | "now" | "socketTable">;
  readonly version: string;
  readonly log: Log;
}

export class Census {
  readonly ledger = new Ledger();
  readonly #options: CensusOptions;
  readonly #started: number;
  readonly #aggregate: Aggregate;
  readonly #living = new Map<number, Metered>();
  readonly #health = new Map<number, WorkerHealth>();
  readonly #cells = new Map<number, Uint8Array>();
  /** Of those that have ended. */
  #past: RequestStats = readMeter(null);
  /** By the arbiter, and by those that have ended. */
  #logged = addLogged([]);
  #isMetered = false;
  #reading: Reading | null = null;

  constructor(options: CensusOptions) {
    this.#options = options;
    this.#started = options.system.now();
    this.#aggregate = new Aggregate((metric) => options.log("warning", "too-many-series", { metric }));
  }

  /** A worker runs; `isMetered` unless with --no-metrics. */
  born(id: number, child: Metered, isMetered: boolean): void {
    if (!isMetered) return;
    this.#living.set(id, child);
    this.#isMetered = true;
  }

  /** The arbiter wrote a log record. */
  logged(kind: LogKind): void {
    this.#logged[kind]++;
  }

  heard(id: number, { changes, cells, threads = [], ...health }: Report): void {
    this.#health.set(id, health);
    this.#aggregate.add(id, changes);
    for (const { thread, changes, isOver } of threads) {
      this.#aggregate.add(id, changes, thread);
      if (isOver) this.#aggregate.forget(id, thread);
    }
    if (cells !== undefined) this.#cells.set(id, unpack(cells));
  }

  /** A worker has ended: what it counted stays. */
  died(id: number): void {
    const last = this.#requestsOf(id);
    this.#logged = addLogged([this.#logged, readLogged(this.#cellsOf(id))]);
    if (last !== null) this.#past = addRequests([this.#past, { ...last, inFlight: 0 }]);
    this.#living.delete(id);
    this.#health.delete(id);
    this.#cells.delete(id);
    this.#aggregate.forget(id);
  }

  /** All there is to tell now. */
  stats(state: Arbiter, runtime: string, held: readonly Held[], addresses = held.map(({ address }) => addressText(address))): Stats {
    const { system, version } = this.#options;
    const of = new Map([...this.#living.keys()].map((id) => [id, this.#requestsOf(id)]));
    return makeStats({
      state,
      server: { version, runtime, pid: system.pid },
      started: this.#started,
      at: system.now(),
      ledger: this.ledger.stats(),
      requests: this.#isMetered ? addRequests([this.#past, ...[...of.values()].filter((one) => one !== null)]) : null,
      logged: addLogged([this.#logged, ...[...of.keys()].map((id) => readLogged(this.#cellsOf(id)))]),
      requestsOf: (id) => of.get(id) ?? null,
      healthOf: (id) => this.#health.get(id) ?? null,
      listeners: this.#listeners(held, addresses),
      application: this.#aggregate.stats(),
    });
  }

  #requestsOf(id: number): RequestStats | null {
    return this.#living.has(id) ? readMeter(this.#cellsOf(id)) : null;
  }

  #cellsOf(id: number): Uint8Array | null {
    return this.#cells.get(id) ?? this.#living.get(id)?.meter() ?? null;
  }

  #listeners(held: readonly Held[], addresses: readonly string[]): ListenerStats[] {
    const table = this.#table(held.map(({ address }) => address));
    return held.map(({ address }, index) => ({ address: addresses[index]!, queue: queueOf(address, table) }));
  }

  #table(addresses: readonly Address[]): SocketTable {
    const { system } = this.#options;
    const at = addresses.map((address) => addressText(address)).join(" ");
    const from = system.now();
    if (this.#reading?.at === at && from < this.#reading.freshUntil) return this.#reading.table;
    const table = system.socketTable(addresses);
    const now = system.now();
    const took = now - from;
    this.#reading = { at, table, freshUntil: took > QUICK ? now + took * SHARE : now };
    return table;
  }
}
