/**
 * A rule of the protocol was broken: by the application, by the client, or by a middleware between them. `code` is stable and says
 * which rule; the message says what was wrong, with what value, and what to do instead.
 *
 * @example
 * ```ts
 * try {
 *   startResponse(status, headers);
 * } catch (error) {
 *   if (error instanceof TsgiError && error.code === "ERR_TSGI_HEADER_VALUE") console.error("Somebody put a control character in");
 *   throw error;
 * }
 * ```
 */
export class TsgiError extends Error {
  override readonly name: string = "TsgiError";
  readonly code: `ERR_TSGI_${string}`;
  constructor(code: `ERR_TSGI_${string}`, message: string) {
    super(message);
    this.code = code;
  }
}

/** The kind of a value in the words of an error message. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "object") return `an object (${value.constructor?.name ?? "without prototype"})`;
  return value === undefined ? "undefined" : `a ${typeof value}`;
}

/** A thrown value, whatever it is, as the text of a log: name, code, message, then the stack's frames, then its causes. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return typeof error === "object" && error !== null ? inspect(error) : String(error);
  const code = "code" in error && typeof error.code === "string" ? ` [${error.code}]` : "";
  // JavaScriptCore's stacks may lack the head that V8's have, and neither shows the code: only the frames are taken from it.
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  const cause = error.cause === undefined || error.cause === error ? [] : [`Caused by: ${describeError(error.cause)}`];
  return [`${error.name}${code}: ${error.message}`, ...frames, ...cause].join("\n");
}

function inspect(value: object): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // Cyclic, or its toJSON throws: the class is all that can be told.
    return Object.prototype.toString.call(value);
  }
}

const told = new WeakSet<object>();

/** Somebody has told the log of this error already, in better words than a stack: no gateway does so again. */
export function markTold(error: object): void {
  told.add(error);
}

export function isTold(error: unknown): boolean {
  return typeof error === "object" && error !== null && told.has(error);
}
