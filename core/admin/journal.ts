/** What went wrong lately, and what was done about it: the arbiter's own words, and those of the workers. */
import { isLoud, type Note, noteOf } from "../arbiter/notes.ts";
import type { EventName, Fields, Level } from "../logging/record.ts";

/** Null for the arbiter's own. */
export interface Entry extends Note {
  readonly pid: number | null;
  readonly slot: number | null;
}

const KEPT = 100;
/** Not loud, but what an operator waits for. */
const NEWS: ReadonlySet<EventName> = new Set(["handling-signal", "changes", "canary-holds", "reloaded", "rolled-back", "upgrading", "promoted", "woke"]);

export class Journal {
  #entries: Entry[] = [];
  readonly #listeners = new Set<(entry: Entry) => void>();

  /** The oldest first. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** The arbiter has logged something. */
  heard(level: Level, event: EventName, fields: Fields): void {
    if (isLoud(level) || NEWS.has(event)) this.#add({ ...noteOf(level, event, fields), pid: null, slot: null });
  }

  /** A worker has told something, and has more that it does not tell. */
  noted({ pid, slot }: { readonly pid: number; readonly slot: number }, notes: readonly Note[], lost: number): void {
    for (const note of notes) this.#add({ ...note, pid, slot });
    const last = notes.at(-1);
    if (lost > 0 && last !== undefined) this.#add({ time: last.time, level: "warning", event: "more", text: `${lost} more like these`, pid, slot });
  }

  /** Calls `listener` for each entry from now on, until what is returned is called. */
  follow(listener: (entry: Entry) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #add(entry: Entry): void {
    this.#entries.push(entry);
    if (this.#entries.length > KEPT) this.#entries = this.#entries.slice(-KEPT);
    for (const listener of this.#listeners) listener(entry);
  }
}
