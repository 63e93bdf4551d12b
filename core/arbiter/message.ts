/** What the arbiter and its workers say to each other, as JSON over the IPC channel. Descriptors travel beside it, announced here. */
import type { Level } from "../logging/record.ts";
import type { Report } from "../metrics/census.ts";
import type { Settings } from "../settings/table.ts";
import type { Address, ListenMode } from "./listener.ts";
import type { Note } from "./notes.ts";
import type { Tls } from "./tls.ts";

/** One address to serve. In `slots` and `shared` mode a descriptor comes along, in the order of the list. */
export interface Place {
  readonly address: Address;
  readonly mode: ListenMode;
  /** Who comes there is sent to https at this port. */
  readonly redirect?: number;
}

/** What a worker needs to have hooks: the config file they are in, and the server as they see it. */
export interface HooksOrder {
  readonly file: string;
  readonly pid: number;
  readonly addresses: readonly string[];
}

export type ToWorker =
  | {
    readonly type: "start";
    readonly id: number;
    readonly slot: number;
    readonly generation: number;
    readonly settings: Settings;
    /** Whether another process serves the same application: environ's `tsgi.multiprocess`. */
    readonly multiprocess: boolean;
    /** Absent if the config file has no hooks for a worker. */
    readonly hooks?: HooksOrder;
    /** With --reload, where the application is known not to load: serve a page about it instead. */
    readonly breakage?: Breakage;
    /** It is the first of its generation and on trial: its beats tell what it answers. */
    readonly canary?: true;
    /** What `bind` is served with over TLS. */
    readonly tls?: Tls;
  }
  | { readonly type: "listen"; readonly slot: number; readonly places: readonly Place[] }
  | { readonly type: "unlisten"; readonly slot: number }
  /** After a rotation: lines from now on belong to the new files. */
  | { readonly type: "reopen-logs" }
  /** Asked for over the control socket: until told otherwise. */
  | { readonly type: "log-level"; readonly level: Level }
  /** Whether the lines of the access log are to be told too, as `accessed`. */
  | { readonly type: "tail"; readonly on: boolean }
  /** With --reload, when newer code than this worker's could not be served: answer with a page about it from now on. */
  | { readonly type: "show-error"; readonly breakage: Breakage };

/** What a worker has answered. */
export interface Tally {
  readonly answers: number;
  /** Those of them whose status is 5xx. */
  readonly errors: number;
}

/** Why the newest code is not served, for whoever looks at the page while developing. */
export interface Breakage {
  readonly reason: string;
  readonly stack?: string;
}

export type FromWorker =
  /** The process runs and can be told things. */
  | { readonly type: "hello" }
  /** The application is loaded and started. */
  | { readonly type: "ready" }
  /** It could not be: the worker ends with `exitCode`, 3 or 4 as in gunicorn. */
  | { readonly type: "failed"; readonly exitCode: 3 | 4; readonly reason: string; readonly stack?: string }
  /** The native server does not take an inherited socket here: see the fallback in DESIGN.md. */
  | { readonly type: "cannot-adopt"; readonly reason: string }
  | { readonly type: "listening"; readonly slot: number }
  | { readonly type: "beat"; readonly inFlight: number; readonly handled: number; readonly report?: Report; readonly tally?: Tally }
  /** The last report of all: it ends. */
  | { readonly type: "measured"; readonly report: Report }
  /** Lines of the access log, since somebody looks; `lost` more were too many. */
  | { readonly type: "accessed"; readonly lines: readonly string[]; readonly lost: number }
  /** With --admin-bind: what went wrong; `lost` more were too many. */
  | { readonly type: "noted"; readonly notes: readonly Note[]; readonly lost: number }
  /** At its limit of connections, or below it again. */
  | { readonly type: "full"; readonly full: boolean }
  /** It goes on serving, but wants a successor; `faulty` if something in it broke. */
  | { readonly type: "tired"; readonly faulty: boolean }
  /** It was told to go, by the arbiter or by somebody else, and has stopped accepting. */
  | { readonly type: "leaving" };
