/** One Python process: its start, what it says, its connections, its end. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { AppLoadError } from "../core/arbiter/app_load_error.ts";
import type { Environ } from "../core/gateway/types.ts";
import type { PythonConnection } from "./python_connection.ts";
import { openConnection } from "./python_connection.ts";

export interface PythonProcessOptions {
  readonly app: string;
  readonly python: string;
  /** The folder of script and sockets. */
  readonly folder: string;
  readonly script: string;
  readonly path: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly threads: number;
  readonly multiprocess: boolean;
  /** Milliseconds; 0 for no limit. */
  readonly bootTimeout: number;
  /** Whole lines of its standard output or error: those that were written at once, such as a traceback. */
  readonly onText: (text: string, from: PythonProcess) => void;
  readonly onEnd: (process: PythonProcess) => void;
  /** They waited in a connection that has broken, in this order. */
  readonly onLost: (waiters: readonly Waiter[]) => void;
  /** A request has left its place. */
  readonly onLeft: (place: Place) => void;
  /** A place is free. */
  readonly onFree: () => void;
}

/** A request that waits for its place, or in one. */
export interface Waiter {
  /** What it is in the log. */
  readonly request: string;
  readonly head: Uint8Array;
  /** Whether the head is all there is. */
  readonly isBare: boolean;
  /** Asked now and then only, since a signal costs more than a small answer. */
  readonly environ: Pick<Environ, "tsgi.signal" | "REQUEST_METHOD">;
  readonly take: (place: Place) => void;
  readonly refuse: (error: unknown) => void;
  /** Which of the connection's requests it is, where its head has been sent already. */
  number: number;
}

export interface Occupant {
  /** Takes the text that the process writes meanwhile. */
  write(text: string): void;
  /** Looks whether anybody still waits for the answer. */
  look(): void;
}

/** Room for one request at a time. */
export interface Place {
  readonly process: PythonProcess;
  /** Null while the process has not accepted the next connection. */
  connection: PythonConnection | null;
  /** What it does, or did last, as `GET /path`. */
  request: string;
  /** Who is answered; null while nobody is. An object, because of closures in a place V8 kept all that they had seen until a full collection. */
  occupant: Occupant | null;
  /** When its request, or the last one, got it. */
  begun: number;
  /** Since when the process is waited for; null while nobody waits for it. */
  since: number | null;
  /** Which of the connection's requests is answered. */
  number: number;
  /** Who waits in the connection, behind the one that is answered, in the order in which it was written. Nobody else may have the place before. */
  readonly ahead: Waiter[];
  /** Whether requests may be sent behind the one that is answered, since all of it has been sent. */
  mayFollow: boolean;
  isBusy: boolean;
}

/** Between ABRT, at which Python tells where it hangs, and KILL. */
const LAST_WORDS = 1000;
/** How long a process may take to end when it has been asked to. */
const PATIENCE = 3000;

let count = 0;

export class PythonProcess {
  phase: "booting" | "serving" | "retiring" | "ended" = "booting";
  handled = 0;
  /** Why it was killed. */
  cause: "timeout" | null = null;
  readonly places: readonly Place[];
  readonly pid: number | undefined;
  /** Rejects with {@linkcode AppLoadError} if it cannot serve. */
  readonly ready: Promise<void>;
  /** How it ended, in words. */
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  readonly #socket: string;
  readonly #options: PythonProcessOptions;

  constructor(options: PythonProcessOptions) {
    this.#options = options;
    this.#socket = join(options.folder, `${++count}.sock`);
    const { app, path, cwd, threads, multiprocess } = options;
    const told = JSON.stringify({ app, path: [...path, cwd], threads, multiprocess, socket: this.#socket });
    const child = this.#child = spawn(options.python, [options.script, told], { cwd, env: options.env, stdio: "pipe" });
    this.pid = child.pid;
    child.stdin!.on("error", () => {}); // It has ended, which is told.
    this.places = Array.from({ length: threads }, () => ({ process: this, connection: null, request: "", occupant: null, begun: 0, since: null, number: 0, ahead: [], mayFollow: false, isBusy: false }));
    this.ended = new Promise((resolve) => {
      child.on("error", (error) => resolve(error.message));
      child.on("exit", (code, signal) => resolve(signal === null ? `with code ${code}` : `by ${signal}`));
    });
    eachText(child.stderr!, (text) => options.onText(text, this));
    const answer = new Promise<Answer>((resolve) => eachText(child.stdout!, (text) => {
      // What Python runs before the script, such as sitecustomize, may have something to say too.
      for (const line of text.split("\n")) {
        if (line.startsWith('{"type": ')) resolve(JSON.parse(line) as Answer);
        else options.onText(line, this);
      }
    }));
    this.ready = this.#boot(answer);
    void this.ended.then(() => this.#over());
  }

  /** Whether it can be given a request now. */
  free(): Place | null {
    if (this.phase !== "serving") return null;
    return this.places.find((place) => !place.isBusy && place.ahead.length === 0 && place.connection !== null) ?? null;
  }

  /** Whether nobody waits for anything from it. */
  get isIdle(): boolean {
    return !this.places.some((place) => place.isBusy || place.ahead.length > 0);
  }

  /** Ends the request at a place; without `reusable` the process gets a new connection when it accepts one. */
  leave(place: Place, reusable: boolean): void {
    place.isBusy = false;
    place.occupant = null;
    this.#options.onLeft(place);
    if (reusable && place.connection?.isOpen) place.since = null;
    else void this.#connect(place);
    if (this.phase === "retiring" && this.isIdle) void this.stop();
    this.#options.onFree();
  }

  /** It gets no more requests, and ends after those it has. */
  retire(): void {
    if (this.phase === "booting" || this.phase === "serving") this.phase = "retiring";
    if (this.phase === "retiring" && this.isIdle) void this.stop();
  }

  /** It hangs: it tells where, and ends. */
  murder(): void {
    if (this.cause !== null) return;
    this.cause = "timeout";
    this.phase = "retiring";
    this.#kill("SIGABRT");
    this.#killIn(LAST_WORDS);
  }

  /** Asks it to end, and makes sure that it does. */
  async stop(): Promise<void> {
    if (this.phase === "ended") return;
    this.phase = "retiring";
    this.#child.stdin!.end("q");
    this.#killIn(PATIENCE);
    await this.ended;
  }

  async #boot(answer: Promise<Answer>): Promise<void> {
    const { app, python, bootTimeout } = this.#options;
    const failed = (why: string, exitCode: 3 | 4 = 3, detail?: string) => new AppLoadError(`Cannot load ${app}: ${why}`, exitCode, detail);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<null>((resolve) => {
      if (bootTimeout > 0) timer = setTimeout(resolve, bootTimeout, null);
    });
    const end = this.ended.then((how) => new Promise<string>((resolve) => setTimeout(resolve, 100, how)));
    const first = await Promise.race([answer, end, late]);
    clearTimeout(timer);
    if (first === null) {
      this.#kill("SIGKILL");
      throw failed(`it was not ready within ${bootTimeout / 1000} s`);
    }
    if (typeof first === "string") {
      if (this.pid === undefined) throw failed(`cannot run ${python} (${first}), name another with --python`);
      throw failed(`${python} ended ${first} while it loaded it`);
    }
    if (first.type === "failed") throw failed(first.why, first.exit, first.detail ?? undefined);
    await Promise.all(this.places.map((place) => this.#connect(place)));
    if (this.phase === "booting") this.phase = "serving";
  }

  #lose({ ahead }: Place): void {
    if (ahead.length > 0) this.#options.onLost(ahead.splice(0));
  }

  /** What was wrong with the process is told by its end. */
  async #connect(place: Place): Promise<void> {
    place.connection?.close();
    place.connection = null;
    this.#lose(place);
    if (this.phase === "ended") return;
    try {
      place.connection = await openConnection(this.#socket);
      place.since = null;
      this.#options.onFree();
    } catch {
      // As said above.
    }
  }

  #killIn(time: number): void {
    const timer = setTimeout(() => this.#kill("SIGKILL"), time);
    void this.ended.then(() => clearTimeout(timer));
  }

  /** Not by the child's own kill(), which on Deno closes its standard input too. */
  #kill(signal: "SIGABRT" | "SIGKILL"): void {
    try {
      if (this.pid !== undefined && this.phase !== "ended") process.kill(this.pid, signal);
    } catch {
      // It has gone, which is told by its end.
    }
  }

  #over(): void {
    this.phase = "ended";
    for (const place of this.places) {
      place.connection?.close();
      this.#lose(place);
    }
    rmSync(this.#socket, { force: true });
    this.#options.onEnd(this);
  }
}

/** What the script says on standard output. */
type Answer =
  | { readonly type: "ready" }
  | { readonly type: "failed"; readonly exit: 3 | 4; readonly why: string; readonly detail?: string | null };

function eachText(stream: Readable, take: (text: string) => void): void {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  stream.on("data", (chunk: Uint8Array) => {
    rest += decoder.write(chunk as Parameters<typeof decoder.write>[0]);
    const end = rest.lastIndexOf("\n");
    if (end < 0) return;
    take(rest.slice(0, end));
    rest = rest.slice(end + 1);
  });
  stream.on("end", () => {
    if (rest !== "") take(rest);
  });
  stream.on("error", () => {}); // The process has gone.
}
