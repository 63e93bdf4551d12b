import type { Fault } from "./lint_error.ts";
import type { Warn } from "./lint_environ.ts";

/** What a valid startResponse said, as far as the checks of the body need it. */
export interface Started {
  readonly code: number;
  readonly hasType: boolean;
  /** Null if there is no Content-Length, or one that the gateway will refuse. */
  readonly length: number | null;
}

/** One call of a linted application: what one side did, so that the other can be judged by it. */
export interface LintExchange {
  readonly method: string;
  readonly strict: boolean;
  readonly warn: Warn;
  /** The lint on the other side of the middleware around this one; null if there is none. */
  readonly outer: LintExchange | null;
  /** The lints of the applications that this one, being middleware, called. */
  readonly inner: LintExchange[];
  /** startResponse was called, validly or not. */
  called: boolean;
  started: Started | null;
  /** The application returned, or its promise settled. */
  returned: boolean;
  body: "none" | "open" | "closed";
  /** The response is over. */
  finished: boolean;
  /** Chunks iterated so far, empty ones included. */
  chunks: number;
  bytes: number;
  /** The codes of warnings that are given once per response. */
  readonly warned: Set<string>;
}

/** Whoever calls the application and iterates its body. */
export function caller(exchange: LintExchange): Fault {
  return exchange.outer === null ? "gateway" : "middleware";
}

/** Warns about what would repeat with each chunk. */
export function warnOnce(exchange: LintExchange, code: string, seen: string, expected: string, fault: Fault): void {
  if (exchange.warned.has(code)) return;
  exchange.warned.add(code);
  exchange.warn(code, seen, expected, fault);
}
