/**
 * The admin listener: the arbiter's own native server for core/admin/admin.ts.
 *
 * Its socket is held like those of the workers and adopted like them, so that it is refused, inherited and left to others by the same rules:
 *
 * - It is bound before anything serves: who cannot have the address, does not start.
 * - A reload may move it. If it cannot, the old one stays.
 * - At an upgrade the new arbiter inherits it, and answers as soon as it serves. From then on the old one, if it sees that, only answers
 *   those who are connected, and takes over again if the new one ends. Nobody who connects meanwhile is refused.
 * - It answers until the last worker has gone.
 */
import { Journal } from "../core/admin/journal.ts";
import { type AdminOptions, answerAdmin } from "../core/admin/admin.ts";
import { Feed } from "../core/admin/feed.ts";
import { bind } from "../core/arbiter/bind.ts";
import { type Address, addressText, type Held, type Served } from "../core/arbiter/listener.ts";
import type { Controls } from "../core/control/controls.ts";
import type { Log } from "../core/logging/record.ts";
import { adminAddress } from "../core/settings/admin.ts";
import type { Settings } from "../core/settings/table.ts";
import { adopt, type AdoptOptions } from "./adoption.ts";
import { runtime } from "./current.ts";
import { type Inheritance, isAt } from "./inheritance.ts";
import { libc } from "./libc.ts";
import { every, wait } from "./system.ts";
import { hold } from "./sockets.ts";

/** What stands for the N of `fd://N` when the socket is handed to a new arbiter: no descriptor is called so. */
const NUMBER = -1;
const BACKLOG = 128;
/** Seconds that a connection may be idle: longer than scrapers and probes usually wait. */
const KEEP_ALIVE = 75;
const HEAD = 10;
const SHORTEST_TOKEN = 16;
const PERIOD = 250;

export interface AdminContext {
  readonly log: Log;
  readonly inheritance: Inheritance | null;
}

export class Admin {
  /** What it tells of errors. */
  readonly journal = new Journal();
  readonly #context: AdminContext;
  #settings: Settings;
  #held: Held | null;
  #controls: Controls | null = null;
  #feed: Feed | null = null;
  #served: Served | null = null;
  #isLeft = false;
  #moving: Promise<void> = Promise.resolve();
  #watch: { stop(): void } | null = null;

  private constructor(settings: Settings, held: Held, context: AdminContext) {
    this.#context = context;
    this.#settings = settings;
    this.#held = held;
    warn(settings, context.log);
  }

  /** Binds what the settings ask for; null when that cannot be had, and the log has said why. */
  static async open(settings: Settings, context: AdminContext): Promise<Admin | null> {
    const held = await take(adminAddress(settings)!, settings, context);
    return held === null ? null : new Admin(settings, held, context);
  }

  /** Answers from now on: where another arbiter is to be replaced, once `follow` says that this one serves. */
  serve(controls: Controls): void {
    this.#controls = controls;
    if (this.#context.inheritance === null) this.#next(() => this.#start());
  }

  /** Answers at once, since workers serve already. */
  serveLate(controls: Controls, settings: Settings): void {
    this.#controls = controls;
    this.follow(settings);
  }

  /** A generation serves with `settings`. */
  follow(settings: Settings): void {
    this.#next(() => this.#follow(settings));
  }

  /** What a new arbiter is to inherit. */
  held(): Held[] {
    const held = this.#held;
    const [socket, ...locks] = held?.descriptors() ?? [];
    if (held === null || socket === undefined) return [];
    return [{ ...held, number: NUMBER, descriptors: () => [socket] }, { ...held, descriptors: () => locks }];
  }

  /** A new arbiter was started; `serves` says whether it has taken over. */
  succeed(serves: () => boolean): void {
    this.#watch = every(PERIOD, () => {
      if (!serves()) return;
      this.#watch?.stop();
      this.#leave();
    });
  }

  /** The new arbiter has ended. */
  succeedNot(): void {
    this.#watch?.stop();
    this.#watch = null;
    if (!this.#isLeft) return;
    this.#isLeft = false;
    this.#served?.resume();
  }

  /** Ends it. A new arbiter that lives keeps the socket. */
  async close(): Promise<void> {
    await this.#moving;
    this.#feed?.close();
    await wait(0); // The end of a stream is sent in the next turn.
    await this.#served?.close(0);
    this.#watch === null ? this.#held?.close() : this.#held?.abandon();
    this.#watch?.stop();
  }

  /** One thing after another: a reload may hold before the listener stands. */
  #next(run: () => Promise<void>): void {
    this.#moving = this.#moving.then(run).catch((error) => this.#failed(error));
  }

  #leave(): void {
    this.#isLeft = true;
    this.#served?.pause();
    this.#feed?.dismiss();
  }

  async #start(): Promise<void> {
    if (this.#held === null || this.#controls === null) return;
    const { log } = this.#context;
    const { address } = this.#held;
    this.#feed ??= new Feed(this.#controls, this.journal, { every: (period, run) => every(period, () => this.#guard(run)) });
    const serving = servingOf({ controls: this.#controls, feed: this.#feed, address, rawUrls: runtime.rawUrls }, () => this.#isLeft);
    const descriptor = this.#held.descriptor(0);
    if (descriptor === null) {
      this.#served = await serveAlone(address, serving);
    } else {
      try {
        this.#served = await adopt(runtime, descriptor, serving);
      } catch {
        // As the log says of the workers.
        this.#held.close();
        this.#held = { address, mode: "reuse-port", descriptor: () => null, descriptors: () => [], close: () => {}, abandon: () => {} };
        this.#served = await serveAlone(address, serving);
      }
    }
    log("info", "admin-listening", { address: addressText(address) });
  }

  /** Whatever is wrong here, the arbiter lives on. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.#context.log("error", "admin-failed", { reason: error instanceof Error ? error.message : String(error) });
  }

  async #follow(settings: Settings): Promise<void> {
    const before = this.#settings;
    this.#settings = settings;
    if (this.#served === null && this.#held !== null) return await this.#start();
    if (settings.adminToken !== before.adminToken) {
      this.#feed?.dismiss(); // Who looks has shown the old one.
      warn(settings, this.#context.log);
    }
    if (settings.adminBind !== before.adminBind) await this.#move(settings, before);
  }

  async #move(settings: Settings, before: Settings): Promise<void> {
    const address = adminAddress(settings);
    const held = address === null ? null : await take(address, settings, this.#context);
    if (held === null && address !== null) {
      this.#settings = { ...settings, adminBind: before.adminBind };
      return this.#context.log("warning", "admin-stays", { address: addressText(address) });
    }
    const [served, old] = [this.#served, this.#held];
    this.#served = null;
    this.#held = held;
    if (held === null) {
      this.#feed?.close();
      this.#feed = null;
    } else {
      this.#feed?.dismiss();
    }
    await this.#start();
    await served?.close(0);
    old?.close();
  }
}

function warn({ adminBind, adminToken }: Settings, log: Log): void {
  if (adminBind !== null && adminToken !== null && adminToken.length < SHORTEST_TOKEN) log("warning", "weak-token");
}

/** As the workers' addresses are taken: five attempts, and the log says what is wrong. */
async function take(address: Address, settings: Settings, { log, inheritance }: AdminContext): Promise<Held | null> {
  const options = { backlog: BACKLOG, mode: "shared", umask: 0o777 & ~settings.controlSocketMode } as const;
  const from = inheritance === null ? null : own(inheritance);
  const held = await bind([address], options, { system: { hold: (at, how) => hold(at, how, from), wait }, log });
  return held?.[0] ?? null;
}

/** Of what is inherited, only what was the admin listener's: at port 0, its socket looks like any other. */
function own(inheritance: Inheritance): Inheritance {
  return {
    ...inheritance,
    take: (at) => {
      const socket = inheritance.takeNumber(NUMBER);
      if (socket === null || libc instanceof Error) return [];
      const name = libc.nameOf(socket);
      if (name !== null && isAt(name, at)) return [socket];
      libc.close(socket);
      return [];
    },
  };
}

function servingOf(options: AdminOptions, isLeft: () => boolean): AdoptOptions {
  return {
    keepAlive: KEEP_ALIVE,
    headTimeout: HEAD,
    onError: () => new Response("Internal Server Error\n", { status: 500 }),
    handler: async (request) => {
      const response = await answerAdmin(request, options);
      if (isLeft()) response.headers.set("connection", "close");
      return response;
    },
  };
}

/** Where no socket can be handed over: the server binds by itself what was free a moment ago. */
async function serveAlone(address: Address, serving: AdoptOptions): Promise<Served> {
  if (address.kind === "fd") throw new Error(`Cannot serve ${addressText(address)} without handing it over`);
  const server = await runtime.serve({ ...serving, at: address.kind === "unix" ? { path: address.path } : { host: address.host, port: address.port } });
  return { madeUpHost: null, pause: () => {}, resume: () => {}, leave: () => {}, close: () => server.stop(true), ended: server.finished };
}
