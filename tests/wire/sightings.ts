/** A request as an application saw it; its body is null while that is being read, and for good if it cannot be. */
export type Sighting = [method: string, target: string, host: string | null, a: string | null, body: string | null];

interface Dated {
  readonly at: number;
  readonly sighting: Sighting;
}

/** What was seen, by the port of the client. */
export class Sightings {
  readonly #all = new Map<string, Dated[]>();

  /** Notes a request at once; the result takes its body, and gives the whole. */
  begin(port: string, request: [method: string, target: string, host: string | null, a: string | null]): (body: string | null) => Sighting {
    const one: Sighting = [...request, null];
    const before = this.#all.get(port);
    const dated = { at: Date.now(), sighting: one };
    if (before === undefined) this.#all.set(port, [dated]);
    else before.push(dated);
    return (body) => {
      one[4] = body;
      return one;
    };
  }

  /** `query` is PORT,SINCE: among many connections some have the same port, and a request may be seen when nobody asks for it any more. */
  take(query: string): Sighting[] {
    const [port = "", since] = query.split(",");
    const found = this.#all.get(port) ?? [];
    this.#all.delete(port);
    return found.filter(({ at }) => at >= Number(since)).map(({ sighting }) => sighting);
  }
}
