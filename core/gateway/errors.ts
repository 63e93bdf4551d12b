import { kindOf } from "./error.ts";
import type { ErrorStream } from "./types.ts";

/**
 * The default `tsgi.errors`: whole lines to `console.error`, or to whoever prints them (SPEC L-1 to L-6).
 *
 * Give each request its own: it keeps an unfinished line until the rest of it comes, or until flush(), so that the lines of requests
 * that run side by side never tear.
 */
export class ConsoleErrors implements ErrorStream {
  readonly #print: (lines: string, request: Request | null) => void;
  readonly #request: Request | null;
  #line = "";

  /** `print` adds the line end itself, as console.error does; it is told whose the lines are. */
  constructor(print: ((lines: string, request: Request | null) => void) | null = null, request: Request | null = null) {
    this.#print = print ?? ((lines) => console.error(lines));
    this.#request = request;
  }

  write(text: string): void {
    if (typeof text !== "string") throw new TypeError(`Cannot write ${kindOf(text)} to tsgi.errors: expected a string`);
    const end = text.lastIndexOf("\n");
    if (end < 0) {
      this.#line += text;
      return;
    }
    const lines = this.#line + text.slice(0, end);
    this.#line = text.slice(end + 1);
    this.#print(lines, this.#request);
  }

  writelines(lines: Iterable<string>): void {
    for (const line of lines) this.write(line);
  }

  flush(): void {
    if (this.#line === "") return;
    const line = this.#line;
    this.#line = "";
    this.#print(line, this.#request);
  }
}
