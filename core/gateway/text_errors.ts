import { kindOf } from "./error.ts";
import type { ErrorStream } from "./types.ts";

/** A `tsgi.errors` that keeps what is written, for `String()`, and passes it on if there is somewhere to. */
export class TextErrors implements ErrorStream {
  readonly #next: ErrorStream | null;
  #text = "";

  constructor(next: ErrorStream | null = null) {
    this.#next = next;
  }

  write(text: string): void {
    if (typeof text !== "string") throw new TypeError(`Cannot write ${kindOf(text)} to tsgi.errors: expected a string`);
    this.#text += text;
    this.#next?.write(text);
  }

  writelines(lines: Iterable<string>): void {
    for (const line of lines) this.write(line);
  }

  flush(): void | Promise<void> {
    return this.#next?.flush();
  }

  toString(): string {
    return this.#text;
  }
}
