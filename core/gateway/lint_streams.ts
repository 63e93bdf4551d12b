import { kindOf } from "./error.ts";
import { refuse } from "./lint_error.ts";
import { caller } from "./lint_exchange.ts";
import type { LintExchange } from "./lint_exchange.ts";
import { checkHeader, checkHeaderList } from "./lint_response.ts";
import type { EarlyHints, ErrorStream, InputStream, ResponseFinished } from "./types.ts";

type Size = [size?: number | null];

const inputs = new WeakSet<object>();

/** What may be asked of any object without meaning it: by `await`, JSON and text. */
const HARMLESS = ["then", "toJSON", "constructor", "toString", "valueOf"];

/** Whether this is an input that a lint handed out. */
export function isLintedInput(value: object): boolean {
  return inputs.has(value);
}

/** Wraps `tsgi.input`; a strict lint also refuses whatever SPEC does not give it. */
export function lintInput(input: InputStream, exchange: LintExchange): InputStream {
  let isLocked = false;
  function use(method: string, args: readonly unknown[], limit = 1): void {
    checkArguments(method, args, limit, exchange);
    checkState(method, isLocked, exchange);
  }
  const checked: InputStream = {
    read(...args: Size) {
      use("read", args);
      return checkBytes(input.read(...args), exchange);
    },
    readline(...args: Size) {
      use("readline", args);
      return checkBytes(input.readline(...args), exchange);
    },
    readlines(...args: Size) {
      use("readlines", args);
      return checkLines(input.readlines(...args), exchange);
    },
    lines(...args: []) {
      use("lines", args, 0);
      return checkEach(input.lines(), exchange);
    },
    [Symbol.asyncIterator]() {
      use("[Symbol.asyncIterator]", []);
      return checkEach(input, exchange);
    },
    get stream() {
      checkState("stream", false, exchange);
      isLocked = true;
      return checkStream(input.stream, exchange);
    },
  };
  const wrapped = exchange.strict ? new Proxy(checked, { get: getStrictly }) : checked;
  inputs.add(wrapped);
  return wrapped;
}

function checkArguments(method: string, args: readonly unknown[], limit: number, exchange: LintExchange): void {
  const [size] = args;
  /// ## The streams

  /// The methods of the input that take a size MUST get it as their only argument, and as an integer; without it they read to the end.
  if (args.length > limit || !(size === undefined || size === null || Number.isInteger(size))) {
    const expected = limit === 0 ? "no argument" : "one integer, or nothing";
    refuse("input/args", `${method}() with ${args.map(kindOf).join(", ")}`, expected, "application");
  }

  /// A size SHOULD NOT be negative: nothing says "to the end" as well.
  if (typeof size === "number" && size < 0) {
    exchange.warn("input/negative", `${method}() with a negative size`, "no argument", "application");
  }
}

function checkState(method: string, isLocked: boolean, exchange: LintExchange): void {
  /// The methods of the input MUST NOT be used once its `stream` was taken.
  if (isLocked) refuse("input/locked", `${method}() after .stream`, "either the methods or the stream", "application");

  /// The input MUST NOT be read after the response is over.
  if (exchange.finished) refuse("input/after-response", `${method} after the response was over`, "reading before that", "application");
}

async function checkBytes(promise: PromiseLike<unknown>, exchange: LintExchange): Promise<Uint8Array> {
  return checkType(await promise, exchange);
}

function checkType(bytes: unknown, exchange: LintExchange): Uint8Array {
  /// What the input gives MUST be Uint8Array, of length 0 at the end, in an Array from `readlines`, and as a ReadableStream from `stream`.
  if (!(bytes instanceof Uint8Array)) refuse("input/return-type", `tsgi.input giving ${kindOf(bytes)}`, "a Uint8Array", caller(exchange));
  return bytes;
}

async function checkLines(promise: PromiseLike<unknown>, exchange: LintExchange): Promise<Uint8Array[]> {
  const lines = await promise;
  if (!Array.isArray(lines)) refuse("input/return-type", `readlines() giving ${kindOf(lines)}`, "an Array of Uint8Array", caller(exchange));
  return lines.map((line) => checkType(line, exchange));
}

async function* checkEach(source: AsyncIterable<unknown>, exchange: LintExchange): AsyncGenerator<Uint8Array> {
  for await (const bytes of source) yield checkType(bytes, exchange);
}

function checkStream(stream: unknown, exchange: LintExchange): ReadableStream<Uint8Array> {
  if (stream instanceof ReadableStream) return stream;
  refuse("input/return-type", `.stream giving ${kindOf(stream)}`, "a ReadableStream", caller(exchange));
}

function getStrictly(input: InputStream, key: string | symbol): unknown {
  if (typeof key === "symbol" || key in input || HARMLESS.includes(key)) return Reflect.get(input, key);

  /// The input MUST NOT be closed or cancelled: it is the gateway's.
  if (key === "close" || key === "cancel") {
    return () => refuse("input/close", `${key}() on tsgi.input`, "leaving that to the gateway", "application");
  }

  /// Nothing else SHOULD be asked of the input: what one gateway adds, another has not. A strict lint refuses it.
  refuse("input/attribute", `tsgi.input.${key}`, "only what the specification names", "application");
}

/** Wraps `tsgi.errors`. */
export function lintErrors(errors: ErrorStream): ErrorStream & { close(): never } {
  return {
    write(text: string) {
      checkText(text, "write");
      return errors.write(text);
    },
    writelines(lines: Iterable<string>) {
      const given = [...lines];
      for (const line of given) checkText(line, "writelines");
      return errors.writelines(given);
    },
    flush: () => errors.flush(),
    close(): never {
      /// The error stream MUST NOT be closed.
      refuse("errors/close", "close() on tsgi.errors", "leaving that to the gateway", "application");
    },
  };
}

function checkText(text: unknown, method: string): void {
  /// What is written to the error stream MUST be strings.
  if (typeof text !== "string") refuse("errors/write-type", `${method}() with ${kindOf(text)}`, "strings", "application");
}

/** Wraps `tsgi.early_hints`. */
export function lintHints(hints: EarlyHints, exchange: LintExchange): EarlyHints {
  return (headers) => {
    /// Early hints MUST be headers as startResponse takes them.
    checkHeaderList(headers);
    for (const header of headers) checkHeader(header, exchange.warn);
    return hints(headers);
  };
}

/** Stands first in `tsgi.response_finished`, and so is called last. */
export function lintFinished(exchange: LintExchange): ResponseFinished {
  return (...args: readonly unknown[]) => {
    exchange.finished = true;
    const [environ, status, headers] = args;
    const isRight = args.length === 4 && typeof environ === "object" && environ !== null &&
      (typeof status === "string" ? Array.isArray(headers) : status === null && headers === null);
    /// The functions in `tsgi.response_finished` MUST be called with the environ, status and headers, or null for both if there are none,
    /// and the error or null.
    if (!isRight) {
      const seen = `tsgi.response_finished called with ${args.map(kindOf).join(", ")}`;
      refuse("response-finished/args", seen, "(environ, status, headers, error)", "gateway");
    }
  };
}
