/** A request as an application saw it; its body is null while that is being read, and for good if it cannot be. */
export type Sighting = [method: string, target: string, host: string | null, a: string | null, body: string | null];

/** What was seen, by the port of the client. */
export class Sightings {
  readonly #all = new Map<string, Sighting[]>();

  /** Notes a request at once; the result takes its body, and gives the whole. */
  begin(port: string, request: [method: string, target: string, host: string | null, a: string | null]): (body: string | null) => Sighting {
    const one: Sighting = [...request, null];
    const before = this.#all.get(port);
    if (before === undefined) this.#all.set(port, [one]);
    else before.push(one);
    return (body) => {
      one[4] = body;
      return one;
    };
  }

  take(port: string): Sighting[] {
    const found = this.#all.get(port) ?? [];
    this.#all.delete(port);
    return found;
  }
}
