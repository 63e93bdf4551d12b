/**
 * The headers of a request, read where Deno keeps them.
 *
 * `request.headers` makes a Headers object for each request; behind a symbol lies what that object itself asks. It is so in Deno 2.9; a request
 * that has nothing of the kind, such as one that an application made, is asked the public way.
 */
import { type HeaderReader, PUBLIC_HEADERS } from "../core/gateway/request_headers.ts";

/** A request of Deno.serve. */
interface Inner {
  readonly header?: (name: string) => string | null;
  /** Made when it is read: one entry for each line, as it came. */
  readonly headerList?: [name: string, value: string][];
}

/** With more headers than that, it is not worth while to look whether a name comes twice. */
const FEW = 32;

export const requestHeaders: HeaderReader = choose();

function choose(): HeaderReader {
  const place = Object.getOwnPropertySymbols(new Request("http://localhost/")).find((symbol) => symbol.description === "request");
  if (place === undefined) return PUBLIC_HEADERS;
  const innerOf = (request: object): Inner | null => {
    const inner = (request as Record<symbol, Inner | undefined>)[place];
    return inner !== undefined && typeof inner.header === "function" ? inner : null;
  };
  return {
    get: (request, name) => {
      const inner = innerOf(request);
      return inner === null ? request.headers.get(name) : inner.header!(name);
    },
    each: (request, see) => {
      const list = innerOf(request)?.headerList;
      const names = list === undefined || list.length > FEW ? null : differentNames(list);
      // What comes twice is joined there, by its rules.
      if (names === null) return PUBLIC_HEADERS.each(request, see);
      for (let at = 0; at < names.length; at++) see(list![at]![1], names[at]!);
    },
  };
}

/** In lower case; null if one comes twice. */
function differentNames(list: readonly (readonly [string, string])[]): string[] | null {
  const names: string[] = [];
  for (let at = 0; at < list.length; at++) {
    const name = list[at]![0].toLowerCase();
    for (let before = 0; before < at; before++) if (names[before] === name) return null;
    names.push(name);
  }
  return names;
}
