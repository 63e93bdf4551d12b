import { kindOf } from "./error.ts";

/** Who has to change something. Middleware is told apart from the gateway only where a lint stands on its other side too. */
export type Fault = "gateway" | "application" | "middleware";

/** A rule of the specification was broken. `code` names the rule: `header/name`. */
export class LintError extends Error {
  override readonly name = "LintError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Throws: what was seen, what is expected, whose fault it is. Header values must not get into `seen`. */
export function refuse(code: string, seen: string, expected: string, fault: Fault): never {
  throw new LintError(code, describe(seen, expected, fault));
}

/** The one form of all messages, of errors and of warnings. */
export function describe(seen: string, expected: string, fault: Fault): string {
  return `Saw ${seen}, expected ${expected}: the ${fault}'s fault`;
}

/** A short value as it would be written in code, with controls escaped. */
export function quote(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 60)) : kindOf(value);
}
