/**
 * The Python processes of one application in one worker: whose turn it is, who hangs, who is replaced.
 *
 * The rules:
 *
 * 1. A place takes one request at a time; who finds none waits, first come, first served. It may wait in the connection, so that Python need
 *    not: a GET, HEAD or OPTIONS without a body that follows another. When the connection breaks, what has waited there is sent again. Of
 *    several places, another might be free before: so few wait there, and only while answers are quick, many in a row.
 * 2. A process that is silent for `timeout` while it is waited for is killed. A client that is slow to send or to take is not its fault.
 * 3. A process that has handled enough requests serves until its successor does.
 * 4. A process that ended is replaced, at once at first and ever later if the next ones fail too. While none can be started, requests are
 *    refused.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clearInterval, setInterval } from "node:timers";
import type { Environ } from "../core/gateway/types.ts";
import type { Place, PythonProcessOptions, Waiter } from "./python_process.ts";
import { PythonProcess } from "./python_process.ts";
import { PYTHON_SCRIPT } from "./python_script.ts";

export type PythonLevel = "info" | "warning" | "error" | "critical";

export interface PythonPoolOptions extends Omit<PythonProcessOptions, "folder" | "script" | "onText" | "onEnd" | "onLost" | "onLeft" | "onFree"> {
  readonly processes: number;
  /** Milliseconds; 0 for no limit. */
  readonly timeout: number;
  /** 0 for no limit. */
  readonly maxRequests: number;
  readonly maxRequestsJitter: number;
  readonly log: (level: PythonLevel, text: string) => void;
}

/** No process, and none can be started. */
export class PythonUnavailable extends Error {
  override readonly name = "PythonUnavailable";
}

/** What is known of a request before it has a place. */
export type Wanting = Pick<Waiter, "request" | "head" | "isBare" | "environ">;

/** Requests that may wait in the connection of the only place, and in each of several. */
const AHEAD = 8;
const AHEAD_OF_EACH = 3;
/** Milliseconds that a quick answer takes, and how many of them in a row let requests wait in connections of several places. */
const QUICK = 20;
const ENOUGH_QUICK = 64;
/** They may be asked twice (RFC 9110, 9.2.2): the connection may break when the process has just begun with them. */
const REPEATABLE = /^(?:GET|HEAD|OPTIONS)$/;

/** Milliseconds between two looks at who hangs, and who has gone. */
const PERIOD = 250;

/** Milliseconds before another try when processes fail to start. */
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 30_000;

export class PythonPool {
  readonly #options: PythonPoolOptions;
  readonly #processes = new Set<PythonProcess>();
  readonly #limits = new WeakMap<PythonProcess, number>();
  #waiting: Waiter[] = [];
  #folder: string | null = null;
  #starting: Promise<void> | null = null;
  #watch: ReturnType<typeof setInterval> | null = null;
  #failures = 0;
  #isStarted = false;
  #isClosed = false;
  /** By which processes take turns. */
  #turn = 0;
  /** Quick answers in a row. */
  #quick = 0;

  constructor(options: PythonPoolOptions) {
    this.#options = options;
  }

  /** Resolves when all processes are ready; rejects with AppLoadError when one cannot be, and none stays then. */
  start(): Promise<void> {
    return this.#starting ??= this.#startAll().catch(async (error: unknown) => {
      await this.#end();
      this.#starting = null;
      throw error;
    });
  }

  /** A place for a request, whose head has been sent there. */
  async acquire(wanting: Wanting): Promise<Place> {
    if (!this.#isStarted) await this.start();
    const place = this.#free();
    if (place === null) return await this.#wait(wanting);
    this.#occupy(place, wanting, place.connection!.ask(wanting.head));
    return place;
  }

  /** Ends all processes, after the requests that they have. */
  async stop(): Promise<void> {
    this.#isClosed = true;
    await this.#starting?.catch(() => {}); // Told to whoever started.
    await this.#end();
  }

  async #startAll(): Promise<void> {
    const folder = this.#folder = mkdtempSync(join(tmpdir(), "tsgi-python-"));
    chmodSync(folder, 0o700);
    writeFileSync(join(folder, "tsgi_wsgi.py"), PYTHON_SCRIPT, { mode: 0o600 });
    const all = Array.from({ length: this.#options.processes }, () => this.#spawn());
    await Promise.all(all.map(({ ready }) => ready));
    this.#isStarted = true;
    this.#watch = setInterval(() => this.#look(), Math.min(PERIOD, this.#options.timeout / 4 || PERIOD));
    this.#watch.unref();
  }

  #spawn(): PythonProcess {
    const folder = this.#folder!;
    const child = new PythonProcess({
      ...this.#options,
      folder,
      script: join(folder, "tsgi_wsgi.py"),
      onText: (text, from) => this.#said(text, from),
      onEnd: (from) => void this.#ended(from),
      onLost: (waiters) => void this.#waiting.unshift(...waiters),
      onLeft: ({ begun }) => void (this.#quick = performance.now() - begun < QUICK ? this.#quick + 1 : 0),
      onFree: () => this.#serveWaiting(),
    });
    const { maxRequests, maxRequestsJitter, log } = this.#options;
    this.#limits.set(child, maxRequests === 0 ? Infinity : maxRequests + Math.floor(Math.random() * (maxRequestsJitter + 1)));
    this.#processes.add(child);
    if (child.pid !== undefined) log("info", `Booting Python process with pid: ${child.pid}`);
    child.ready.then(() => this.#serveWaiting(), () => this.#processes.delete(child));
    return child;
  }

  #free(): Place | null {
    const all = [...this.#processes];
    for (let i = 0; i < all.length; i++) {
      const place = all[(this.#turn + i) % all.length]!.free();
      if (place === null) continue;
      this.#turn = (this.#turn + i + 1) % all.length;
      return place;
    }
    return null;
  }

  #occupy(place: Place, { request, isBare }: Wanting, number: number): void {
    place.isBusy = true;
    place.mayFollow = isBare;
    place.request = request;
    place.number = number;
    place.begun = place.since = performance.now();
    place.process.handled++;
    this.#wear(place.process);
  }

  #wait(wanting: Wanting): Promise<Place> {
    if (this.#failures > 0 && ![...this.#processes].some(({ phase }) => phase === "serving")) throw new PythonUnavailable("No Python process can be started");
    return new Promise((take, refuse) => {
      this.#waiting.push({ ...wanting, take, refuse, number: 0 });
      this.#sendAhead();
    });
  }

  #serveWaiting(): void {
    for (const { places } of this.#processes) {
      for (const place of places) {
        if (place.isBusy || place.ahead.length === 0) continue;
        const waiter = place.ahead.shift()!;
        this.#occupy(place, waiter, waiter.number);
        waiter.take(place);
      }
    }
    while (this.#waiting.length > 0) {
      const place = this.#free();
      if (place === null) break;
      const waiter = this.#waiting.shift()!;
      this.#occupy(place, waiter, place.connection!.ask(waiter.head));
      waiter.take(place);
    }
    this.#sendAhead();
  }

  #sendAhead(): void {
    while (this.#waiting.length > 0) {
      const [waiter] = this.#waiting as [Waiter];
      if (!waiter.isBare || !REPEATABLE.test(waiter.environ.REQUEST_METHOD)) return;
      const place = this.#behind();
      if (place === null) return;
      waiter.number = place.connection!.ask(waiter.head);
      place.ahead.push(this.#waiting.shift()!);
    }
  }

  /** Where one more may wait: the place where fewest do. */
  #behind(): Place | null {
    const isOnly = this.#options.processes * this.#options.threads === 1;
    let fewest = isOnly ? AHEAD : this.#quick >= ENOUGH_QUICK ? AHEAD_OF_EACH : 0;
    let found: Place | null = null;
    for (const { phase, places } of this.#processes) {
      if (phase !== "serving") continue;
      for (const place of places) {
        if (!place.isBusy || !place.mayFollow || !place.connection?.isOpen || place.ahead.length >= fewest) continue;
        fewest = place.ahead.length;
        found = place;
      }
    }
    return found;
  }

  #refuseWaiting(): void {
    for (const waiter of this.#waiting.splice(0)) waiter.refuse(new PythonUnavailable("No Python process can be started"));
  }

  /** The successor is ready before it goes. */
  #wear(worn: PythonProcess): void {
    if (worn.handled !== this.#limits.get(worn) || this.#isClosed) return;
    this.#options.log("info", `Autorestarting Python process (pid: ${worn.pid}) after ${worn.handled} requests`);
    this.#spawn().ready.then(() => worn.retire(), (error: unknown) => {
      this.#options.log("error", `${(error as Error).message}: Python process (pid: ${worn.pid}) goes on`);
      this.#limits.set(worn, worn.handled + this.#options.maxRequests);
    });
  }

  #look(): void {
    const { timeout, log } = this.#options;
    const now = performance.now();
    // What has been sent is answered, whether or not anybody listens.
    this.#waiting = this.#waiting.filter(({ environ, refuse }) => {
      if (!environ["tsgi.signal"].aborted) return true;
      refuse(environ["tsgi.signal"].reason);
      return false;
    });
    for (const one of this.#processes) {
      for (const place of one.places) place.occupant?.look();
      if (timeout === 0) continue;
      const late = one.places.filter(({ since }) => since !== null && now - since > timeout);
      if (late.length === 0 || one.cause !== null || one.phase === "booting") continue;
      const silent = (place: Place) => ((now - place.since!) / 1000).toFixed(1);
      const requests = late.map((place) => `${place.request} (${silent(place)}s)`).join(", ");
      log("critical", `WORKER TIMEOUT (python pid:${one.pid}) blocked ${silent(late[0]!)}s; in flight: ${requests}`);
      one.murder();
    }
  }

  /** What a process says belongs to its request, if it has only one. */
  #said(text: string, from: PythonProcess): void {
    const busy = from.places.filter(({ isBusy }) => isBusy);
    const [only] = busy;
    if (busy.length === 1 && from.places.length === 1 && only!.occupant !== null) only!.occupant.write(text);
    else this.#options.log("error", text);
  }

  async #ended(ended: PythonProcess): Promise<void> {
    const wasKnown = this.#processes.delete(ended);
    const how = await ended.ended;
    const isFresh = ended.handled === 0;
    const served = await ended.ready.then(() => true, () => false);
    if (this.#isClosed || this.#folder === null || !wasKnown || !served) return;
    // Somebody else is there in its place, or it was asked to go.
    if (this.#processes.size >= this.#options.processes) return;
    if (ended.cause === null) {
      const requests = ended.places.filter(({ isBusy }) => isBusy).map(({ request }) => request).join(", ");
      this.#options.log("error", `Python process (pid: ${ended.pid}) ended ${how}${requests === "" ? "" : `; in flight: ${requests}`}`);
    }
    if (isFresh) this.#failures++;
    void this.#replace();
  }

  /** Tries until there are enough. */
  async #replace(): Promise<void> {
    while (!this.#isClosed && this.#processes.size < this.#options.processes) {
      if (this.#failures > 1) await pause(Math.min(FIRST_PAUSE * 2 ** (this.#failures - 2), LONGEST_PAUSE));
      if (this.#isClosed || this.#processes.size >= this.#options.processes) return;
      try {
        await this.#spawn().ready;
        this.#failures = 0;
      } catch (error) {
        this.#failures++;
        this.#options.log("error", (error as Error).message);
        if (![...this.#processes].some(({ phase }) => phase === "serving")) this.#refuseWaiting();
      }
    }
  }

  async #end(): Promise<void> {
    if (this.#watch !== null) clearInterval(this.#watch);
    const folder = this.#folder;
    await Promise.all([...this.#processes].map((one) => one.stop()));
    this.#folder = null;
    if (folder !== null) rmSync(folder, { recursive: true, force: true });
  }
}

function pause(time: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, time) as unknown as { unref?(): void };
    timer.unref?.();
  });
}
