/** The last lines of an output. */

const MOST = 100;

export class LastLines {
  #lines: string[] = [];

  write(line: string): void {
    this.#lines.push(line);
    // Seldom, so that a line costs nothing.
    if (this.#lines.length > 2 * MOST) this.#lines = this.read();
  }

  read(): string[] {
    return this.#lines.slice(-MOST);
  }
}
