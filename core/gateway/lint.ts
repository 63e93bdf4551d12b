/**
 * The specification as a program: {@linkcode lint} stands between a gateway and an application and checks both.
 *
 * Each check has its sentence of the specification above it, marked by three slashes. They are to be read from lint.ts, lint_environ.ts,
 * lint_response.ts, lint_body.ts and lint_streams.ts, in this order.
 *
 * @module
 */
import { isThenable } from "./body_reader.ts";
import { kindOf } from "./error.ts";
import { lintBody, lintWrite } from "./lint_body.ts";
import { checkEnviron } from "./lint_environ.ts";
import type { Warn } from "./lint_environ.ts";
import { describe, LintError, refuse } from "./lint_error.ts";
import type { LintExchange } from "./lint_exchange.ts";
import { checkStart } from "./lint_response.ts";
import { lintErrors, lintFinished, lintHints, lintInput } from "./lint_streams.ts";
import type { App, Body, EarlyHints, Environ, ErrorStream, HeaderList, InputStream, StartResponse, Status } from "./types.ts";

export { LintError };

/** How strictly to judge, and who hears of what is odd but legal. */
export interface LintOptions {
  /** Also refuses members of `tsgi.input` beyond SPEC, and warns about every use of write(). */
  strict?: boolean;
  /** Instead of a line on `tsgi.errors`. */
  onWarning?: (code: string, message: string) => void;
}

/** Which exchange a wrapped stream belongs to: how a lint finds the one on the other side of a middleware, also after a copy. */
const exchanges = new WeakMap<object, LintExchange>();

/**
 * Wraps an application so that every breach of the specification throws {@linkcode LintError}, on whichever side, and what is odd is
 * warned about. A correct exchange passes through byte for byte, and an Array stays an Array.
 *
 * For tests and development: it reads the whole environ at each request. To judge a middleware, put a lint on both sides of it,
 * `lint(middleware(lint(app)))`: then it is told from the gateway, and checked for eagerness and for bodies it forgets to close.
 *
 * @example
 * ```ts
 * const result = await runApp(lint(application), testEnviron("/"));
 * assert.equal(result.error, null);
 * ```
 */
export function lint(app: App, options: LintOptions = {}): App {
  /// ## The application

  /// An application MUST be a function.
  if (typeof app !== "function") refuse("app/callable", `an application that is ${kindOf(app)}`, "a function", "application");

  return function linted(...args: unknown[]): Body | PromiseLike<Body> {
    const outer = outerOf(args[0]);
    const fault = outer === null ? "gateway" : "middleware";
    /// It MUST be called with exactly two arguments, the environ and startResponse.
    if (args.length !== 2) refuse("app/args", `an application called with ${args.length} arguments`, "(environ, startResponse)", fault);

    const [environ, startResponse] = args as [Environ, StartResponse];
    const warn: Warn = (code, seen, expected, by) => tell(options, environ, code, describe(seen, expected, by));
    checkEnviron(environ, fault, warn);
    const exchange = open(environ, outer, warn, options.strict ?? false);
    return call(app, environ, lintStart(startResponse, exchange), exchange);
  };
}

function outerOf(environ: unknown): LintExchange | null {
  if (typeof environ !== "object" || environ === null) return null;
  const streams = [Reflect.get(environ, "tsgi.input"), Reflect.get(environ, "tsgi.errors")];
  const found = streams.map((stream) => exchanges.get(stream)).find((exchange) => exchange !== undefined);
  // An environ used twice, as only tests do, is no nesting.
  return found === undefined || found.finished ? null : found;
}

function tell({ onWarning }: LintOptions, environ: Environ, code: string, message: string): void {
  if (onWarning === undefined) environ["tsgi.errors"].write(`lint: ${code}: ${message}\n`);
  else onWarning(code, message);
}

/** Wraps what the application will use, in place: the changes it makes to its environ must reach the middleware outside. */
function open(environ: Environ, outer: LintExchange | null, warn: Warn, strict: boolean): LintExchange {
  const exchange: LintExchange = {
    method: environ.REQUEST_METHOD, strict, warn, outer, inner: [], called: false, started: null, returned: false, body: "none",
    finished: false, chunks: 0, bytes: 0, warned: new Set(),
  };
  outer?.inner.push(exchange);
  const input: InputStream = lintInput(environ["tsgi.input"], exchange);
  const errors: ErrorStream = lintErrors(environ["tsgi.errors"]);
  exchanges.set(input, exchange).set(errors, exchange);
  environ["tsgi.input"] = input;
  environ["tsgi.errors"] = errors;
  const hints: EarlyHints | undefined = environ["tsgi.early_hints"];
  if (hints !== undefined) environ["tsgi.early_hints"] = lintHints(hints, exchange);
  // tsgi.file_wrapper needs nothing: wrapped by lintBody its result is no longer the gateway's own, and so is iterated and counted.
  environ["tsgi.response_finished"]?.unshift(lintFinished(exchange));
  return exchange;
}

function call(app: App, environ: Environ, start: StartResponse, exchange: LintExchange): Body | PromiseLike<Body> {
  let isPending = false;
  try {
    const body = app(environ, start);
    if (!isThenable(body)) return accept(body, exchange);
    isPending = true;
    return Promise.resolve(body).then((settled) => accept(settled, exchange)).finally(() => exchange.returned = true);
  } finally {
    exchange.returned = !isPending;
  }
}

function accept(body: unknown, exchange: LintExchange): Body {
  const linted = lintBody(body, exchange);
  exchange.returned = true;
  return linted;
}

function lintStart(startResponse: StartResponse, exchange: LintExchange): StartResponse {
  return (...args: [status: Status, headers: HeaderList, excInfo?: unknown]) => {
    exchange.started = null;
    const started = checkStart(args, exchange);
    const write = startResponse(...args);
    exchange.started = started;
    return lintWrite(write, exchange);
  };
}
