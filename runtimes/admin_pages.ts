/** The admin pages as the command sees them: nothing of them is loaded before a configuration wants them. */
import type { Note } from "../core/arbiter/notes.ts";
import type { Upgrade } from "../core/arbiter/upgrade.ts";
import type { Controls } from "../core/control/controls.ts";
import type { Log } from "../core/logging/record.ts";
import type { Settings } from "../core/settings/table.ts";
import type { Admin } from "./admin.ts";
import type { Inheritance } from "./inheritance.ts";

export class AdminPages {
  readonly #inheritance: Inheritance | null;
  readonly #log: Log;
  #admin: Admin | null = null;
  #controls: Controls | null = null;
  #opening: Promise<boolean> | null = null;

  /** `log` is where they write to, and what they show is what `log` is told through `hear`. */
  constructor(inheritance: Inheritance | null, log: Log) {
    this.#inheritance = inheritance;
    this.#log = (level, event, fields = {}) => {
      log(level, event, fields);
      this.#admin?.journal.heard(level, event, fields);
    };
  }

  /** The log of everybody else. */
  get log(): Log {
    return this.#log;
  }

  /** Takes the address that the settings ask for, if any; false when it cannot be had, and the log has said why. */
  open(settings: Settings): Promise<boolean> {
    return (this.#opening ??= settings.adminBind === null ? Promise.resolve(true) : this.#open(settings)).finally(() => (this.#opening = null));
  }

  serve(controls: Controls): void {
    this.#controls = controls;
    this.#admin?.serve(controls);
  }

  /** A generation serves with `settings`. */
  follow(settings: Settings): void {
    if (this.#admin !== null) this.#admin.follow(settings);
    else if (settings.adminBind !== null) void this.open(settings).then(() => this.#admin?.serveLate(this.#controls!, settings));
  }

  noted(from: { readonly pid: number; readonly slot: number }, notes: readonly Note[], lost: number): void {
    this.#admin?.journal.noted(from, notes, lost);
  }

  /** `upgrade`, in which the new arbiter inherits their socket too. */
  inherited(upgrade: Upgrade): Upgrade {
    return {
      ...upgrade,
      start: (held, onExit) =>
        upgrade.start([...held, ...(this.#admin?.held() ?? [])], (end) => {
          this.#admin?.succeedNot();
          onExit(end);
        }),
    };
  }

  /** A new arbiter was started; `serves` says whether it has taken over. */
  succeed(serves: () => boolean): void {
    this.#admin?.succeed(serves);
  }

  async close(): Promise<void> {
    await this.#admin?.close();
  }

  async #open(settings: Settings): Promise<boolean> {
    const { Admin } = await import("./admin.ts");
    this.#admin = await Admin.open(settings, { log: this.#log, inheritance: this.#inheritance });
    return this.#admin !== null;
  }
}
