/**
 * The headers of a request, read where Deno keeps them.
 *
 * `request.headers` makes a Headers object for each request; behind a symbol lies what that object itself asks, for one header at a time. It is
 * so in Deno 2.9; a request that has nothing of the kind, such as one that an application made, is asked the public way.
 */
import { type HeaderReader, PUBLIC_HEADERS } from "../core/gateway/request_headers.ts";

/** A request of Deno.serve. */
interface Inner {
  header?(name: string): string | null;
}

export const requestHeaders: HeaderReader = choose();

function choose(): HeaderReader {
  const place = Object.getOwnPropertySymbols(new Request("http://localhost/")).find((symbol) => symbol.description === "request");
  if (place === undefined) return PUBLIC_HEADERS;
  return {
    get: (request, name) => {
      const inner = (request as unknown as Record<symbol, Inner | undefined>)[place];
      return inner !== undefined && typeof inner.header === "function" ? inner.header(name) : request.headers.get(name);
    },
    each: PUBLIC_HEADERS.each,
  };
}
